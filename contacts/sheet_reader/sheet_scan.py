"""What is known about a worksheet before its rows are read, counted in the bytes of its XML: faster than parsing it."""

import operator
import re
from dataclasses import dataclass, field
from typing import IO

from contacts.sheet_reader.parts import broken, reading
from contacts.sheet_reader.pieces import is_plain_xml
from contacts.sheet_reader.types import MAX_ROWS, SheetError, too_many_rows

#: The first and the last row, the first and the last column; columns count from 0.
Merge = tuple[int, int, int, int]

#: The last column of Excel is XFD.
MAX_EXCEL_COLUMNS = 16_384

_TRUE = ("1", "true", "on")
#: Bytes that are counted at once.
_PIECE = 1024 * 1024
#: A row, or what follows the rows, may have that many bytes.
_LONGEST = 64 * 1024**2

#: Comments and the like, and what may be a value that looks empty: escaped characters and no-break spaces.
#: Each with a byte that is rare, because looking for one byte is ten times as fast.
_UNCERTAIN = ((b"!", b"<!"), (b"_", b"_x00"), (b"&", b"&#"), (b"\xa0", b"\xc2\xa0<"), (b"\x80", b"\xe3\x80\x80<"))

#: A row that is not hidden, whose first cells are blank and styled, if any, and whose next cell has a value.
_PLAIN_ROW = re.compile(
    rb'<row r="([0-9]{1,9})"(?: (?!ht=|hidden=)[a-zA-Z0-9:]+="[^<>"]*"| ht="[1-9][^<>"]*")*>'
    rb"(?:<c [^<>]*/>)*<c [^<>]*[^<>/]>(?:<f>[^<>]*</f>)?(?:<is>)?<[vt](?: [^<>]*)?>[^<\s]"
)
_NUMBER = re.compile(rb"\sr\s*=\s*[\"'](\d{1,9})[\"']")
_HIDDEN = re.compile(rb"\shidden\s*=\s*[\"'](\w*)[\"']")
_HEIGHT = re.compile(rb"\sht\s*=\s*[\"']([^\"']*)[\"']")
_VALUE = re.compile(rb"<[vt](?:\s[^>]*)?>\s*[^<\s]")
_EMPTY_RESULT = re.compile(rb"\st\s*=\s*[\"']str[\"'][^>]*>.*<v", re.DOTALL)
_MERGE = re.compile(rb"<mergeCell\s[^>]*ref\s*=\s*[\"']([^\"']*)[\"']")
_RANGE = re.compile(r"\$?([A-Z]+)\$?(\d+):\$?([A-Z]+)\$?(\d+)")


@dataclass
class Scan:
    """``rows``: the number of rows with data. ``last_row``: the number of the last of them. ``hidden``: the numbers of
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
            raise stored_twice(number)
        if number < self.last_row:
            self.is_in_order = False
        self.rows += 1
        self.last_row = max(self.last_row, number)
        if is_hidden:
            self.hidden.add(number)


def quick_scan(part: IO[bytes]) -> Scan | None:
    """Count in the bytes of a sheet; None if its XML has to be parsed for that.

    It takes every stored value for data, so it is not for a workbook in which a value may show nothing.
    """
    found = Scan()
    rest = b""
    is_first, is_in_data = True, True
    with part:
        while piece := reading(part, _PIECE):
            data = rest + piece
            if is_first and not is_plain_xml(data, b"worksheet"):
                return None
            is_first = False
            if len(data) > _LONGEST or any(rare in data and each in data for rare, each in _UNCERTAIN):
                return None
            if not is_in_data:
                rest = data
                continue
            end = data.find(b"</sheetData>")
            # The last row may not be complete.
            cut = end if end >= 0 else max(0, data.rfind(b"<row"))
            rows, rest = data[:cut], data[cut:]
            is_in_data = end < 0
            count = rows.count(b"<row")
            if count and not _add_plain_rows(found, rows, count):
                for row in rows.split(b"<row")[1:]:
                    if not _add_row(found, row):
                        return None
    found.merges = [merge for each in _MERGE.finditer(rest) if (merge := merge_of(each[1].decode("ascii", "replace")))]
    return None if is_in_data or not found.rows else found


def is_hidden_row(hidden: str, height: str) -> bool:
    """By the attributes ``hidden`` and ``ht`` of a row; "" for one that is missing."""
    if hidden in _TRUE:
        return True
    try:
        return float(height) == 0
    except ValueError:
        return False


def merge_of(reference: str) -> Merge | None:
    """The range of a reference such as A1:B3; None for a single cell. Raises SheetError."""
    found = _RANGE.fullmatch(reference.upper())
    if not found:
        return None
    first, last = sorted((int(found[2]), int(found[4])))
    left, right = sorted((column_number(found[1]), column_number(found[3])))
    return first, last, left, right


def column_letters(column: int) -> str:
    """The letters of a column counted from 0: A, B ... Z, AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """The column counted from 0. Raises SheetError."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    if not re.fullmatch("[A-Z]{1,3}", letters) or number > MAX_EXCEL_COLUMNS:
        raise broken()
    return number - 1


def stored_twice(number: int) -> SheetError:
    """The refusal of a sheet with two rows of the same number."""
    return SheetError(
        "broken", f"Row {number} is stored twice in this workbook. Open it in Excel, save it and upload it again."
    )


def _add_plain_rows(found: Scan, data: bytes, count: int) -> bool:
    """Count the rows of ``data``, each of which begins with a value, at once. Returns whether that is possible."""
    numbers = list(map(int, _PLAIN_ROW.findall(data)))
    if len(numbers) != count or numbers[-1] > MAX_ROWS:
        return False
    if numbers[0] <= found.last_row or not all(map(operator.lt, numbers, numbers[1:])):
        return False
    found.rows += count
    found.last_row = numbers[-1]
    return True


def _add_row(found: Scan, row: bytes) -> bool:
    """Count what stands between ``<row`` and the next one. Returns whether that is possible."""
    if not _VALUE.search(row) and not (b"<f" in row and _has_formula_without_result(row)):
        return True
    attributes = row[: row.find(b">")]
    number = _NUMBER.search(attributes)
    if not number:
        return False
    if int(number[1]) > MAX_ROWS:
        raise too_many_rows()
    hidden = _HIDDEN.search(attributes) if b"hidden" in attributes else None
    height = _HEIGHT.search(attributes) if b"ht" in attributes else None
    found.add(
        int(number[1]),
        is_hidden_row(hidden[1].decode() if hidden else "", height[1].decode("ascii", "replace") if height else ""),
    )
    return True


def _has_formula_without_result(row: bytes) -> bool:
    return any(b"<f" in cell and not _EMPTY_RESULT.search(cell) for cell in row.split(b"<c")[1:])
