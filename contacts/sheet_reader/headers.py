"""Guesses which row of a sheet holds the titles, from what the rows look like."""

import re
from collections.abc import Sequence

from contacts.headings import (
    CUSTOMER_ID,
    MESSAGE,
    MOBILE,
    NAME,
    NEVER_PHONE,
    OTHER_NUMBER,
    PHONE,
    PHONE_TITLES,
    QUALIFIED,
    has_one_of,
    plain,
)
from contacts.sheet_reader.cells import looks_like_number, number_columns, says_no_number, texts_of
from contacts.sheet_reader.types import Row

#: A longer text is a sentence and no title.
MAX_TITLE = 120
#: Characters of a cell that are looked at, because the search for examples in a title is slow in a long text.
LOOKED_AT = 500

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
#: A title may show how to write a number: "Cell (e.g. 0821234567)".
_EXAMPLE = re.compile(
    r"(?<=\S)\s*(?:[(\[].*[)\]]|[,:-]?\s*\b(?:e\.?g\.?|example|format|like|such as)\b.*)", re.IGNORECASE | re.DOTALL
)
#: The first words of notes that may hold a number.
_NOTES = {
    "account", "branch", "client", "company", "contact", "document", "fax", "from", "id", "invoice", "no", "number",
    "office", "order", "printed", "reg", "registration", "report", "sender", "tax", "telephone", "tel", "user", "vat",
}  # fmt: skip
_PHONE_TITLES = set(map(plain, PHONE_TITLES))
#: A row of titles without a title over the numbers has one of these words.
_TITLE_WORDS = (
    *MOBILE, *PHONE, *NAME, *OTHER_NUMBER, *QUALIFIED, *NEVER_PHONE, *CUSTOMER_ID, *MESSAGE,
    "first", "last", "surname", "firstname", "lastname", "fullname", "title", "city", "town", "suburb", "province",
    "region", "country", "address", "street", "gender", "sex", "language", "notes", "note", "comment", "comments",
    "remarks", "no", "nr", "number", "numbers", "category", "area", "store", "source", "van", "stad",
)  # fmt: skip
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
    below = filled[len(above) :]
    candidates = [row for row in above if _has_title(row, columns) and not _is_heading(row, [*above, *below])]
    if candidates:
        known = [row for row in candidates if _usual_titles(row, columns)]
        # Words are weaker evidence: a person may have "no phone".
        similar = [row for row in candidates if _similar_titles(row, columns)]
        similar = [row for row in similar if len(texts_of(row)) == max(len(texts_of(other)) for other in similar)]
        return (known[-1] if known else similar[0] if similar else candidates[-1]).number
    return _with_blank_title(above, below)


def _above_the_data(filled: list[Row], columns: set[int]) -> list[Row]:
    """The rows above the first row of data: the first that has a number where most of the numbers are.

    A number in a note, such as "Telephone; 0115550100", is above the usual titles.
    """
    first = next(place for place, row in enumerate(filled) if _is_data(row, columns))
    if not any(_usual_titles(row, columns) or _similar_titles(row, columns) for row in filled[:first]):
        for place, row in enumerate(filled[:15]):
            has_titles = _usual_titles(row, columns) or _similar_titles(row, columns)
            if place > first and not _is_data(row, columns) and has_titles:
                before = [other for other in filled[:place] if _is_data(other, columns)]
                if len(before) <= 3 and all(_is_note(other, row) for other in before):
                    return filled[: place + 1]
                break
    return filled[:first]


def _is_note(row: Row, titles: Row) -> bool:
    """Whether a row with a number above the usual titles is a note, such as the sender's own number, and no person."""
    label = plain(texts_of(row)[0])
    return len(texts_of(row)) < len(texts_of(titles)) or label in _USUAL_TITLES or bool(set(label.split()) & _NOTES)


def _is_data(row: Row, columns: set[int]) -> bool:
    return not _is_labelled(row) and any(
        column < len(row.cells) and looks_like_number(row.cells[column]) for column in columns
    )


def _is_labelled(row: Row) -> bool:
    """Whether it is a note such as ``Exported on: | 2024-05-01``."""
    texts = texts_of(row)
    if any(plain(text) in _USUAL_TITLES for text in texts[1:]) or (
        len(texts) == 1 and plain(texts[0]) in _PHONE_TITLES
    ):
        return False
    return len(texts) <= 4 and bool(texts) and texts[0].endswith((":", "：")) and not looks_like_number(texts[0])


def _is_heading(row: Row, filled: list[Row]) -> bool:
    """Whether its only text is the heading of the sheet and not of a column: a blank row and wider rows follow."""
    below = [other for other in filled if other.number > row.number]
    return len(texts_of(row)) == 1 and below[0].number > row.number + 1 and len(texts_of(below[0])) > 1


def _has_title(row: Row, columns: set[int]) -> bool:
    """Whether the row has a text over a column of numbers that can be its title."""
    if _is_labelled(row) or any(map(_has_many_digits, row.cells)):
        return False
    return any(_is_title(row.cells[column]) for column in columns if column < len(row.cells))


def _is_title(text: str) -> bool:
    text = text.strip()
    without_year = _without_examples(text)
    return (
        len(text) <= MAX_TITLE
        and not says_no_number(text)
        and (any(map(str.isalpha, text)) or not without_year)
        and sum(map(str.isdigit, without_year)) < 4
        and "@" not in text
    )


def _has_many_digits(text: str) -> bool:
    """Whether there may be a phone number in ``text``, which no header has."""
    return sum(map(str.isdigit, _without_examples(text))) > 6


def _without_examples(text: str) -> str:
    return _YEAR.sub("", _EXAMPLE.sub("", text.strip()[:LOOKED_AT]))


def _usual_titles(row: Row, columns: set[int]) -> bool:
    """Whether a title over a column of numbers is one that people usually give to phone numbers."""
    return any(plain(row.cells[column]) in _PHONE_TITLES for column in columns if column < len(row.cells))


def _similar_titles(row: Row, columns: set[int]) -> bool:
    """Whether a title over a column of numbers has a word for a phone, in any language."""
    texts = [row.cells[column] for column in columns if column < len(row.cells)]
    return any(_is_title(text) and len(text.split()) <= 4 and has_one_of((*MOBILE, *PHONE), text) for text in texts)


def _with_blank_title(above: list[Row], data: list[Row]) -> int:
    """The header among the rows above the data where the column of numbers has no title; 0 if none can be one."""
    filled = [*above, *data]
    candidates = [
        row
        for row in above
        if not _is_labelled(row) and all(map(_is_title, texts_of(row))) and not _is_heading(row, filled)
        if any(has_one_of(_TITLE_WORDS, text) for text in texts_of(row))
    ]
    fullest = max((len(texts_of(row)) for row in candidates), default=0)
    if not candidates or (fullest == 1 and len(texts_of(data[0])) > 2):
        return 0
    return next(row.number for row in candidates if len(texts_of(row)) == fullest)


def _without_numbers(filled: list[Row]) -> int:
    """The header of a sheet whose first rows have no phone number at all."""
    usual = [row for row in filled[:15] if any(plain(text) in _USUAL_TITLES for text in texts_of(row))]
    candidates = [row for row in filled if not _is_labelled(row) and not any(map(_has_many_digits, row.cells))]
    width = max((len(texts_of(row)) for row in candidates), default=0)
    full = [row for row in candidates if len(texts_of(row)) * 2 > width]
    header = (usual or full)[0] if usual or full else None
    if header is None or any(cell.isdecimal() and len(cell) > 4 for cell in texts_of(header)):
        return 0
    return header.number
