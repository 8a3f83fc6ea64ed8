"""Reads the rows of one worksheet of an Open XML workbook, from its XML and in one pass."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import IO

from contacts.sheet_reader.archive import broken
from contacts.sheet_reader.types import MAX_ROWS, Row, SheetError, too_many_rows
from contacts.sheet_reader.values import Values, without_result
from contacts.sheet_reader.xml_stream import XmlStream

#: The last column of Excel is XFD.
MAX_EXCEL_COLUMNS = 16_384
#: Cells of a sheet whose rows are stored out of order: all of them are held in memory to be sorted.
MAX_SORTED_CELLS = 2_000_000

_DIGITS = "0123456789"
_TRUE = ("1", "true", "on")
_RANGE = re.compile(r"\$?([A-Z]+)\$?(\d+):\$?([A-Z]+)\$?(\d+)")

#: The first and the last row, the first and the last column; columns count from 0.
Merge = tuple[int, int, int, int]
#: The number of a row, whether it is hidden, and the row.
StoredRow = tuple[int, bool, Row]


@dataclass
class Scan:
    """What is known about a sheet after one pass.

    ``rows``: the number of rows with data. ``last_row``: the number of the last of them. ``hidden``: the numbers of
    those that are hidden. ``merges``: ranges of cells that are shown as one.
    """

    rows: int = 0
    last_row: int = 0
    hidden: set[int] = field(default_factory=set)
    is_in_order: bool = True
    merges: list[Merge] = field(default_factory=list)

    def add(self, number: int, is_hidden: bool) -> None:
        """Count a row with data. Raises SheetError for one that has the number of the row before."""
        if number == self.last_row:
            raise _stored_twice(number)
        if number < self.last_row:
            self.is_in_order = False
        self.rows += 1
        self.last_row = max(self.last_row, number)
        if is_hidden:
            self.hidden.add(number)


def scan(part: IO[bytes], values: Values) -> Scan:
    """Read the whole sheet once. Raises SheetError, also for two rows with the same number."""
    found = Scan()
    parser = SheetParser(values)
    for number, is_hidden, _ in parser.stored_rows(part):
        found.add(number, is_hidden)
    found.merges = parser.merges
    return found


def has_data(part: IO[bytes], values: Values) -> bool:
    """Whether any cell of the sheet has a value. Raises SheetError."""
    return any(True for _ in SheetParser(values).stored_rows(part))


def rows(part: IO[bytes], values: Values, scanned: Scan) -> Iterator[Row]:
    """The rows with data in their order, hidden ones too. Raises SheetError."""
    stored = (row for _, _, row in SheetParser(values).stored_rows(part))
    in_order = stored if scanned.is_in_order else _sorted(stored)
    for row in _without_merged(in_order, scanned.merges) if scanned.merges else in_order:
        yield row
        if row.number == scanned.last_row:
            return


def _sorted(unsorted: Iterator[Row]) -> Iterator[Row]:
    held: list[Row] = []
    count = 0
    for row in unsorted:
        held.append(row)
        count += len(row.cells)
        if count > MAX_SORTED_CELLS:
            raise SheetError(
                "too_large",
                "The rows of this workbook are stored out of order, and there are too many to sort. Open it in Excel,"
                " save it and upload it again.",
            )
    held.sort(key=lambda row: row.number)
    for before, row in pairwise(held):
        if before.number == row.number:
            raise _stored_twice(row.number)
    yield from held


def _without_merged(all_rows: Iterator[Row], merges: list[Merge]) -> Iterator[Row]:
    """A merged range shows only its first cell; what is stored in the others cannot be seen."""
    waiting = sorted(merges, reverse=True)
    active: list[Merge] = []
    for row in all_rows:
        while waiting and waiting[-1][0] <= row.number:
            active.append(waiting.pop())
        active = [merge for merge in active if merge[1] >= row.number]
        for first_row, _, first_column, last_column in active:
            start = first_column + 1 if first_row == row.number else first_column
            for column in range(start, min(last_column + 1, len(row.cells))):
                row.cells[column] = ""
                row.problems.pop(column, None)
        yield row


class SheetParser:
    """Collects the rows with data while the XML of a worksheet is parsed.

    A row or a cell without a number follows the one before. ``merges`` is complete after the last row.
    """

    def __init__(self, values: Values) -> None:
        self.merges: list[Merge] = []
        self._show = values.show
        self._columns: dict[str, int] = {}
        self._done: list[StoredRow] = []
        # The names of elements, known from the namespace of the first.
        self._c = self._v = self._t = self._f = ""
        self._is_in_data = False
        self._number = 0
        self._has_number = self._is_hidden = False
        self._row = Row(0, [], {})
        self._column = -1
        self._type = self._style = ""
        self._value: str | None = None
        self._formula: str | None = None
        self._text = ""
        self._takes_text = self._is_phonetic = False

    def stored_rows(self, part: IO[bytes]) -> Iterator[StoredRow]:
        """The rows in the order in which they are stored. Raises SheetError."""
        stream = XmlStream(self._start, self._end, self._add_text)
        with part:
            while stream.read(part):
                yield from self._done
                self._done.clear()

    def _add_text(self, data: str) -> None:
        if self._takes_text:
            self._text += data

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._is_in_data:
            self._start_outside(name, attributes)
        elif name == self._c:
            reference = attributes.get("r")
            if reference:
                letters = reference.rstrip(_DIGITS)
                column = self._columns.get(letters)
                self._column = self._new_column(letters) if column is None else column
                if not self._has_number:
                    self._set_number(reference[len(letters) :])
            else:
                self._column += 1
            self._type = attributes.get("t", "")
            self._style = attributes.get("s", "")
            self._value = self._formula = None
        elif name == self._v or name == self._f or name == self._t:
            self._text = ""
            self._takes_text = not self._is_phonetic
        else:
            self._start_other(name.rpartition("}")[2], attributes)

    def _end(self, name: str) -> None:
        if name == self._c:
            if self._value or self._formula is not None:
                self._finish_cell()
        elif self._takes_text:
            self._takes_text = False
            if name == self._f:
                self._formula = self._text
            else:
                # A text cell may have several runs.
                self._value = self._text if name == self._v or self._value is None else self._value + self._text
        elif self._is_in_data:
            self._end_other(name.rpartition("}")[2])

    def _start_outside(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, element = name.rpartition("}")
        if not self._c:
            if element != "worksheet":
                raise broken()
            self._c, self._v, self._t, self._f = (f"{namespace}}}{each}" if namespace else each for each in "cvtf")
        elif element == "sheetData":
            self._is_in_data = True
        elif element == "mergeCell" and (found := _RANGE.fullmatch(attributes.get("ref", "").upper())):
            first, last = sorted((int(found[2]), int(found[4])))
            left, right = sorted((_column_number(found[1]), _column_number(found[3])))
            self.merges.append((first, last, left, right))

    def _start_other(self, element: str, attributes: dict[str, str]) -> None:
        if element == "row":
            self._has_number = "r" in attributes
            if self._has_number:
                self._set_number(attributes["r"])
            else:
                self._number += 1
            self._is_hidden = attributes.get("hidden") in _TRUE or _is_zero(attributes.get("ht", ""))
            self._row = Row(self._number, [], {})
            self._column = -1
        elif element == "rPh":
            self._is_phonetic = True

    def _end_other(self, element: str) -> None:
        if element == "row":
            row = self._row
            if any(map(str.strip, row.cells)):
                if row.number != self._number:
                    row = row._replace(number=self._number)
                self._done.append((self._number, self._is_hidden, row))
        elif element == "rPh":
            self._is_phonetic = False
        elif element == "sheetData":
            self._is_in_data = False

    def _finish_cell(self) -> None:
        column = self._column
        if self._value:
            text, problem = self._show(self._type, self._style, self._value)
        elif self._type == "str" and self._value is not None:
            return
        else:
            text, problem = without_result(self._formula or "")
        cells = self._row.cells
        if len(cells) == column:
            cells.append(text)
        else:
            cells += [""] * (column + 1 - len(cells))
            cells[column] = text
        if problem:
            code, rest = problem
            self._row.problems[column] = code, f"Cell {column_letters(column)}{self._number} {rest}"

    def _new_column(self, letters: str) -> int:
        column = self._columns[letters] = _column_number(letters.upper().replace("$", ""))
        return column

    def _set_number(self, number: str) -> None:
        """The number of the row, which a row without one has from its first cell. Raises SheetError."""
        if not number.isdigit() or len(number) > 9 or int(number) == 0:
            raise broken()
        self._number = int(number)
        self._has_number = True
        if self._number > MAX_ROWS:
            raise too_many_rows()


def column_letters(column: int) -> str:
    """The letters of a column counted from 0: A, B ... Z, AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _column_number(letters: str) -> int:
    """The column counted from 0. Raises SheetError."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    if not re.fullmatch("[A-Z]{1,3}", letters) or number > MAX_EXCEL_COLUMNS:
        raise broken()
    return number - 1


def _is_zero(height: str) -> bool:
    try:
        return float(height) == 0
    except ValueError:
        return False


def _stored_twice(number: int) -> SheetError:
    return SheetError(
        "broken", f"Row {number} is stored twice in this workbook. Open it in Excel, save it and upload it again."
    )
