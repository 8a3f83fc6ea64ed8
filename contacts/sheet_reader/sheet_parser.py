"""Parses the XML of a worksheet: every row with data, whatever program wrote it."""

from contacts.sheet_reader.parts import broken
from contacts.sheet_reader.sheet_scan import Merge, column_letters, column_number, is_hidden_row, merge_of
from contacts.sheet_reader.types import MAX_ROWS, Row, too_many_rows
from contacts.sheet_reader.values import Values, without_result
from contacts.sheet_reader.xml_stream import XmlStream

_DIGITS = "0123456789"
#: The number of a row, whether it is hidden, and the row.
StoredRow = tuple[int, bool, Row]


class SheetParser:
    """Collects the rows with data while the XML of a worksheet is parsed.

    A row or a cell without a number follows the one before. ``merges`` is complete after the last row.
    ``is_between_rows``: whether the next element can be a row. ``number``: of the last row.
    """

    def __init__(self, values: Values) -> None:
        self.merges: list[Merge] = []
        self.number = 0
        self._show = values.show
        self._stream = XmlStream(self._start, self._end, self._add_text)
        self._columns: dict[str, int] = {}
        self._done: list[StoredRow] = []
        # The names of elements, known from the namespace of the first.
        self._c = self._v = self._t = self._f = ""
        self._is_in_data = False
        self._open_rows = 0
        self._has_number = self._is_hidden = False
        self._row = Row(0, [], {})
        self._column = -1
        self._type = self._style = ""
        self._value: str | None = None
        self._formula: str | None = None
        self._text = ""
        self._takes_text = self._is_phonetic = False

    @property
    def is_between_rows(self) -> bool:
        return self._is_in_data and not self._open_rows

    def feed(self, piece: bytes) -> list[StoredRow]:
        """Parse the next piece; return its rows with data as they are stored. Raises SheetError."""
        self._stream.feed(piece)
        found, self._done = self._done, []
        return found

    def close(self) -> None:
        """End the document. Raises SheetError if it is not complete."""
        self._stream.close()

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
        elif element == "mergeCell" and (merge := merge_of(attributes.get("ref", ""))):
            self.merges.append(merge)

    def _start_other(self, element: str, attributes: dict[str, str]) -> None:
        if element == "row":
            self._open_rows += 1
            self._has_number = "r" in attributes
            if self._has_number:
                self._set_number(attributes["r"])
            else:
                self.number += 1
            self._is_hidden = is_hidden_row(attributes.get("hidden", ""), attributes.get("ht", ""))
            self._row = Row(self.number, [], {})
            self._column = -1
        elif element == "rPh":
            self._is_phonetic = True

    def _end_other(self, element: str) -> None:
        if element == "row":
            self._open_rows -= 1
            row = self._row
            if any(map(str.strip, row.cells)):
                if row.number != self.number:
                    row = row._replace(number=self.number)
                self._done.append((self.number, self._is_hidden, row))
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
            self._row.problems[column] = code, f"Cell {column_letters(column)}{self.number} {rest}"

    def _new_column(self, letters: str) -> int:
        column = self._columns[letters] = column_number(letters.upper().replace("$", ""))
        return column

    def _set_number(self, number: str) -> None:
        """The number of the row, which a row without one has from its first cell. Raises SheetError."""
        if not number.isdigit() or len(number) > 9 or int(number) == 0:
            raise broken()
        self.number = int(number)
        self._has_number = True
        if self.number > MAX_ROWS:
            raise too_many_rows()
