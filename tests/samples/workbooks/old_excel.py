"""Writes .xls workbooks: BIFF8 in an OLE2 container."""

import struct
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple


class Error(str):
    """A cell that shows an error such as #N/A."""


class Shown(NamedTuple):
    """A number that is shown with the number format at that position of ``xls(codes=...)``."""

    value: float
    code: int


class Result(NamedTuple):
    """A formula and its result: a number, an error, or "" for an empty text."""

    value: float | str


Cell = str | int | float | bool | date | datetime | time | Shown | Result | None
#: A title, rows, and whether the sheet is hidden.
Sheet = tuple[str, Sequence[Sequence[Cell]], bool]

_ERRORS = {"#N/A": 0x2A, "#REF!": 0x17}
_END_OF_CHAIN, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def xls(
    sheets: Sequence[Sheet],
    *,
    active: int = 0,
    codes: Sequence[str] = (),
    hidden_rows: Sequence[int] = (),
    extra: bytes = b"",
    is_1904: bool = False,
    stream: str = "Workbook",
    is_small: bool = False,
) -> bytes:
    """A workbook of Excel 97 to 2003. ``codes``: number formats. ``hidden_rows``: numbers of rows of every sheet.

    ``extra``: records of the workbook, such as that of a password.
    """
    styles = [0, 14, 22, 20, *range(164, 164 + len(codes))]
    head = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0xDBB, 0x7CC, 0, 6)) + extra
    head += _record(0x42, struct.pack("<H", 1200)) + _record(
        0x3D, struct.pack("<9H", 0, 0, 9, 9, 56, active, 0, 1, 600)
    )
    head += _record(0x22, struct.pack("<H", int(is_1904)))
    for number, code in enumerate(codes, start=164):
        head += _record(0x41E, struct.pack("<HHB", number, len(code), 1) + code.encode("utf-16-le"))
    head += b"".join(
        _record(0xE0, struct.pack("<HHHBBHIIHH", 0, style, 0, 0, 0, 0, 0, 0, 0, 0)[:20]) for style in styles
    )
    names = [
        struct.pack("<IBBBB", 0, int(hidden), 0, len(title), 1) + title.encode("utf-16-le")
        for title, _, hidden in sheets
    ]
    bodies = [_sheet(rows, hidden_rows) for _, rows, _ in sheets]
    position = len(head) + sum(4 + len(name) for name in names) + 4
    bound = b""
    for name, body in zip(names, bodies, strict=True):
        bound += _record(0x85, struct.pack("<I", position) + name[4:])
        position += len(body)
    return (_small_ole2 if is_small else _ole2)(stream, head + bound + _record(0x0A, b"") + b"".join(bodies))


def _sheet(rows: Sequence[Sequence[Cell]], hidden_rows: Sequence[int]) -> bytes:
    body = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0xDBB, 0x7CC, 0, 6))
    width = max((len(row) for row in rows), default=0)
    body += _record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    for number in hidden_rows:
        body += _record(0x208, struct.pack("<HHHHHHI", number - 1, 0, width, 255, 0, 0, 0x120))
    for number, row in enumerate(rows):
        packed = [_packed(cell) for cell in row]
        if len(row) > 1 and None not in packed:
            numbers = b"".join(struct.pack("<HI", 0, each) for each in packed if each is not None)
            body += _record(0xBD, struct.pack("<HH", number, 0) + numbers + struct.pack("<H", len(row) - 1))
            continue
        for column, cell in enumerate(row):
            body += _cell(number, column, cell)
    return body + _record(0x0A, b"")


def _cell(row: int, column: int, cell: Cell) -> bytes:
    at = struct.pack("<HH", row, column)
    if cell is None:
        return b""
    if isinstance(cell, Shown):
        return _record(0x203, at + struct.pack("<Hd", 4 + cell.code, cell.value))
    if isinstance(cell, Result):
        return _record(0x06, at + struct.pack("<H", 0) + _result(cell.value) + bytes(8))
    if isinstance(cell, Error):
        return _record(0x205, at + struct.pack("<HBB", 0, _ERRORS[cell], 1))
    if isinstance(cell, bool):
        return _record(0x205, at + struct.pack("<HBB", 0, int(cell), 0))
    if (packed := _packed(cell)) is not None:
        return _record(0x27E, at + struct.pack("<HI", 0, packed))
    if isinstance(cell, int | float):
        return _record(0x203, at + struct.pack("<Hd", 0, cell))
    if isinstance(cell, str):
        return _record(0x204, at + struct.pack("<HHB", 0, len(cell), 1) + cell.encode("utf-16-le"))
    style = 2 if isinstance(cell, datetime) else 1 if isinstance(cell, date) else 3
    return _record(0x203, at + struct.pack("<Hd", style, _serial(cell)))


def _packed(cell: Cell) -> int | None:
    """A number in the 4 bytes of an RK: a whole one, one with two decimals, or half of a double. None: impossible."""
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    if cell == int(cell) and abs(cell) < 1 << 29:
        return (int(cell) << 2 & 0xFFFFFFFC) | 2
    if round(cell * 100, 6) == round(cell * 100) and abs(cell) < 1 << 22:
        return (round(cell * 100) << 2 & 0xFFFFFFFC) | 3
    half: int = struct.unpack("<Q", struct.pack("<d", cell))[0]
    return half >> 32 if half & 0x3FFFFFFFF == 0 else None


def _result(value: float | str) -> bytes:
    if isinstance(value, Error):
        return struct.pack("<BxBxxxH", 2, _ERRORS[value], 0xFFFF)
    return struct.pack("<BxxxxxH", 3, 0xFFFF) if isinstance(value, str) else struct.pack("<d", value)


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _serial(cell: date | time) -> float:
    if isinstance(cell, time):
        return timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second) / timedelta(days=1)
    moment = cell if isinstance(cell, datetime) else datetime.combine(cell, time())
    return (moment - datetime(1899, 12, 30)) / timedelta(days=1)


def _ole2(name: str, content: bytes) -> bytes:
    """A container with one stream: ECMA-376's older sibling, [MS-CFB]."""
    # A stream below 4,096 bytes would have to be stored elsewhere.
    content = content.ljust(max(4096, -(-len(content) // 512) * 512), b"\0")
    sectors = len(content) // 512
    fat_sectors = 1
    while (sectors + 1 + fat_sectors) * 4 > fat_sectors * 512:
        fat_sectors += 1
    fat = [*range(1, sectors), _END_OF_CHAIN, _END_OF_CHAIN, *[_FAT] * fat_sectors]
    fat += [_FREE] * (fat_sectors * 128 - len(fat))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, fat_sectors, sectors, 0, 4096, _END_OF_CHAIN, 0, _END_OF_CHAIN, 0)
    locations = [sectors + 1 + each for each in range(fat_sectors)]
    header += struct.pack("<109I", *(locations + [_FREE] * (109 - fat_sectors)))
    directory = _entry("Root Entry", 5, 1, _END_OF_CHAIN, 0) + _entry(name, 2, _FREE, 0, len(content))
    directory += _entry("", 0, _FREE, 0, 0) * 2
    return header + content + directory + struct.pack(f"<{len(fat)}I", *fat)


def _small_ole2(name: str, content: bytes) -> bytes:
    """A container whose only stream is stored in pieces of 64 bytes: sectors for the stream, its table, the rest."""
    pieces = -(-len(content) // 64)
    sectors = -(-pieces // 8)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, 1, sectors + 1, 0, 4096, sectors, 1, _END_OF_CHAIN, 0)
    header += struct.pack("<109I", sectors + 2, *[_FREE] * 108)
    table = [*range(1, pieces), _END_OF_CHAIN, *[_FREE] * (128 - pieces)]
    directory = _entry("Root Entry", 5, 1, 0, pieces * 64) + _entry(name, 2, _FREE, 0, len(content))
    directory += _entry("", 0, _FREE, 0, 0) * 2
    following = [*range(1, sectors), _END_OF_CHAIN, _END_OF_CHAIN, _END_OF_CHAIN, _FAT]
    following += [_FREE] * (128 - len(following))
    body = content.ljust(sectors * 512, b"\0") + struct.pack("<128I", *table) + directory
    return header + body + struct.pack("<128I", *following)


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le")
    length = len(text) + 2 if name else 0
    return text.ljust(64, b"\0") + struct.pack("<HBBIII16xI16xIQ", length, kind, 1, _FREE, _FREE, child, 0, start, size)
