"""Workbooks with several sheets, and with parts where they are not expected."""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time

import openpyxl
from openpyxl.worksheet.table import Table
from openpyxl.worksheet.worksheet import Worksheet

from contacts.sheet_reader.types import Options
from tests.samples.workbooks.case import HEADER, LERATO, PLAIN, SIPHO, THANDI, THREE, Case, packed
from tests.samples.workbooks.open_xml import (
    Cell,
    relationships,
    rows,
    sheet,
    workbook,
    xlsx,
)

_SECOND = sheet(rows(HEADER, SIPHO))
_THIRD = sheet(rows(HEADER, LERATO, THANDI))


def sheets(
    name: str,
    shown: Sequence[Sequence[str]],
    *,
    titles: Sequence[str] = ("A", "B", "C"),
    states: Mapping[str, str] | None = None,
    active: int | None = 0,
    contents: Sequence[str] = (),
    **expected: object,
) -> Case:
    """Three sheets: 4, 2 and 3 rows with their headers."""
    parts = {"xl/workbook.xml": workbook(*titles, states=states, active=active)}
    contents = contents or (sheet(PLAIN), _SECOND, _THIRD)
    return Case(name, lambda: xlsx(*contents, parts=parts), shown, **expected)  # type: ignore[arg-type]


SHEETS = [
    sheets("first sheet open", THREE, sheets=[("A", 4), ("B", 2), ("C", 3)], hidden_sheets=[]),
    sheets("second sheet open", [SIPHO], active=1, sheets=[("B", 2), ("A", 4), ("C", 3)]),
    sheets("no sheet open", THREE, active=None, sheets=[("A", 4), ("B", 2), ("C", 3)]),
    sheets("a sheet open that is not there", THREE, active=7),
    sheets("hidden sheet", THREE, states={"B": "hidden"}, sheets=[("A", 4), ("C", 3)], hidden_sheets=["B"]),
    sheets("very hidden sheet", THREE, states={"B": "veryHidden"}, sheets=[("A", 4), ("C", 3)], hidden_sheets=["B"]),
    sheets("open sheet hidden", THREE, states={"B": "hidden"}, active=1, hidden_sheets=["B"]),
    sheets("first sheet hidden", [SIPHO], states={"A": "hidden"}, sheets=[("B", 2), ("C", 3)], hidden_sheets=["A"]),
    sheets("all sheets hidden", [], states=dict.fromkeys("ABC", "hidden"), refused="empty"),
    sheets("sheet chosen", [LERATO, THANDI], options=Options(sheet="C"), sheets=[("A", 4), ("B", 2), ("C", 3)]),
    sheets("hidden sheet chosen", [SIPHO], options=Options(sheet="B"), states={"B": "hidden"}, hidden_sheets=["B"]),
    sheets("unknown sheet chosen", [], options=Options(sheet="D"), refused="no_sheet"),
    sheets("first sheet empty", [SIPHO], contents=[sheet(""), _SECOND, sheet("")], sheets=[("B", 2)], hidden_sheets=[]),
    sheets(
        "open sheet empty", THREE, active=1, contents=[sheet(PLAIN), sheet(""), _THIRD], sheets=[("A", 4), ("C", 3)]
    ),
    sheets(
        "hidden sheet empty",
        THREE,
        states={"B": "hidden"},
        contents=[sheet(PLAIN), sheet(""), _THIRD],
        hidden_sheets=[],
    ),
    sheets("sheet of blank cells", [SIPHO], contents=[sheet('<row r="1"><c r="A1" s="1"/></row>'), _SECOND, _THIRD]),
    sheets(
        "titles with markup",
        [SIPHO],
        titles=["R&D <1>", '"B"', "Ünï"],
        active=1,
        sheets=[('"B"', 2), ("R&D <1>", 4), ("Ünï", 3)],
    ),
    packed(
        "chart between sheets",
        lambda: xlsx(
            sheet(PLAIN),
            _SECOND,
            titles=["A", "B"],
            parts={
                "xl/workbook.xml": workbook("A", "Chart", "B", active=2),
                "xl/_rels/workbook.xml.rels": relationships(
                    ("worksheet", "worksheets/sheet1.xml"),
                    ("chartsheet", "chartsheets/sheet1.xml"),
                    ("worksheet", "worksheets/sheet2.xml"),
                ),
            },
        ),
        [SIPHO],
        sheets=[("B", 2), ("A", 4)],
    ),
    packed(
        "part of a sheet missing",
        lambda: xlsx(sheet(PLAIN), _SECOND, parts={"xl/worksheets/sheet2.xml": None}),
        refused="broken",
    ),
]


_ELSEWHERE = {
    "xl/workbook.xml": "data/book.xml",
    "xl/worksheets/sheet1.xml": "data/worksheets/sheet1.xml",
    "xl/_rels/workbook.xml.rels": "data/_rels/book.xml.rels",
}
PARTS = [
    packed(
        "names with back slashes",
        lambda: xlsx(
            sheet(PLAIN),
            renamed={
                "xl/workbook.xml": "xl\\workbook.xml",
                "xl/worksheets/sheet1.xml": "xl\\worksheets\\sheet1.xml",
                "xl/_rels/workbook.xml.rels": "xl\\_rels\\workbook.xml.rels",
                "_rels/.rels": "_rels\\.rels",
            },
        ),
        THREE,
    ),
    packed(
        "names in capitals",
        lambda: xlsx(
            sheet(PLAIN),
            renamed={"xl/workbook.xml": "XL/Workbook.XML", "xl/worksheets/sheet1.xml": "xl/Worksheets/Sheet1.xml"},
        ),
        THREE,
    ),
    packed(
        "names with a leading slash",
        lambda: xlsx(sheet(PLAIN), renamed={"xl/worksheets/sheet1.xml": "/xl/worksheets/sheet1.xml"}),
        THREE,
    ),
    packed(
        "workbook elsewhere",
        lambda: xlsx(
            sheet(PLAIN), renamed=_ELSEWHERE, parts={"_rels/.rels": relationships(("officeDocument", "/data/book.xml"))}
        ),
        THREE,
    ),
    packed("no relationship to the workbook", lambda: xlsx(sheet(PLAIN), parts={"_rels/.rels": None}), THREE),
    packed(
        "no relationships of the workbook",
        lambda: xlsx(sheet(PLAIN), parts={"xl/_rels/workbook.xml.rels": None}),
        refused="broken",
    ),
    packed("no workbook", lambda: xlsx(sheet(PLAIN), parts={"xl/workbook.xml": None}), refused="broken"),
    packed("no styles", lambda: xlsx(sheet(rows(HEADER, ("A", Cell("5", style=1))))), [["A", "5"]]),
    packed("broken styles", lambda: xlsx(sheet(PLAIN), styles="<styleSheet"), refused="broken"),
    packed("archive cut off", lambda: xlsx(sheet(PLAIN))[:-30], refused="broken"),
    packed(
        "archive with other bytes",
        lambda: xlsx(sheet(PLAIN)).replace(b"PK\x03\x04", b"PK\x03\x05"),
        refused="wrong_type",
    ),
    packed(
        "too many parts", lambda: xlsx(sheet(PLAIN), parts={f"x/{n}": "" for n in range(2_000)}), refused="too_large"
    ),
    packed("unpacks to far more", lambda: xlsx(sheet(PLAIN), parts={"x": b" " * 20_000_000}), refused="too_large"),
]


def saved(name: str, change: Callable[[Worksheet], None], shown: Sequence[Sequence[str]], **expected: object) -> Case:
    """The three people, changed and saved with openpyxl."""

    def write() -> bytes:
        book = openpyxl.Workbook()
        for person in (HEADER, *THREE):
            book.worksheets[0].append(list(person))
        change(book.worksheets[0])
        written = io.BytesIO()
        book.save(written)
        return written.getvalue()

    return packed(f"openpyxl: {name}", write, shown, **expected)


def _with_formats(sheet_: Worksheet) -> None:
    sheet_["B2"], sheet_["B3"], sheet_["B4"] = 825550100, datetime(2026, 3, 1), time(8, 15)
    sheet_["B2"].number_format = "0000000000"
    sheet_["B3"].number_format = "d/mm/yyyy"


def _with_a_filter(sheet_: Worksheet) -> None:
    sheet_.auto_filter.ref = "A1:B4"
    sheet_.auto_filter.add_filter_column(0, ["Thandi", "Lerato"])
    sheet_.row_dimensions[3].hidden = True


def _grouped(sheet_: Worksheet) -> None:
    sheet_.row_dimensions.group(3, 4, hidden=True)


def _merged(sheet_: Worksheet) -> None:
    sheet_.merge_cells("A2:A3")


def _as_a_table(sheet_: Worksheet) -> None:
    sheet_.add_table(Table(displayName="People", ref="A1:B4"))


def _with_formulas(sheet_: Worksheet) -> None:
    sheet_["B2"], sheet_["B3"] = '="0825550100"', "#N/A"


def _with_line_breaks(sheet_: Worksheet) -> None:
    sheet_["A2"] = "Thandi\r\nK"


SAVED = [
    saved("as it is", lambda sheet_: None, THREE),
    saved("formats", _with_formats, [["Thandi", "0825550100"], ["Sipho", "1/03/2026"], ["Lerato", "8:15:00"]]),
    saved("filter", _with_a_filter, [THANDI, LERATO], hidden=1),
    saved("group", _grouped, [THANDI], hidden=2),
    saved("merged cells", _merged, [THANDI, ["", "0825550101"], LERATO]),
    saved("table", _as_a_table, THREE),
    saved(
        "formulas",
        _with_formulas,
        [["Thandi", '="0825550100"'], ["Sipho", "#N/A"], LERATO],
        problems={"B2": "formula_without_result", "B3": "spreadsheet_error"},
    ),
    saved("line breaks", _with_line_breaks, [["Thandi\nK", "0825550100"], SIPHO, LERATO]),
]
