"""Writes small .xls, .xlsb and .ods workbooks for tests: no library that Baton needs can write them."""

import io
import struct
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from xml.sax.saxutils import escape, quoteattr

Cell = str | int | float | bool | date | datetime | time | None
#: A title, rows, and whether the sheet is hidden.
Sheet = tuple[str, Sequence[Sequence[Cell]], bool]

_END_OF_CHAIN, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_ODS_NAMESPACES = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" ' + " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (("office", "office"), ("table", "table"), ("text", "text"), ("style", "style"))
)


class Error(str):
    """A cell that shows an error such as #N/A."""


# -- .xls: BIFF8 in an OLE2 container ------------------------------------------------------------------------------


def xls(sheets: Sequence[Sheet], active: int = 0, extra: bytes = b"") -> bytes:
    """A workbook of Excel 97 to 2003. ``extra``: records of the workbook's globals, such as a password's."""
    styles = [0, 14, 22, 20]
    head = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0xDBB, 0x7CC, 0, 6)) + extra
    head += _record(0x42, struct.pack("<H", 1200)) + _record(
        0x3D, struct.pack("<9H", 0, 0, 9, 9, 56, active, 0, 1, 600)
    )
    head += _record(0x22, struct.pack("<H", 0))
    head += b"".join(
        _record(0xE0, struct.pack("<HHHBBHIIHH", 0, style, 0, 0, 0, 0, 0, 0, 0, 0)[:20]) for style in styles
    )
    names = [
        struct.pack("<IBBBB", 0, int(hidden), 0, len(title), 1) + title.encode("utf-16-le")
        for title, _, hidden in sheets
    ]
    bodies = [_xls_sheet(rows) for _, rows, _ in sheets]
    position = len(head) + sum(4 + len(name) for name in names) + 4
    bound = b""
    for name, body in zip(names, bodies, strict=True):
        bound += _record(0x85, struct.pack("<I", position) + name[4:])
        position += len(body)
    return _ole2("Workbook", head + bound + _record(0x0A, b"") + b"".join(bodies))


def _xls_sheet(rows: Sequence[Sequence[Cell]]) -> bytes:
    body = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0xDBB, 0x7CC, 0, 6))
    width = max((len(row) for row in rows), default=0)
    body += _record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            body += _xls_cell(number, column, cell)
    return body + _record(0x0A, b"")


def _xls_cell(row: int, column: int, cell: Cell) -> bytes:
    at = struct.pack("<HH", row, column)
    if cell is None:
        return b""
    if isinstance(cell, Error):
        return _record(0x205, at + struct.pack("<HBB", 0, {"#N/A": 0x2A, "#REF!": 0x17}[cell], 1))
    if isinstance(cell, bool):
        return _record(0x205, at + struct.pack("<HBB", 0, int(cell), 0))
    if isinstance(cell, int | float):
        return _record(0x203, at + struct.pack("<Hd", 0, cell))
    if isinstance(cell, str):
        return _record(0x204, at + struct.pack("<HHB", 0, len(cell), 1) + cell.encode("utf-16-le"))
    style = 2 if isinstance(cell, datetime) else 1 if isinstance(cell, date) else 3
    return _record(0x203, at + struct.pack("<Hd", style, _serial(cell)))


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


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le")
    length = len(text) + 2 if name else 0
    return text.ljust(64, b"\0") + struct.pack("<HBBIII16xI16xIQ", length, kind, 1, _FREE, _FREE, child, 0, start, size)


# -- .ods ----------------------------------------------------------------------------------------------------------


def ods(sheets: Sequence[Sheet], encrypted: bool = False) -> bytes:
    """A spreadsheet of LibreOffice."""
    tables = "".join(_ods_table(*sheet) for sheet in sheets)
    styles = (
        '<style:style style:name="shown" style:family="table"><style:table-properties table:display="true"/></style:style>'
        '<style:style style:name="hidden" style:family="table"><style:table-properties table:display="false"/></style:style>'
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_ODS_NAMESPACES} office:version="1.3">'
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    secret = '<manifest:encryption-data manifest:checksum="x"/>' if encrypted else ""
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/>'
        f'<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">{secret}'
        "</manifest:file-entry></manifest:manifest>"
    )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", mime)
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)
    return written.getvalue()


def _ods_table(title: str, rows: Sequence[Sequence[Cell]], hidden: bool) -> str:
    lines = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    style = "hidden" if hidden else "shown"
    return f'<table:table table:name={quoteattr(title)} table:style-name="{style}">{lines}</table:table>'


def _ods_cell(cell: Cell) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, Error):
        kind, shown = '"string" office:string-value="" calcext:value-type="error" table:formula="of:=NA()"', str(cell)
    elif isinstance(cell, bool):
        kind, shown = f'"boolean" office:boolean-value="{str(cell).lower()}"', str(cell).upper()
    elif isinstance(cell, int | float):
        kind, shown = f'"float" office:value="{cell}"', str(cell)
    elif isinstance(cell, date):
        kind, shown = f'"date" office:date-value="{cell.isoformat()}"', str(cell)
    elif isinstance(cell, time):
        kind, shown = f'"time" office:time-value="PT{cell.hour}H{cell.minute}M{cell.second}S"', str(cell)
    else:
        kind, shown = '"string"', cell
    return f"<table:table-cell office:value-type={kind}><text:p>{escape(shown)}</text:p></table:table-cell>"
