"""Writes .ods workbooks."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, time
from xml.sax.saxutils import escape, quoteattr

from tests.samples.workbooks.old_excel import Cell, Error, Sheet

_NAMESPACES = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" ' + " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (("office", "office"), ("table", "table"), ("text", "text"), ("style", "style"))
)


def ods(sheets: Sequence[Sheet]) -> bytes:
    """A spreadsheet of LibreOffice."""
    return document("".join(_table(*sheet) for sheet in sheets))


def document(
    tables: str, *, is_encrypted: bool = False, active: str = "", parts: Mapping[str, str | bytes] | None = None
) -> bytes:
    """A spreadsheet with these tables. The styles ``shown`` and ``hidden`` are known. ``parts``: in place of others."""
    styles = "".join(
        f'<style:style style:name="{name}" style:family="table"><style:table-properties table:display="{display}"/>'
        "</style:style>"
        for name, display in (("shown", "true"), ("hidden", "false"))
    )
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    secret = '<manifest:encryption-data manifest:checksum="x"/>' if is_encrypted else ""
    written = {
        "mimetype": mime,
        "content.xml": f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_NAMESPACES}>'
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>",
        "settings.xml": '<settings xmlns:config="urn:oasis:names:tc:opendocument:xmlns:config:1.0">'
        f'<config:config-item config:name="ActiveTable">{escape(active)}</config:config-item></settings>',
        "META-INF/manifest.xml": '<!DOCTYPE manifest:manifest PUBLIC "x" "Manifest.dtd">'
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/>'
        f'<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">{secret}'
        "</manifest:file-entry></manifest:manifest>",
        **(parts or {}),
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, part in written.items():
            opened.writestr(name, part)
    return archive.getvalue()


def table(lines: str, title: str = "A", style: str = "shown") -> str:
    """A table with these rows."""
    return f'<table:table table:name={quoteattr(title)} table:style-name="{style}">{lines}</table:table>'


def line(*cells: Cell, attributes: str = "") -> str:
    """A row."""
    return f"<table:table-row {attributes}>{''.join(map(_cell, cells))}</table:table-row>"


def _table(title: str, rows: Sequence[Sequence[Cell]], hidden: bool) -> str:
    return table("".join(line(*row) for row in rows), title, "hidden" if hidden else "shown")


def _cell(cell: Cell) -> str:
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
        kind, shown = '"string"', str(cell)
    return f"<table:table-cell office:value-type={kind}><text:p>{escape(shown)}</text:p></table:table-cell>"
