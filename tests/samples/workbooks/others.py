"""Workbooks of LibreOffice (.ods) and of Excel 97 to 2003 (.xls)."""

import struct
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import partial
from typing import Any

from contacts.sheet_reader.types import Options
from tests.samples.workbooks.case import LERATO, SIPHO, THANDI, Case, packed
from tests.samples.workbooks.old_excel import Cell, Error, Result, Shown, xls
from tests.samples.workbooks.open_document import document, line, ods, table
from tests.samples.workbooks.open_xml import xlsx

_PEOPLE: list[list[Cell]] = [["Name", "Cell"], ["Thandi", "0825550100"], ["Sipho", 27825550101]]
_SHOWN = [THANDI, ["Sipho", "27825550101"]]


OTHER = [
    *(
        Case(f"{ending}: {name}", partial(write, sheets_), shown, ending=ending, **expected)  # type: ignore[arg-type]
        for ending, write in (("xls", xls), ("ods", ods))
        for name, sheets_, shown, expected in (
            ("people", [("A", _PEOPLE, False)], _SHOWN, {"sheets": [("A", 3)]}),
            ("gap", [("A", [["Cell"], [], [], [825550100]], False)], [[], [], ["825550100"]], {}),
            (
                "dates",
                [("A", [["When"], [date(2026, 3, 1)], [datetime(2026, 3, 1, 12, 30)]], False)],
                [["2026-03-01"], ["2026-03-01 12:30" if ending == "xls" else "2026-03-01 12:30:00"]],
                {},
            ),
            ("time", [("A", [["When"], [time(8, 15)]], False)], [["8:15" if ending == "xls" else "08:15:00"]], {}),
            ("truth", [("A", [["Ok"], [True], [False]], False)], [["TRUE"], ["FALSE"]], {}),
            (
                "error",
                [("A", [["A", "B"], [Error("#N/A"), "x"]], False)],
                [["#N/A", "x"]],
                {"problems": {"A2": "spreadsheet_error"}},
            ),
            (
                "hidden sheet",
                [("A", _PEOPLE, False), ("B", _PEOPLE, True)],
                _SHOWN,
                {"sheets": [("A", 3)], "hidden_sheets": ["B"]},
            ),
            (
                "sheet chosen",
                [("A", [["x"], ["y"]], False), ("B", _PEOPLE, False)],
                _SHOWN,
                {"options": Options(sheet="B"), "sheets": [("A", 2), ("B", 3)]},
            ),
            ("empty", [("A", [], False)], [], {"refused": "empty"}),
            ("letters", [("Ünï", [["Näme"], ["Zoë 中"]], False)], [["Zoë 中"]], {"sheets": [("Ünï", 2)]}),
        )
    ),
]

_HEADER = line("Name", "Cell")
_THANDI, _SIPHO, _LERATO = line(*THANDI), line(*SIPHO), line(*LERATO)


def ods_case(name: str, lines: str, shown: Sequence[Sequence[str]] = (), **expected: object) -> Case:
    """A spreadsheet of one table, whose rows are those below the header."""
    return packed(f"ods: {name}", lambda: document(table(_HEADER + lines)), shown, ending="ods", **expected)


def cell(inside: str, attributes: str = 'office:value-type="string"', element: str = "table-cell") -> str:
    """A row with one cell beside Thandi's name."""
    return line("Thandi").replace(
        "</table:table-row>", f"<table:{element} {attributes}>{inside}</table:{element}></table:table-row>"
    )


OPEN_DOCUMENTS = [
    ods_case(
        "number as shown",
        cell("<text:p>+263 77</text:p>", 'office:value-type="float" office:value="77"'),
        [["Thandi", "+263 77"]],
    ),
    ods_case(
        "long number",
        cell("<text:p>2.78E+10</text:p>", 'office:value-type="float" office:value="27825550100"'),
        [["Thandi", "27825550100"]],
    ),
    ods_case(
        "number without text",
        cell("", 'office:value-type="float" office:value="27825550100"'),
        [["Thandi", "27825550100"]],
    ),
    ods_case(
        "date without text",
        cell("", 'office:value-type="date" office:date-value="2026-03-01T00:00:00"'),
        [["Thandi", "2026-03-01"]],
    ),
    ods_case(
        "text without paragraph", cell("", 'office:value-type="string" office:string-value="x"'), [["Thandi", "x"]]
    ),
    ods_case(
        "paragraphs",
        cell("<text:p>a</text:p><text:p>b<text:s text:c='2'/>c<text:tab/>d<text:line-break/>e</text:p>"),
        [["Thandi", "a\nb  c\td\ne"]],
    ),
    ods_case(
        "spans and links",
        cell("<text:p>08<text:span>25</text:span><text:a>55</text:a></text:p>"),
        [["Thandi", "082555"]],
    ),
    ods_case(
        "comment",
        cell("<office:annotation><text:p>no</text:p></office:annotation><text:p>5</text:p>"),
        [["Thandi", "5"]],
    ),
    ods_case(
        "shape",
        cell(
            "<draw:frame xmlns:draw='urn:oasis:names:tc:opendocument:xmlns:drawing:1.0'><text:p>no</text:p>"
            "</draw:frame><text:p>5</text:p>"
        ),
        [["Thandi", "5"]],
    ),
    ods_case(
        "formula without a result",
        cell("", 'table:formula="of:=[.C1]"'),
        [["Thandi", "=[.C1]"]],
        problems={"B2": "formula_without_result"},
    ),
    ods_case(
        "formula with an empty text",
        cell("<text:p/>", 'table:formula="of:=C1" office:value-type="string" office:string-value=""'),
        [["Thandi"]],
    ),
    ods_case(
        "error of LibreOffice",
        cell("<text:p>Err:502</text:p>", 'table:formula="of:=X()" office:value-type="string" office:string-value=""'),
        [["Thandi", "Err:502"]],
        problems={"B2": "spreadsheet_error"},
    ),
    ods_case(
        "row hidden by a filter",
        _THANDI + line(*SIPHO, attributes='table:visibility="filter"') + _LERATO,
        [THANDI, LERATO],
        hidden=1,
    ),
    ods_case(
        "row hidden by hand",
        _THANDI + line(*SIPHO, attributes='table:visibility="collapse"') + _LERATO,
        [THANDI, LERATO],
        hidden=1,
    ),
    ods_case(
        "hidden rows taken",
        line(*SIPHO, attributes='table:visibility="filter"') + _LERATO,
        [SIPHO, LERATO],
        options=Options(hidden_rows=True),
    ),
    ods_case(
        "blank rows repeated",
        line(attributes='table:number-rows-repeated="3"')
        + _THANDI
        + line(None, attributes='table:number-rows-repeated="1048570"'),
        [[], [], [], THANDI],
    ),
    ods_case("rows repeated", line(*THANDI, attributes='table:number-rows-repeated="3"'), [THANDI] * 3),
    ods_case(
        "errors repeated",
        line("x", Error("#N/A"), attributes='table:number-rows-repeated="2"'),
        [["x", "#N/A"]] * 2,
        problems={"B2": "spreadsheet_error", "B3": "spreadsheet_error"},
    ),
    ods_case("too many rows", line(*THANDI, attributes='table:number-rows-repeated="1048576"'), refused="too_large"),
    ods_case(
        "cells repeated",
        cell("<text:p>5</text:p>", 'office:value-type="string" table:number-columns-repeated="3"'),
        [["Thandi", "5", "5", "5"]],
    ),
    ods_case("blank cells repeated", cell("", 'table:number-columns-repeated="16383"'), [["Thandi"]]),
    ods_case("too many cells", cell("<text:p>5</text:p>", 'table:number-columns-repeated="16384"'), refused="broken"),
    ods_case("merged cells", cell("<text:p>old</text:p>", element="covered-table-cell"), [["Thandi"]]),
    ods_case(
        "groups of rows",
        f"<table:table-row-group>{_THANDI}<table:table-row-group>{_SIPHO}</table:table-row-group>"
        f"</table:table-row-group>{_LERATO}",
        [THANDI, SIPHO, LERATO],
    ),
    packed(
        "ods: header rows",
        lambda: document(table(f"<table:table-header-rows>{_HEADER}</table:table-header-rows>{_THANDI}")),
        [THANDI],
        ending="ods",
    ),
    packed(
        "ods: second table open",
        lambda: document(table(_HEADER + _THANDI) + table(_HEADER + _SIPHO, "B"), active="B"),
        [SIPHO],
        ending="ods",
        sheets=[("B", 2), ("A", 2)],
    ),
    packed(
        "ods: tracked changes",
        lambda: document(
            "<table:tracked-changes><table:deletion><table:table>"
            f"{_HEADER}</table:table></table:deletion></table:tracked-changes>{table(_HEADER + _THANDI)}"
        ),
        [THANDI],
        ending="ods",
    ),
    packed(
        "ods: password", lambda: document(table(_HEADER + _THANDI), is_encrypted=True), refused="password", ending="ods"
    ),
    packed("ods: damaged", lambda: document("", parts={"content.xml": "<x"}), refused="broken", ending="ods"),
    packed(
        "ods: document type",
        lambda: document("", parts={"content.xml": "<!DOCTYPE x><x/>"}),
        refused="broken",
        ending="ods",
    ),
]

_PASSWORD = struct.pack("<HH", 0x2F, 54) + bytes(54)


def xls_case(
    name: str,
    rows: list[list[Cell]],
    shown: Sequence[Sequence[str]] = (),
    *,
    problems: Mapping[str, str] | None = None,
    hidden: int = 0,
    refused: str = "",
    options: Options | None = None,
    **about: Any,
) -> Case:
    """A workbook of one sheet. ``about``: of the workbook."""
    return Case(
        f"xls: {name}",
        lambda: xls([("A", rows, False)], **about),
        shown,
        problems or {},
        hidden,
        options or Options(),
        refused=refused,
        ending="xls",
    )


_ROWS: list[list[Cell]] = [["Name", "Cell"], [*THANDI], [*SIPHO], [*LERATO]]
_MANY: list[list[Cell]] = [[number or "Cell"] for number in range(3000)]
OLD_EXCEL = [
    *(
        xls_case(
            f"format {code}",
            [["Name", "Cell"], ["A", Shown(value, 0)]],
            [["A", shown]],
            codes=[code],
            problems=problems,
        )
        for code, value, shown, problems in (
            ("0000000000", 825550100, "0825550100", {}),
            ('"+263 "0', 771234567, "+263 771234567", {}),
            ("#,##0.00", 1234.5, "1,234.50", {}),
            ("d/mm/yyyy", 45415, "3/05/2024", {}),
            ("[DBNum1]0", 5, "5", {"B2": "unknown_format"}),
        )
    ),
    xls_case("days from 1904", [["When"], [Shown(43953, 0)]], [["3/05/2024"]], codes=["d/mm/yyyy"], is_1904=True),
    xls_case(
        "formulas",
        [["A", "B", "C", "D"], ["x", Result(825550100), Result(""), Result(Error("#REF!"))]],
        [["x", "825550100", "", "#REF!"]],
        problems={"D2": "spreadsheet_error"},
    ),
    xls_case(
        "packed numbers",
        [["A", "B", "C", "D"], [5, -5, 12.25, 0.5], ["x", 825550100.0, -1.25, 3e12], [1.25e300, 1 / 3, None, 7]],
        [
            ["5", "-5", "12.25", "0.5"],
            ["x", "825550100", "-1.25", "3000000000000"],
            ["1.25E+300", "0.3333333333", "", "7"],
        ],
    ),
    xls_case("hidden row", _ROWS, [THANDI, LERATO], hidden=1, hidden_rows=[3]),
    xls_case("hidden rows taken", _ROWS, [THANDI, SIPHO, LERATO], hidden_rows=[3], options=Options(hidden_rows=True)),
    xls_case("password", _ROWS, refused="password", extra=_PASSWORD),
    xls_case("no workbook in it", _ROWS, refused="wrong_type", stream="Contents"),
    packed(
        "xls: second sheet open",
        lambda: xls([("A", _ROWS, False), ("B", _PEOPLE, False)], active=1),
        _SHOWN,
        ending="xls",
        sheets=[("B", 3), ("A", 4)],
    ),
    packed("xls: cut off", lambda: xls([("A", _ROWS, False)])[:-512], refused="broken", ending="xls"),
    packed("xls: before Excel 5", lambda: b"\x09\x00\x04\x00\x02\x00\x10\x00", refused="wrong_type", ending="xls"),
    xls_case("a small stream", _ROWS, [THANDI, SIPHO, LERATO], is_small=True),
    packed(
        "workbook with a password", lambda: xls([("A", _ROWS, False)], stream="EncryptedPackage"), refused="password"
    ),
    packed("binary workbook", lambda: xlsx("", renamed={"xl/workbook.xml": "xl/workbook.bin"}), refused="wrong_type"),
    xls_case("many rows", _MANY, [[str(number)] for number in range(1, 3000)]),
]
