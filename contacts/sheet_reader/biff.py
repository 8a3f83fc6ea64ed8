"""What python-calamine does not tell of an old Excel file (.xls): number formats, errors, hidden rows and passwords.

It reads the records of [MS-XLS] (BIFF5 and BIFF8) that tell them; texts are left to calamine. Pure.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from contacts.sheet_reader.number_formats import BUILT_IN, GENERAL, NumberFormat
from contacts.sheet_reader.parts import broken, password
from contacts.sheet_reader.sheet_scan import Merge
from contacts.sheet_reader.values import Shown, error_problem, number_shown

_BOF, _EOF = 0x809, 0x0A
_FILEPASS, _DATEMODE, _WINDOW1, _FORMAT, _XF, _BOUNDSHEET = 0x2F, 0x22, 0x3D, 0x41E, 0xE0, 0x85
_ROW, _NUMBER, _RK, _MULRK, _FORMULA, _BOOLERR, _MERGEDCELLS = 0x208, 0x203, 0x27E, 0xBD, 0x06, 0x205, 0xE5
_BIFF8 = 0x600
#: The bit of a row that says that it is hidden.
_HIDDEN = 0x20

_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}

#: A kind of record and its data.
Record = tuple[int, bytes]


@dataclass
class SheetRecords:
    """By row and column, both counted from 0: what cells with numbers and errors say. ``hidden`` counts from 0, too."""

    shown: dict[tuple[int, int], Shown] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    merges: list[Merge] = field(default_factory=list)


class Records:
    """The stream of a workbook. ``active``: the position of the sheet that was open. Raises SheetError."""

    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self.active = 0
        self._positions: list[int] = []
        self._formats: list[NumberFormat] = []
        try:
            self._read_globals()
        except (struct.error, IndexError) as error:
            raise broken() from error

    def sheet(self, position: int) -> SheetRecords:
        """What the records of the sheet at that position, counted from 0, tell. Raises SheetError."""
        found = SheetRecords()
        try:
            for kind, data in self._records(self._positions[position]):
                self._read_sheet_record(found, kind, data)
        except (struct.error, IndexError) as error:
            raise broken() from error
        return found

    def _read_globals(self) -> None:
        codes = dict(BUILT_IN)
        styles: list[int] = []
        is_1904 = False
        version = 0
        for kind, data in self._records(0):
            if kind == _FILEPASS:
                raise password()
            if kind == _BOF:
                version = struct.unpack_from("<H", data)[0]
            elif kind == _DATEMODE:
                is_1904 = data[:1] == b"\x01"
            elif kind == _WINDOW1:
                self.active = struct.unpack_from("<H", data, 10)[0]
            elif kind == _FORMAT:
                codes[struct.unpack_from("<H", data)[0]] = _format_code(data, version)
            elif kind == _XF:
                styles.append(struct.unpack_from("<H", data, 2)[0])
            elif kind == _BOUNDSHEET:
                self._positions.append(struct.unpack_from("<I", data)[0])
        formats = {style: NumberFormat(codes.get(style, GENERAL), is_1904) for style in set(styles)}
        self._formats = [formats[style] for style in styles]

    def _records(self, position: int) -> Iterator[Record]:
        """The records from ``position`` to the end of that part of the stream. What is embedded in it is left out."""
        depth = 0
        while position + 4 <= len(self._stream):
            kind, length = struct.unpack_from("<HH", self._stream, position)
            depth += (kind == _BOF) - (kind == _EOF)
            if depth == 0:
                return
            if depth == 1:
                yield kind, self._stream[position + 4 : position + 4 + length]
            position += 4 + length

    def _read_sheet_record(self, found: SheetRecords, kind: int, data: bytes) -> None:
        if kind == _ROW:
            if struct.unpack_from("<H", data, 12)[0] & _HIDDEN:
                found.hidden.add(struct.unpack_from("<H", data)[0])
        elif kind in (_NUMBER, _RK, _FORMULA, _BOOLERR):
            row, column, style = struct.unpack_from("<HHH", data)
            shown = self._cell(kind, style, data)
            if shown:
                found.shown[row, column] = shown
        elif kind == _MULRK:
            row, column = struct.unpack_from("<HH", data)
            for at in range(4, len(data) - 2, 6):
                style, number = struct.unpack_from("<HI", data, at)
                found.shown[row, column] = self._number(style, _rk(number))
                column += 1
        elif kind == _MERGEDCELLS:
            for at in range(2, len(data) - 7, 8):
                first, last, left, right = struct.unpack_from("<HHHH", data, at)
                found.merges.append((first + 1, last + 1, left, right))

    def _cell(self, kind: int, style: int, data: bytes) -> Shown | None:
        if kind == _RK:
            return self._number(style, _rk(struct.unpack_from("<I", data, 6)[0]))
        if kind == _NUMBER:
            return self._number(style, struct.unpack_from("<d", data, 6)[0])
        if kind == _BOOLERR:
            return _error(data[6]) if data[7] else None
        if data[12:14] != b"\xff\xff":
            return self._number(style, struct.unpack_from("<d", data, 6)[0])
        # The result of a formula that is not a number: 2 is an error, the others are a text, a truth value or nothing.
        return _error(data[8]) if data[6] == 2 else None

    def _number(self, style: int, number: float) -> Shown:
        if not math.isfinite(number):
            return "#NUM!", error_problem("#NUM!")
        return number_shown(self._formats[style], number)


def _error(code: int) -> Shown:
    error = _ERRORS.get(code, "#ERROR")
    return error, error_problem(error)


def _rk(number: int) -> float:
    """A number in 4 bytes: bit 1 for a whole one, bit 0 for one that is stored times 100."""
    if number & 2:
        value = float((number >> 2) - (1 << 30 if number & 0x80000000 else 0))
    else:
        value = struct.unpack("<d", struct.pack("<Q", (number & 0xFFFFFFFC) << 32))[0]
    return value / 100 if number & 1 else value


def _format_code(data: bytes, version: int) -> str:
    if version < _BIFF8:
        return data[3 : 3 + data[2]].decode("cp1252", "replace")
    length, flags = struct.unpack_from("<HB", data, 2)
    return (
        data[5 : 5 + length * 2].decode("utf-16-le", "replace") if flags & 1 else data[5 : 5 + length].decode("latin-1")
    )
