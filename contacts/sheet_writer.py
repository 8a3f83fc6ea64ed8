"""Writes rows as csv or as a workbook, in constant memory. Every cell is text, never a formula.

openpyxl takes 15 times as long for the same workbook: it makes objects of every cell.
"""

import csv
import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import IO
from xml.sax.saxutils import escape

from django.utils import timezone

from contacts.sheet_reader.sheet_scan import column_letters

#: The maximum number of rows of a sheet, its header included; further rows go on another sheet.
SHEET_ROWS = 1_048_576
#: A spreadsheet takes a cell of a text file that starts with one of these for a formula ...
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
#: ... unless it is a number, which must come back as it is when the file is imported again.
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")
#: What XML cannot contain: Extensible Markup Language (XML) 1.0, 2.2 Characters.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Rows that are written to a workbook at a time.
CHUNK = 500

_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


#: The letters of a column counted from 0. Cached, because every cell of a workbook needs them.
letters = cache(column_letters)


class _Line:
    """A file whose ``write`` returns the line, so that it can be streamed."""

    def write(self, line: str) -> str:
        return line


def iso_local(moment: datetime | None) -> str:
    """``2026-11-27T15:30:00+02:00``: the local time with its offset; "" for None."""
    return timezone.localtime(moment).isoformat(timespec="seconds") if moment else ""


def csv_lines(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """The lines of a csv file. Text that looks like a formula gets a leading apostrophe."""
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(header)
    for row in rows:
        yield writer.writerow([_harmless(text) for text in row])


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) and not _PLAIN_NUMBER.fullmatch(text) else text


def write_xlsx(file: IO[bytes], header: Iterable[str], rows: Iterable[Iterable[str]], title: str = "Sheet") -> None:
    """Write ``rows`` below ``header`` as a workbook; ``title`` names the sheet.

    Characters that a workbook cannot contain, such as vertical tabs, are left out.
    """
    titles, source, sheets = list(header), iter(rows), 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        is_full = True
        while is_full:
            sheets += 1
            with archive.open(f"xl/worksheets/sheet{sheets}.xml", "w", force_zip64=True) as sheet:
                is_full = _write_sheet(sheet, titles, source)
        for name, content in _parts(title, sheets):
            archive.writestr(name, f"{_XML}{content}")


def _write_sheet(sheet: IO[bytes], titles: list[str], rows: Iterator[Iterable[str]]) -> bool:
    """Write one sheet; return whether it is full."""
    sheet.write(f'{_XML}<worksheet xmlns="{_SPREADSHEET}"><sheetData>'.encode())
    lines = [_row(1, titles)]
    number = 1
    for row in rows:
        number += 1
        lines.append(_row(number, row))
        if len(lines) == CHUNK:
            sheet.write("".join(lines).encode())
            lines.clear()
        if number == SHEET_ROWS:
            break
    sheet.write(f"{''.join(lines)}</sheetData></worksheet>".encode())
    return number == SHEET_ROWS


def _row(number: int, row: Iterable[str]) -> str:
    cells = "".join(
        f'<c r="{letters(column)}{number}" t="inlineStr"><is><t xml:space="preserve">{_text(text)}</t></is></c>'
        for column, text in enumerate(row)
        if text
    )
    return f'<row r="{number}">{cells}</row>'


def _text(text: str) -> str:
    return escape(_NOT_IN_XML.sub("", text)).replace("\r", "&#13;")


def _parts(title: str, sheets: int) -> Iterator[tuple[str, str]]:
    """The parts of a workbook that name its sheets. ECMA-376, Part 1: 12.3."""
    numbers = range(1, sheets + 1)
    types = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>' for n in numbers
    )
    yield (
        "[Content_Types].xml",
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
        f'"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml"'
        f' ContentType="{_TYPE}.sheet.main+xml"/>{types}</Types>',
    )
    yield (
        "_rels/.rels",
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument"'
        ' Target="xl/workbook.xml"/></Relationships>',
    )
    shown = escape(_NOT_IN_XML.sub("", title), {'"': "&quot;"})
    names = "".join(f'<sheet name="{shown}{n if n > 1 else ""}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    yield (
        "xl/workbook.xml",
        f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_OFFICE}"><sheets>{names}</sheets></workbook>',
    )
    targets = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    yield "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{_PACKAGE}/relationships">{targets}</Relationships>'
