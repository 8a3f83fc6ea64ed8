"""Reads the rows of a worksheet by pattern, which is four times as fast as parsing its XML.

The patterns know the cells that Excel and most other programs write. A piece of the XML with anything else is parsed by
``SheetParser``, which gives the same rows.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import IO

from contacts.sheet_reader.pieces import PLAIN, pieces, without_entities
from contacts.sheet_reader.sheet_parser import SheetParser, StoredRow
from contacts.sheet_reader.sheet_scan import Merge, column_letters, column_number, is_hidden_row
from contacts.sheet_reader.types import MAX_ROWS, Row
from contacts.sheet_reader.values import Values

#: The groups: the letters of the column, the style, the type and the value. A formula needs a result.
_CELL = re.compile(
    r'<c r="([A-Z]{1,3})[0-9]+"(?: s="([0-9]+)")?(?: t="([a-zA-Z]+)")?>'
    rf'(?:<v>|<is><t(?: xml:space="preserve")?>|<f(?:{PLAIN}*/>|{PLAIN}*>{PLAIN}*</f>)<v>(?=[^<]))'
    rf"({PLAIN}*)(?:</v>|</t></is>)</c>"
)
_GROUPS = 4
# White space is written once between two elements, so that there is one way to match it.
_BLANK_CELLS = r'(?:<c r="[A-Z]{1,3}[0-9]+"(?: s="[0-9]+")?(?:/>|></c>)\s*)*'
_ATTRIBUTES = r'(?: (?!r=)[a-zA-Z0-9:]+="[^<>&"\x00-\x1f]*")*'
_BLANK_ROWS = rf'(?:<row r="[1-9][0-9]{{0,5}}"{_ATTRIBUTES}(?:/>|>\s*{_BLANK_CELLS}</row>)\s*)*'
_ROW = rf'<row r="([1-9][0-9]{{0,6}})"({_ATTRIBUTES})>\s*{_BLANK_CELLS}'
#: Before the first cell of a piece, between two cells, and after the last one.
_FIRST = re.compile(rf"\s*{_BLANK_ROWS}{_ROW}")
_BETWEEN = re.compile(rf"\s*{_BLANK_CELLS}(?:</row>\s*{_BLANK_ROWS}{_ROW})?")
_LAST = re.compile(rf"\s*{_BLANK_CELLS}</row>\s*{_BLANK_ROWS}")
_HIDDEN = re.compile(r' hidden="([^"]*)"')
_HEIGHT = re.compile(r' ht="([^"]*)"')
#: Letters of the first columns, in their order.
_LETTERS = [column_letters(column) for column in range(200)]


class SheetRows:
    """Reads the rows with data of one worksheet. ``merges`` is complete after the last row."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._parser = SheetParser(values)
        self.merges: list[Merge] = self._parser.merges

    def stored(self, part: IO[bytes]) -> Iterator[StoredRow]:
        """The rows in the order in which they are stored. Raises SheetError."""
        with part:
            for piece, found in pieces(part, b"worksheet", b"row", self._by_pattern):
                yield from self._parser.feed(piece) if found is None else found
        self._parser.close()

    def _by_pattern(self, text: str) -> list[StoredRow] | None:
        """The rows of a piece; None if it has to be parsed."""
        if not self._parser.is_between_rows:
            return None
        parts = _CELL.split(text)
        columns, styles, kinds, values = (parts[group :: _GROUPS + 1] for group in range(1, _GROUPS + 1))
        begins = _begins_of_rows(parts[:: _GROUPS + 1])
        if begins is None:
            return None
        if "&" in text:
            values = [without_entities(value) if "&" in value else value for value in values]
        texts, problems = self._values.show_all(kinds, styles, values)
        has_empty_values = "" in values
        found = []
        for (number, is_hidden, begin), (_, _, end) in pairwise(begins):
            cells = texts[begin:end]
            if columns[begin:end] != _LETTERS[: end - begin] or has_empty_values:
                cells = _placed(
                    columns[begin:end], [text if values[begin + n] else None for n, text in enumerate(cells)]
                )
            row = Row(number, cells, {})
            if problems:
                for place in range(begin, end):
                    if problem := problems.get(place):
                        letters = columns[place]
                        sentence = f"Cell {letters}{number} {problem[1]}"
                        row.problems[column_number(letters)] = problem[0], sentence
            if (cells and cells[0].strip()) or any(map(str.strip, cells)):
                found.append((number, is_hidden, row))
        self._parser.number = begins[-2][0]
        return found


def _begins_of_rows(gaps: list[str]) -> list[tuple[int, bool, int]] | None:
    """The number of each row, whether it is hidden, and the position of its first cell; one more for the end.

    ``gaps``: what is before, between and after the cells. None if that is not only the beginnings and ends of rows.
    """
    found: list[tuple[int, bool, int]] = []
    last = len(gaps) - 1
    for place, gap in enumerate(gaps):
        if not gap:
            continue
        match = (_FIRST if place == 0 else _LAST if place == last else _BETWEEN).fullmatch(gap)
        if not match:
            return None
        if place < last and match[1]:
            if int(match[1]) > MAX_ROWS:
                return None
            found.append((int(match[1]), _is_hidden(match[2]), place))
    if not found or not gaps[last]:
        return None
    return [*found, (0, False, last)]


@lru_cache(maxsize=1024)
def _is_hidden(attributes: str) -> bool:
    hidden, height = _HIDDEN.search(attributes), _HEIGHT.search(attributes)
    return is_hidden_row(hidden[1] if hidden else "", height[1] if height else "")


def _placed(columns: list[str], texts: list[str | None]) -> list[str]:
    """Texts in their columns; None is for no cell at all. Raises SheetError for a column that does not exist."""
    cells: list[str] = []
    for letters, text in zip(columns, texts, strict=True):
        column = column_number(letters)
        if text is not None:
            cells += [""] * (column + 1 - len(cells))
            cells[column] = text
    return cells
