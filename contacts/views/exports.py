"""Rows as a file to download. Every cell is text, never a formula."""

from collections.abc import Iterable
from tempfile import TemporaryFile

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse

from contacts.sheet_writer import csv_lines, write_xlsx


def as_csv(name: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> HttpResponseBase:
    """``rows`` streamed as ``name``.csv. Text that looks like a formula gets a leading apostrophe."""
    response = StreamingHttpResponse(csv_lines(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def as_xlsx(name: str, header: Iterable[str], rows: Iterable[Iterable[str]], title: str = "Sheet") -> HttpResponseBase:
    """``rows`` as ``name``.xlsx, in which every cell is text; ``title`` names the sheet."""
    file = TemporaryFile()  # noqa: SIM115 - the response closes it after streaming
    write_xlsx(file, header, rows, title)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=f"{name}.xlsx")
