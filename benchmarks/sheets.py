"""Writes a sheet of people as spreadsheet programs do: ``python -m benchmarks.sheets xlsx ROWS PATH``."""

import csv
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.people import HEADER, people

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
    '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType='
    f'"{_TYPE}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_TYPE}.sharedStrings+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Target="xl/workbook.xml"'
    f' Type="{_OFFICE}/officeDocument"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="Customers" sheetId="1"'
    ' r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Target="worksheets/sheet1.xml" Type="{_OFFICE}/worksheet"/>'
    f'<Relationship Id="rId2" Target="sharedStrings.xml" Type="{_OFFICE}/sharedStrings"/>'
    f'<Relationship Id="rId3" Target="styles.xml" Type="{_OFFICE}/styles"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font>'
    '</fonts><fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border/>'
    '</borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs></styleSheet>',
}


def write_csv(path: Path, rows: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(people(rows))


def write_xlsx(path: Path, rows: int) -> None:
    """A workbook with plain columns as Excel writes them: numbers as numbers, texts in the shared strings."""
    strings: dict[str, int] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'{_XML}<worksheet xmlns="{_MAIN}"><dimension ref="A1:H{rows + 1}"/><sheetData>'.encode())
            for line in _lines(rows, strings):
                sheet.write(line.encode())
            sheet.write(b"</sheetData></worksheet>")
        items = "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
        archive.writestr(
            "xl/sharedStrings.xml", f'{_XML}<sst xmlns="{_MAIN}" uniqueCount="{len(strings)}">{items}</sst>'
        )
        for name, content in _PARTS.items():
            archive.writestr(name, _XML + content)


def _lines(rows: int, strings: dict[str, int]) -> Iterator[str]:
    def cell(letter: str, number: int, text: str) -> str:
        if (text.isdecimal() and not text.startswith("0")) or (letter == "F" and number > 1):
            return f'<c r="{letter}{number}"><v>{text}</v></c>'
        return f'<c r="{letter}{number}" t="s"><v>{strings.setdefault(text, len(strings))}</v></c>'

    for number, cells in enumerate(_all(rows), start=1):
        inside = "".join(cell(letter, number, text) for letter, text in zip("ABCDEFGH", cells, strict=True))
        yield f'<row r="{number}">{inside}</row>'


def _all(rows: int) -> Iterator[tuple[str, ...]]:
    yield HEADER
    yield from people(rows)


def main(kind: str, rows: str, path: str) -> None:
    """Write the file under another name first, so that a file with the right name is whole."""
    draft = Path(f"{path}.draft")
    {"csv": write_csv, "xlsx": write_xlsx}[kind](draft, int(rows))
    draft.rename(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
