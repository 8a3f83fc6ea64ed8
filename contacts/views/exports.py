"""Rows as a file to download. Every cell is text, never a formula."""

import csv
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import Any

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

#: The maximum number of rows of a sheet, its header included; further rows go on another sheet.
SHEET_ROWS = 1_048_576
#: A spreadsheet takes a cell of a text file that starts with one of these for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """A file for the csv writer whose ``write`` returns the line, so that it can be streamed."""

    def write(self, line: str) -> str:
        return line


def as_csv(name: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> HttpResponseBase:
    """``rows`` streamed as ``name``.csv. Text that looks like a formula gets a leading apostrophe."""
    response = StreamingHttpResponse(_csv_lines(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def as_xlsx(
    name: str, header: Iterable[str], rows: Iterable[Iterable[str]], title: str | None = None
) -> HttpResponseBase:
    """``rows`` as ``name``.xlsx, in which every cell is text; ``title`` names the sheet.

    Characters that a workbook cannot contain, such as vertical tabs, are left out.
    """
    workbook = Workbook(write_only=True)
    titles = list(header)
    sheet = None
    for number, row in enumerate(rows):
        if sheet is None or number % (SHEET_ROWS - 1) == 0:
            sheet = workbook.create_sheet(title)
            sheet.append(_cells(sheet, titles))
        sheet.append(_cells(sheet, row))
    if sheet is None:
        sheet = workbook.create_sheet(title)
        sheet.append(_cells(sheet, titles))
    file = TemporaryFile()  # noqa: SIM115 - the response closes it after streaming
    workbook.save(file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=f"{name}.xlsx")


def _cells(sheet: Any, row: Iterable[str]) -> list[Any]:
    cells = []
    for text in row:
        cell = WriteOnlyCell(sheet, value="")
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)
        # Set after the value, because openpyxl makes a value that starts with an equals sign a formula.
        cell.data_type = "s"
        cells.append(cell)
    return cells


def _csv_lines(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(header)
    for row in rows:
        yield writer.writerow([f"'{text}" if text.startswith(FORMULA_STARTS) else text for text in row])
