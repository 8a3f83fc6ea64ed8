"""Guesses which row of a sheet holds the titles, from what the rows look like."""

from collections.abc import Sequence

from contacts.headings import CUSTOMER_ID, MESSAGE, PHONE_TITLES, plain
from contacts.sheet_reader.cells import looks_like_number, number_columns, texts_of
from contacts.sheet_reader.types import Row

#: A longer text is a sentence and no title.
MAX_TITLE = 120

_NO_VALUE = {
    "",
    "-",
    "--",
    "?",
    ".",
    "/",
    "0",
    "none",
    "n/a",
    "na",
    "nil",
    "null",
    "unknown",
    "no",
    "missing",
    "tbc",
    "x",
}
_PHONE_TITLES = set(map(plain, PHONE_TITLES))
_USUAL_TITLES = _PHONE_TITLES | set(map(plain, (*CUSTOMER_ID, *MESSAGE, "name", "first name", "surname", "number")))


def guess_header_row(rows: Sequence[Row]) -> int:
    """The number of the row that holds the titles; 0 if there is none.

    ``rows``: the first ones of the sheet. A row of data is never taken for the header: what is above the header is left
    out, so a person there would be lost.
    """
    filled = [row for row in rows if row.cells]
    columns = number_columns(row.cells for row in filled if not _is_labelled(row))
    if not columns:
        return _without_numbers(filled)
    above = _above_the_data(filled, columns)
    candidates = [row for row in above if _has_title(row, columns)]
    if candidates:
        known = [row for row in candidates if _usual_titles(row, columns)]
        return (known[-1] if known else candidates[-1]).number
    return _with_blank_title(above, filled[len(above) :])


def _above_the_data(filled: list[Row], columns: set[int]) -> list[Row]:
    """The rows above the first row of data: the first that has a number where most of the numbers are.

    A number in a note, such as "Telephone; 0115550100", is above the usual titles, apart from them or shorter.
    """
    data = [row for row in filled if _is_data(row, columns)]
    first = filled.index(data[0])
    for place, row in enumerate(filled[:15]):
        if place <= first or _is_data(row, columns) or not _usual_titles(row, columns):
            continue
        before = [other for other in filled[:place] if _is_data(other, columns)]
        apart = row.number - filled[place - 1].number > 1
        if len(before) <= 3 and all(apart or len(texts_of(other)) < len(texts_of(row)) for other in before):
            return filled[: place + 1]
        break
    return filled[:first]


def _is_data(row: Row, columns: set[int]) -> bool:
    return not _is_labelled(row) and any(
        column < len(row.cells) and looks_like_number(row.cells[column]) for column in columns
    )


def _is_labelled(row: Row) -> bool:
    """Whether it is a note such as ``Exported on: | 2024-05-01``."""
    texts = texts_of(row)
    return len(texts) <= 4 and bool(texts) and texts[0].endswith((":", "：")) and not looks_like_number(texts[0])


def _has_title(row: Row, columns: set[int]) -> bool:
    """Whether the row has a text over a column of numbers that can be its title."""
    return not _is_labelled(row) and any(_is_title(row.cells[column]) for column in columns if column < len(row.cells))


def _is_title(text: str) -> bool:
    text = text.strip()
    return (
        len(text) <= MAX_TITLE
        and text.lower() not in _NO_VALUE
        and any(map(str.isalpha, text))
        and sum(map(str.isdigit, text)) < 4
        and "@" not in text
    )


def _usual_titles(row: Row, columns: set[int]) -> bool:
    """Whether a title over a column of numbers is one that people usually give to phone numbers."""
    return any(plain(row.cells[column]) in _PHONE_TITLES for column in columns if column < len(row.cells))


def _with_blank_title(above: list[Row], data: list[Row]) -> int:
    """The header among the rows above the data where the column of numbers has no title; 0 if none can be one."""
    candidates = [row for row in above if not _is_labelled(row) and all(map(_is_title, texts_of(row)))]
    if not candidates:
        return 0
    fullest = max(len(texts_of(row)) for row in candidates)
    header = next(row for row in candidates if len(texts_of(row)) == fullest)
    is_apart = any(row.number == header.number + 1 for row in (*above, *data)) is False
    return 0 if fullest == 1 and (is_apart or len(texts_of(data[0])) > 2) else header.number


def _without_numbers(filled: list[Row]) -> int:
    """The header of a sheet whose first rows have no phone number at all."""
    usual = [row for row in filled[:15] if any(plain(text) in _USUAL_TITLES for text in texts_of(row))]
    candidates = [row for row in filled if not _is_labelled(row)] or filled
    width = max((len(texts_of(row)) for row in candidates), default=0)
    full = [row for row in candidates if len(texts_of(row)) * 2 > width]
    header = (usual or full)[0] if usual or full else None
    if header is None or any(cell.isdecimal() and len(cell) > 4 for cell in texts_of(header)):
        return 0
    return header.number
