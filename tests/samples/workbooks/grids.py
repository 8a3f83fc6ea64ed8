"""Rows and cells where they are not expected, and rows that are hidden."""

from contacts.sheet_reader.types import Options
from tests.samples.workbooks.case import EMPTY, HEADER, LERATO, PLAIN, SIPHO, THANDI, THREE, Case, whole
from tests.samples.workbooks.open_xml import (
    Cell,
    row,
    rows,
    sheet,
)

_NO_NUMBERS = PLAIN.replace(' r="1"', "").replace(' r="2"', "").replace(' r="3"', "").replace(' r="4"', "")
ROWS = [
    whole("rows out of order", sheet(row(1, *HEADER) + row(4, *LERATO) + row(2, *THANDI) + row(3, *SIPHO)), THREE),
    whole("header stored last", sheet(row(4, *LERATO) + row(2, *THANDI) + row(3, *SIPHO) + row(1, *HEADER)), THREE),
    whole(
        "rows out of order with a gap",
        sheet(row(5, *SIPHO) + row(1, *HEADER) + row(2, *THANDI)),
        [THANDI, [], [], SIPHO],
    ),
    whole("rows without numbers", sheet(_NO_NUMBERS), THREE),
    whole(
        "nothing has a number",
        sheet(
            "<row><c t='inlineStr'><is><t>Name</t></is></c><c t='inlineStr'><is><t>Cell</t>"
            "</is></c></row><row><c/><c><v>5</v></c></row>"
        ),
        [["", "5"]],
    ),
    whole(
        "only cells have numbers",
        sheet('<row><c r="A1" t="inlineStr"><is><t>Cell</t></is></c></row><row><c r="A4"><v>5</v></c></row>'),
        [[], [], ["5"]],
    ),
    whole(
        "cells out of order",
        sheet(row(1, *HEADER) + '<row r="2"><c r="B2"><v>5</v></c><c r="A2"><v>6</v></c></row>'),
        [["6", "5"]],
    ),
    whole("cells without references", sheet(PLAIN.replace(' r="A2"', "").replace(' r="B2"', "")), THREE),
    whole("small letters", sheet(PLAIN.replace('r="B', 'r="b')), THREE),
    whole("gap", sheet(row(1, *HEADER) + row(5, *THANDI)), [[], [], [], THANDI]),
    whole("row stored twice", sheet(PLAIN + row(4, "X", "1")), refused="broken"),
    whole(
        "row stored twice, out of order",
        sheet(row(1, *HEADER) + row(3, *SIPHO) + row(2, *THANDI) + row(3, "X")),
        refused="broken",
    ),
    whole(
        "row stored twice, once blank",
        sheet(row(1, *HEADER) + '<row r="2"/>' + row(2, *THANDI) + '<row r="2"/>'),
        [THANDI],
    ),
    whole("row 0", sheet(row(1, *HEADER) + '<row r="0"><c><v>1</v></c></row>'), refused="broken"),
    whole("row x", sheet(row(1, *HEADER) + '<row r="x"><c><v>1</v></c></row>'), refused="broken"),
    whole("row after the last", sheet(row(1, *HEADER) + row(1_048_577, "x")), refused="too_large"),
    whole("column after the last", sheet('<row r="1"><c r="XFE1"><v>1</v></c></row>'), refused="broken"),
    whole("last column", sheet('<row r="1"><c r="XFD1"><v>1</v></c></row>'), refused="too_large"),
    whole("reference without a column", sheet('<row r="1"><c r="7"><v>1</v></c></row>'), refused="broken"),
    whole(
        "blank formatted rows",
        sheet(PLAIN + "".join(f'<row r="{n}"><c r="A{n}" s="1"/><c r="B{n}" s="1"/></row>' for n in range(5, 20_000))),
        THREE,
    ),
    whole("blank formatted cells", sheet(PLAIN.replace("</row>", '<c r="AAA1" s="1"/></row>')), THREE),
    whole(
        "merged cells",
        sheet(
            rows(
                ("Name", "Cell", "City"),
                ("Thandi", "0825550100", "Paarl"),
                ("Sipho", "0825550101", "old"),
                ("L", "1", "George"),
            ),
            after='<mergeCells count="1"><mergeCell ref="C2:C3"/></mergeCells>',
        ),
        [["Thandi", "0825550100", "Paarl"], SIPHO, ["L", "1", "George"]],
    ),
    whole(
        "merged cells in a row",
        sheet(
            rows(HEADER, ("Thandi", "old", "x"), THANDI),
            after='<mergeCells><mergeCell ref="A2:B2"/><mergeCell ref="D9"/></mergeCells>',
        ),
        [["Thandi", "", "x"], THANDI],
    ),
    whole(
        "merged cells with an error below",
        sheet(
            rows(HEADER, THANDI, ("Sipho", Cell("#N/A", "e"))),
            after='<mergeCells><mergeCell ref="B2:B3"/></mergeCells>',
        ),
        [THANDI, ["Sipho"]],
    ),
    whole(
        "merged cells, out of order",
        sheet(
            row(1, *HEADER) + row(3, *SIPHO) + row(2, *THANDI),
            after='<mergeCells><mergeCell ref="A2:A3"/></mergeCells>',
        ),
        [THANDI, ["", "0825550101"]],
    ),
]


def hidden(name: str, attributes: str, hidden_rows: int = 1, **about: str) -> Case:
    """Sipho's row has the attributes of a row that may be hidden."""
    data = row(1, *HEADER) + row(2, *THANDI) + row(3, *SIPHO, attributes=attributes) + row(4, *LERATO)
    shown = [THANDI, LERATO] if hidden_rows else THREE
    return whole(name, sheet(data, **about), shown, hidden=hidden_rows)


_HIDDEN = row(3, *SIPHO, attributes='hidden="1"')
_FILTER = (
    '<autoFilter ref="A1:B4"><filterColumn colId="0"><filters><filter val="Thandi"/></filters></filterColumn>'
    "</autoFilter>"
)
HIDDEN = [
    hidden("hidden by a filter", 'hidden="1"', after=_FILTER),
    hidden("hidden by a table's filter", 'hidden="1"', after='<tableParts count="1"><tablePart/></tableParts>'),
    hidden("hidden in a group", 'outlineLevel="1" hidden="true"'),
    hidden("hidden on", 'hidden="on"'),
    hidden("hidden by height", 'ht="0" customHeight="1"'),
    hidden("hidden by a height of 0.0", "ht='0.0'"),
    hidden("not hidden", 'hidden="0" ht="15"', 0),
    hidden("filter without hidden rows", "", 0, after=_FILTER),
    hidden("rows without an element hidden", "", 0, before='<sheetFormatPr defaultRowHeight="15" zeroHeight="1"/>'),
    whole(
        "hidden rows taken",
        sheet(row(1, *HEADER) + row(2, *THANDI) + _HIDDEN + row(4, *LERATO)),
        THREE,
        options=Options(hidden_rows=True),
    ),
    whole("last rows hidden", sheet(row(1, *HEADER) + row(2, *THANDI) + _HIDDEN), [THANDI], hidden=1),
    whole("all rows hidden", sheet(row(1, *HEADER) + _HIDDEN), [[]], hidden=1),
    whole(
        "blank hidden rows",
        sheet(
            row(1, *HEADER) + row(2, attributes='hidden="1"') + row(3, *SIPHO) + row(4, EMPTY, attributes='hidden="1"')
        ),
        [[], SIPHO],
    ),
    whole(
        "blanks of many kinds",
        sheet(row(1, *HEADER) + row(2, *THANDI) + row(3, "\u00a0", attributes='hidden="1"') + row(4, " \n", "\u3000")),
        [THANDI],
    ),
    whole(
        "hidden rows out of order",
        sheet(_HIDDEN + row(1, *HEADER) + row(4, *LERATO) + row(2, *THANDI)),
        [THANDI, LERATO],
        hidden=1,
    ),
    whole(
        "500 hidden rows",
        sheet(
            row(1, *HEADER)
            + row(2, *THANDI)
            + "".join(row(n, "x", "1", attributes='hidden="1"') for n in range(3, 503))
            + row(503, *SIPHO)
        ),
        [THANDI, SIPHO],
        hidden=500,
    ),
]
