"""Workbooks of every kind that was once misread, written in code, and what Baton reads in each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import partial

from contacts.sheet_reader.types import Options
from tests.samples.open_xml import (
    STRICT,
    STRICT_DOCUMENT,
    Cell,
    relationships,
    row,
    rows,
    sheet,
    strings,
    styles,
    workbook,
    xlsx,
)
from tests.samples.other_workbooks import Error, ods, xls

HEADER = ("Name", "Cell")
THANDI = ["Thandi", "0825550100"]
SIPHO = ["Sipho", "0825550101"]
LERATO = ["Lerato", "0825550102"]
THREE = [THANDI, SIPHO, LERATO]


@dataclass(frozen=True)
class Case:
    """``shown``: the rows below the header. ``problems``: codes by the name of the cell. ``refused``: a code instead.

    ``sheets``: titles and rows, the open one first; ``hidden_sheets``: titles. None: not looked at.
    """

    name: str
    write: Callable[[], bytes]
    shown: Sequence[Sequence[str]] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    hidden: int = 0
    options: Options = field(default_factory=Options)
    sheets: Sequence[tuple[str, int]] | None = None
    hidden_sheets: Sequence[str] | None = None
    refused: str = ""
    ending: str = "xlsx"


def one(name: str, data: str, shown: Sequence[Sequence[str]] = (), **expected: object) -> Case:
    """A workbook with one sheet, whose data is that below the header."""
    return Case(name, lambda: xlsx(sheet(row(1, *HEADER) + data)), shown, **expected)  # type: ignore[arg-type]


def whole(name: str, part: str | bytes, shown: Sequence[Sequence[str]] = (), **expected: object) -> Case:
    """A workbook with one worksheet part."""
    return Case(name, lambda: xlsx(part), shown, **expected)  # type: ignore[arg-type]


def packed(name: str, write: Callable[[], bytes], shown: Sequence[Sequence[str]] = (), **expected: object) -> Case:
    return Case(name, write, shown, **expected)  # type: ignore[arg-type]


def formatted(code: str, value: float | str, shown: str, problem: str = "") -> Case:
    """One cell with a number format: what it shows, or what is wrong with it."""
    kind = "inlineStr" if isinstance(value, str) else ""
    data = rows(HEADER, ("Thandi", Cell(str(value), kind, 1)))
    return Case(
        f"format {code} of {value}",
        lambda: xlsx(sheet(data), styles=styles(code)),
        [["Thandi", shown]],
        {"B2": problem} if problem else {},
    )


PLAIN = rows(HEADER, *THREE)
_IN_STRINGS = [f"<t>{each}</t>" for cells in (HEADER, *THREE) for each in cells]
_SHARED = rows(*[(Cell(str(at), "s"), Cell(str(at + 1), "s")) for at in (0, 2, 4, 6)])


FORMATS = [
    formatted("#id:0", 27825550100, "27825550100"),
    formatted("#id:1", 825550100, "825550100"),
    formatted("#id:49", 825550100, "825550100"),
    formatted("#id:11", 27825550100, "2.78E+10"),
    formatted("#id:14", 45415, "2024-05-03"),
    formatted("#id:3", 825550100, "825,550,100"),
    formatted("#id:4", 1234.5, "1,234.50"),
    formatted("#id:9", 0.25, "25%"),
    formatted("#id:10", 0.2534, "25.34%"),
    formatted("#id:12", 2.5, "2 1/2"),
    formatted("#id:18", 0.75, "6:00 PM"),
    formatted("#id:22", 45415.5, "2024-05-03 12:00"),
    formatted("#id:34", 5, "5", "unknown_format"),
    formatted("#id:46", 1.5, "36:00:00"),
    formatted("#id:400", 825550100, "825550100"),
    formatted("General", 2.78e10, "27800000000"),
    formatted("General", 27825550100.5, "27825550100.5"),
    formatted("0000000000", 825550100, "0825550100"),
    formatted("000 000 0000", 825550100, "082 555 0100"),
    formatted("(000) 000-0000", 2125550100, "(212) 555-0100"),
    formatted("[<=9999999]###\\-####;\\(###\\)\\ ###\\-####", 2125550100, "(212) 555-0100"),
    formatted('"+263 "0', 771234567, "+263 771234567"),
    formatted('"+27" 00 000 0000', 825550100, "+27 82 555 0100"),
    formatted("\\+\\2\\7 0", 825550100, "+27 825550100"),
    formatted('"0"0', 825550100, "0825550100"),
    formatted("+0", 27825550100, "+27825550100"),
    formatted('0#" "##" "##" "##" "##', 612345678, "06 12 34 56 78"),
    formatted("#,##0", 825550100, "825,550,100"),
    formatted("# ##0", 825550100, "825550 100"),
    formatted("R#,##0.00", 1234.5, "R1,234.50"),
    formatted("[$R-1C09]\\ #,##0.00", 1234.5, "R 1,234.50"),
    formatted('_-"R"* #,##0.00_-;-"R"* #,##0.00_-;_-"R"* "-"??_-;_-@_-', 1234.5, "R 1,234.50"),
    formatted("#,##0.00;[Red]-#,##0.00", -5, "-5.00"),
    formatted("#,##0_);(#,##0)", -5, "(5)"),
    formatted("0.0%", 0.125, "12.5%"),
    formatted("0,", 825550100, "825550"),
    formatted("0.00E+00", 27825550100, "2.78E+10"),
    formatted("# ?/?", 0.5, "1/2"),
    formatted("d/mm/yyyy", 45415, "3/05/2024"),
    formatted("dd mmmm yyyy", 45415, "03 May 2024"),
    formatted("[$-1C09]dddd, d mmmm yyyy;@", 45415, "Friday, 3 May 2024"),
    formatted("[$-407]d. mmmm yyyy", 45415, "2024-05-03"),
    formatted("h:mm AM/PM", 0.25, "6:00 AM"),
    formatted("[h]:mm", 1.25, "30:00"),
    formatted("yyyy-mm-dd hh:mm:ss", 45415.25, "2024-05-03 06:00:00"),
    formatted("d/mm/yyyy", 60, "29/02/1900"),
    formatted("d/mm/yyyy", 825550100, "825550100", "unknown_format"),
    formatted("[DBNum1]0", 825550100, "825550100", "unknown_format"),
    formatted("[$-D07041E]0", 825550100, "825550100", "unknown_format"),
    formatted(";;;", 825550100, "825550100", "unknown_format"),
    formatted("*00", 825550100, "825550100", "unknown_format"),
    formatted("0.0.0", 5, "5", "unknown_format"),
    formatted('"+27"@', 825550100, "825550100", "unknown_format"),
    formatted("[Red", 5, "5", "unknown_format"),
    formatted("@", "0825550100", "0825550100"),
    formatted("0", "0825550100", "0825550100"),
    formatted('"+27 "@', "825550100", "+27 825550100"),
    formatted('0;-0;0;"Tel "@', "0825550100", "Tel 0825550100"),
    formatted(";;;", "0825550100", "0825550100", "unknown_format"),
]

VALUES = [
    one("number in full", row(2, "Thandi", 27825550100), [["Thandi", "27825550100"]]),
    one("number with decimals of zero", row(2, "Thandi", Cell("27825550100.0")), [["Thandi", "27825550100"]]),
    one("number with an exponent", row(2, "Thandi", Cell("2.78255501E10")), [["Thandi", "27825550100"]]),
    one("number of 16 digits", row(2, "Thandi", Cell("1234567890123456")), [["Thandi", "1.23456789012346E+15"]]),
    one("number with leading zeros", row(2, "Thandi", Cell("0825550100")), [["Thandi", "825550100"]]),
    one("number with blanks", row(2, "Thandi", Cell(" 825550100\n")), [["Thandi", "825550100"]]),
    one("number of kind n", row(2, "Thandi", Cell("825550100", "n")), [["Thandi", "825550100"]]),
    one("negative number", row(2, "Thandi", -825550100), [["Thandi", "-825550100"]]),
    one("decimal number", row(2, "Thandi", 27.811626), [["Thandi", "27.811626"]]),
    one("no number", row(2, "Thandi", Cell("NaN")), [["Thandi", "NaN"]]),
    one("text like a formula", row(2, "Thandi", '="0825550100"'), [["Thandi", '="0825550100"']]),
    one("text with an apostrophe", row(2, "Thandi", "'0825550100"), [["Thandi", "'0825550100"]]),
    one("text of a number", row(2, "Thandi", "0825550100"), [THANDI]),
    one("true", row(2, "Thandi", Cell("1", "b")), [["Thandi", "TRUE"]]),
    one("false", row(2, "Thandi", Cell("0", "b")), [["Thandi", "FALSE"]]),
    one("false as a word", row(2, "Thandi", Cell("false", "b")), [["Thandi", "FALSE"]]),
    one("ISO date", row(2, "Thandi", Cell("2026-03-01", "d")), [["Thandi", "2026-03-01"]]),
    one("ISO date and time", row(2, "Thandi", Cell("2026-03-01T12:30:00", "d")), [["Thandi", "2026-03-01 12:30"]]),
    one("ISO time", row(2, "Thandi", Cell("12:30:00", "d")), [["Thandi", "12:30:00"]]),
    one("ISO nonsense", row(2, "Thandi", Cell("soon", "d")), [["Thandi", "soon"]]),
    one("inline text in a value", row(2, Cell("Thandi", "inlineStr"), "0825550100"), [THANDI]),
    one("unknown kind of cell", row(2, "Thandi", Cell("1", "zz")), refused="broken"),
    one("carriage return", row(2, "Thandi_x000D_\nK", "0825550100_x000D_"), [["Thandi\nK", "0825550100\n"]]),
    one("escaped escape", row(2, "_x005F_x000D_", "0825550100"), [["_x000D_", "0825550100"]]),
    one("escaped letters", row(2, "Zo_x00EB_ _x4e2d_", "0825550100"), [["Zoë 中", "0825550100"]]),
    one("escaped pair", row(2, "_xD83D__xDE00_", "0825550100"), [["😀", "0825550100"]]),
    one("escaped half", row(2, "A_xD83D_", "0825550100"), [["A\ufffd", "0825550100"]]),
    one("escaped NUL", row(2, "Th_x0000_andi", "0825550100"), [THANDI]),
    one("no escape", row(2, "_x12_ _xZZZZ_", "0825550100"), [["_x12_ _xZZZZ_", "0825550100"]]),
    packed(
        "ISO date with a format",
        lambda: xlsx(sheet(rows(HEADER, ("Thandi", Cell("2026-03-01", "d", 1)))), styles=styles("d/mm/yyyy")),
        [["Thandi", "1/03/2026"]],
    ),
    packed(
        "days from 1904",
        lambda: xlsx(
            sheet(rows(HEADER, ("Thandi", Cell("43953", style=1)), ("Sipho", Cell("2024-05-03", "d", 1)))),
            styles=styles("d/mm/yyyy"),
            parts={"xl/workbook.xml": workbook("Sheet1", properties='date1904="1"')},
        ),
        [["Thandi", "3/05/2024"], ["Sipho", "3/05/2024"]],
    ),
    packed("style that is missing", lambda: xlsx(sheet(rows(HEADER, ("A", Cell("5", style=9))))), [["A", "5"]]),
    *(
        one(f"error {error}", row(2, Cell(error, "e"), "0825550100"), [[error, "0825550100"]],
            problems={"A2": "spreadsheet_error"})
        for error in ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#GETTING_DATA")
    ),
    one("error as the phone", row(2, "Thandi", Cell("#REF!", "e", formula="VLOOKUP(A2,B:C,2)")), [["Thandi", "#REF!"]],
        problems={"B2": "spreadsheet_error"}),
]  # fmt: skip

_EMPTY = Cell("", "str", formula='IF(A2="","","x")')
FORMULAS = [
    one("formula with a text", row(2, "Thandi", Cell("0825550100", "str", formula="A9")), [THANDI]),
    one("formula with a number", row(2, "Thandi", Cell("825550100", formula="A9")), [["Thandi", "825550100"]]),
    one("formula with a truth value", row(2, "A", Cell("1", "b", formula="1=1")), [["A", "TRUE"]]),
    one("formula with an empty text", row(2, "Thandi", "0825550100", _EMPTY), [THANDI]),
    one("formula with an empty element", row(2, *THANDI).replace(
        "</row>", '<c r="C2" t="str"><f>A2</f><v/></c></row>'), [THANDI]),
    one("row of empty formulas", row(2, *THANDI) + row(3, _EMPTY, _EMPTY) + row(4, *SIPHO), [THANDI, [], SIPHO]),
    one("empty formulas below", row(2, *THANDI) + "".join(row(n, _EMPTY, _EMPTY) for n in range(3, 40)), [THANDI]),
    one("formula without a result", row(2, "Thandi", Cell(formula="C2&D2")), [["Thandi", "=C2&D2"]],
        problems={"B2": "formula_without_result"}),
    one("formula as openpyxl writes it", row(2, "Thandi", Cell("", formula="C2&D2")), [["Thandi", "=C2&D2"]],
        problems={"B2": "formula_without_result"}),
    one("nothing but a formula", row(2, None, Cell(formula="C2")), [["", "=C2"]],
        problems={"B2": "formula_without_result"}),
    one("text formula without a result", row(2, "A", Cell(None, "str", formula="C2")), [["A", "=C2"]],
        problems={"B2": "formula_without_result"}),
    one("shared formula", row(2, *THANDI).replace(
        "</row>", '<c r="C2"><f t="shared" ref="C2:C9" si="0">A2</f><v>5</v></c></row>') + row(3, *SIPHO).replace(
        "</row>", '<c r="C3"><f t="shared" si="0"/><v>6</v></c></row>'), [[*THANDI, "5"], [*SIPHO, "6"]]),
    one("shared formula without results", row(2, *THANDI).replace(
        "</row>", '<c r="C2"><f t="shared" si="0"/></c></row>'), [[*THANDI, "="]],
        problems={"C2": "formula_without_result"}),
    one("array formula", row(2, *THANDI).replace(
        "</row>", '<c r="C2"><f t="array" ref="C2:C3">A2:A3</f><v>5</v></c></row>') + row(3, *SIPHO, 6),
        [[*THANDI, "5"], [*SIPHO, "6"]]),
    one("formula with markup", row(2, "A", Cell("5", formula='IF(A2<"b",1,2)')), [["A", "5"]]),
    one("300 formulas without results",
        "".join(row(n, "A", Cell(formula="C2")) for n in range(2, 302)), [["A", "=C2"]] * 300,
        problems={f"B{n}": "formula_without_result" for n in range(2, 302)}),
]  # fmt: skip

STRINGS = [
    packed("shared strings", lambda: xlsx(sheet(_SHARED), strings=strings(*_IN_STRINGS)), THREE),
    packed(
        "shared strings with a back slash",
        lambda: xlsx(
            sheet(_SHARED),
            parts={
                "xl/sharedStrings.xml": strings(*_IN_STRINGS),
                "xl/_rels/workbook.xml.rels": relationships(
                    ("worksheet", "worksheets\\sheet1.xml"), ("sharedStrings", "\\xl\\sharedStrings.xml")
                ),
            },
        ),
        THREE,
    ),
    *(
        packed(
            f"shared strings named {name}",
            partial(
                xlsx, sheet(_SHARED), strings=strings(*_IN_STRINGS), renamed={"xl/sharedStrings.xml": name}
            ),
            THREE,
        )
        for name in ("xl/SharedStrings.xml", "xl\\sharedStrings.xml", "/xl/sharedStrings.xml", "XL/SHAREDSTRINGS.XML")
    ),
    *(
        packed(
            f"shared strings at {target}",
            partial(
                xlsx,
                sheet(_SHARED),
                parts={
                    "xl/sharedStrings.xml": strings(*_IN_STRINGS),
                    "xl/_rels/workbook.xml.rels": relationships(
                        ("worksheet", "/xl/worksheets/sheet1.xml"), ("sharedStrings", target)
                    ),
                },
            ),
            THREE,
        )
        for target in ("/xl/sharedStrings.xml", "./sharedStrings.xml", "../xl/sharedStrings.xml", "xl/sharedStrings.xml",
                       "SharedStrings.xml", "missing.xml", "shared%53trings.xml")
    ),
    packed(
        "shared strings without a relationship",
        lambda: xlsx(sheet(_SHARED), parts={"xl/sharedStrings.xml": strings(*_IN_STRINGS)}),
        THREE,
    ),
    packed("shared strings missing", lambda: xlsx(sheet(_SHARED)), refused="broken"),
    packed("too few shared strings", lambda: xlsx(sheet(_SHARED), strings=strings(*_IN_STRINGS[:3])), refused="broken"),
    packed(
        "rich text and its pronunciation",
        lambda: xlsx(
            sheet(rows(HEADER, (Cell("0", "s"), "0825550100"))),
            strings=strings("<r><rPr><b/></rPr><t>Th</t></r><r><t>andi</t></r><rPh sb='0' eb='1'><t>x</t></rPh><phoneticPr/>"),
        ),
        [THANDI],
    ),
    packed(
        "escapes in shared strings",
        lambda: xlsx(sheet(rows(HEADER, (Cell("0", "s"), "1"))), strings=strings("<t>A_x000D_\nB</t>")),
        [["A\nB", "1"]],
    ),
    packed(
        "empty shared strings",
        lambda: xlsx(
            sheet(rows(HEADER, THANDI, (Cell("0", "s"), Cell("1", "s")), SIPHO, (Cell("0", "s"), Cell("1", "s")))),
            strings=strings("<t/>", "<t> </t>"),
        ),
        [THANDI, [], SIPHO],
    ),
    packed(
        "very long text",
        lambda: xlsx(sheet(rows(HEADER, (Cell("0", "s"), "1"))), strings=strings(f"<t>{'ab ' * 10_922}c</t>")),
        [["ab " * 10_922 + "c", "1"]],
    ),
    one("rich inline text", row(2, *THANDI).replace(
        '<t xml:space="preserve">Thandi</t>', "<r><t>Th</t></r><r><rPr/><t>andi</t></r><rPh><t>x</t></rPh>"), [THANDI]),
]  # fmt: skip

_ESCAPED_ROW = '<row r="2"><c r="A2" t="inlineStr"><is><t><![CDATA[R&D]]></t></is></c><c r="B2"><v>5</v></c></row>'
MARKUP = [
    packed(
        "Strict Open XML",
        lambda: xlsx(
            sheet(rows(HEADER, (Cell("0", "s"), Cell("45415", style=1))), namespace=STRICT),
            styles=styles("d/m/yyyy", namespace=STRICT),
            strings=strings("<t>Thandi</t>", namespace=STRICT),
            parts={
                "xl/workbook.xml": workbook("Sheet1", namespace=STRICT, document=STRICT_DOCUMENT),
                "_rels/.rels": relationships(("officeDocument", "xl/workbook.xml"), document=STRICT_DOCUMENT),
                "xl/_rels/workbook.xml.rels": relationships(
                    ("worksheet", "worksheets/sheet1.xml"),
                    ("styles", "styles.xml"),
                    ("sharedStrings", "sharedStrings.xml"),
                    document=STRICT_DOCUMENT,
                ),
            },
        ),
        [["Thandi", "3/5/2024"]],
    ),
    whole("elements with a prefix", sheet(PLAIN).replace("<", "<x:").replace("<x:/", "</x:").replace("xmlns=", "xmlns:x="),
          THREE),
    whole("UTF-16", ('<?xml version="1.0" encoding="UTF-16"?>' + sheet(PLAIN)).encode("utf-16"), THREE),
    whole("byte order mark", b"\xef\xbb\xbf" + sheet(PLAIN).encode(), THREE),
    whole("windows-1252", ('<?xml version="1.0" encoding="windows-1252"?>' + sheet(rows(HEADER, ("Zoë", "1")))).encode("cp1252"),
          [["Zoë", "1"]]),
    whole("declared UTF-8", b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n' + sheet(PLAIN).encode(), THREE),
    whole("line breaks between elements", sheet(PLAIN).replace("><", ">\n  <").replace(">\n  <v>", "><v>"), THREE),
    whole("single quotes", sheet(PLAIN).replace('"', "'"), THREE),
    whole("spaces in attributes", sheet(PLAIN + row(5, "X", "1", attributes='hidden = "1"')).replace(' r="', ' r = "'),
          THREE, hidden=1),
    whole("CDATA", sheet(row(1, *HEADER) + _ESCAPED_ROW), [["R&D", "5"]]),
    whole("comments", sheet("<!-- <row> -->" + PLAIN), THREE),
    whole("entities", sheet(rows(HEADER, ("R&D <x>", "1"))), [["R&D <x>", "1"]]),
    whole("document type", '<!DOCTYPE worksheet [<!ENTITY a "b">]>' + sheet(PLAIN), refused="broken"),
    whole("XML that ends too early", sheet(PLAIN)[:-60], refused="broken"),
    whole("no XML", "This is not XML.", refused="broken"),
    whole("a different part", strings("<t>x</t>"), refused="broken"),
    whole("no rows", sheet(""), refused="empty"),
    whole("sheetData that ends itself", sheet("").replace("<sheetData></sheetData>", "<sheetData/>"), refused="empty"),
    whole("extensions", sheet(PLAIN, after='<extLst><ext xmlns:x14="urn:x"><x14:row r="9"><x14:v>1</x14:v></x14:row></ext></extLst>'),
          THREE),
    whole("declared dimension too large", sheet(PLAIN, before='<dimension ref="A1:XFD1048576"/>'), THREE),
    whole("declared dimension too small", sheet(PLAIN, before='<dimension ref="A1"/>'), THREE),
    whole("as LibreOffice writes", sheet(PLAIN).replace(
        "<row ", '<row customFormat="false" ht="12.8" hidden="false" customHeight="false" outlineLevel="0" collapsed="false" '),
        THREE),
    whole("as Excel writes", sheet(PLAIN).replace("<row ", '<row spans="1:2" x14ac:dyDescent="0.25" ').replace(
        "<worksheet ", '<worksheet xmlns:x14ac="http://schemas.microsoft.com/office/spreadsheetml/2009/9/ac" '), THREE),
]  # fmt: skip

_NO_NUMBERS = PLAIN.replace(' r="1"', "").replace(' r="2"', "").replace(' r="3"', "").replace(' r="4"', "")
ROWS = [
    whole("rows out of order", sheet(row(1, *HEADER) + row(4, *LERATO) + row(2, *THANDI) + row(3, *SIPHO)), THREE),
    whole("header stored last", sheet(row(4, *LERATO) + row(2, *THANDI) + row(3, *SIPHO) + row(1, *HEADER)), THREE),
    whole("rows out of order with a gap", sheet(row(5, *SIPHO) + row(1, *HEADER) + row(2, *THANDI)),
          [THANDI, [], [], SIPHO]),
    whole("rows without numbers", sheet(_NO_NUMBERS), THREE),
    whole("nothing has a number", sheet("<row><c t='inlineStr'><is><t>Name</t></is></c><c t='inlineStr'><is><t>Cell</t>"
          "</is></c></row><row><c/><c><v>5</v></c></row>"), [["", "5"]]),
    whole("only cells have numbers", sheet('<row><c r="A1" t="inlineStr"><is><t>Cell</t></is></c></row>'
          '<row><c r="A4"><v>5</v></c></row>'), [[], [], ["5"]]),
    whole("cells out of order", sheet(row(1, *HEADER) + '<row r="2"><c r="B2"><v>5</v></c><c r="A2"><v>6</v></c></row>'),
          [["6", "5"]]),
    whole("cells without references", sheet(PLAIN.replace(' r="A2"', "").replace(' r="B2"', "")), THREE),
    whole("small letters", sheet(PLAIN.replace('r="B', 'r="b')), THREE),
    whole("gap", sheet(row(1, *HEADER) + row(5, *THANDI)), [[], [], [], THANDI]),
    whole("row stored twice", sheet(PLAIN + row(4, "X", "1")), refused="broken"),
    whole("row stored twice, out of order", sheet(row(1, *HEADER) + row(3, *SIPHO) + row(2, *THANDI) + row(3, "X")),
          refused="broken"),
    whole("row stored twice, once blank", sheet(row(1, *HEADER) + '<row r="2"/>' + row(2, *THANDI) + '<row r="2"/>'),
          [THANDI]),
    whole("row 0", sheet(row(1, *HEADER) + '<row r="0"><c><v>1</v></c></row>'), refused="broken"),
    whole("row x", sheet(row(1, *HEADER) + '<row r="x"><c><v>1</v></c></row>'), refused="broken"),
    whole("row after the last", sheet(row(1, *HEADER) + row(1_048_577, "x")), refused="too_large"),
    whole("column after the last", sheet('<row r="1"><c r="XFE1"><v>1</v></c></row>'), refused="broken"),
    whole("last column", sheet('<row r="1"><c r="XFD1"><v>1</v></c></row>'), refused="too_large"),
    whole("reference without a column", sheet('<row r="1"><c r="7"><v>1</v></c></row>'), refused="broken"),
    whole("blank formatted rows", sheet(
        PLAIN + "".join(f'<row r="{n}"><c r="A{n}" s="1"/><c r="B{n}" s="1"/></row>' for n in range(5, 100_000))), THREE),
    whole("blank formatted cells", sheet(PLAIN.replace("</row>", '<c r="AAA1" s="1"/></row>')), THREE),
    whole("merged cells", sheet(
        rows(("Name", "Cell", "City"), ("Thandi", "0825550100", "Paarl"), ("Sipho", "0825550101", "old"), ("L", "1", "George")),
        after='<mergeCells count="1"><mergeCell ref="C2:C3"/></mergeCells>'),
        [["Thandi", "0825550100", "Paarl"], SIPHO, ["L", "1", "George"]]),
    whole("merged cells in a row", sheet(rows(HEADER, ("Thandi", "old", "x"), THANDI),
          after='<mergeCells><mergeCell ref="A2:B2"/><mergeCell ref="D9"/></mergeCells>'), [["Thandi", "", "x"], THANDI]),
    whole("merged cells with an error below", sheet(rows(HEADER, THANDI, ("Sipho", Cell("#N/A", "e"))),
          after='<mergeCells><mergeCell ref="B2:B3"/></mergeCells>'), [THANDI, ["Sipho"]]),
    whole("merged cells, out of order", sheet(row(1, *HEADER) + row(3, *SIPHO) + row(2, *THANDI),
          after='<mergeCells><mergeCell ref="A2:A3"/></mergeCells>'), [THANDI, ["", "0825550101"]]),
]  # fmt: skip


def hidden(name: str, attributes: str, hidden_rows: int = 1, **about: str) -> Case:
    """Sipho's row has the attributes of a row that may be hidden."""
    data = row(1, *HEADER) + row(2, *THANDI) + row(3, *SIPHO, attributes=attributes) + row(4, *LERATO)
    shown = [THANDI, LERATO] if hidden_rows else THREE
    return whole(name, sheet(data, **about), shown, hidden=hidden_rows)


_HIDDEN = row(3, *SIPHO, attributes='hidden="1"')
_FILTER = '<autoFilter ref="A1:B4"><filterColumn colId="0"><filters><filter val="Thandi"/></filters></filterColumn></autoFilter>'
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
    whole("hidden rows taken", sheet(row(1, *HEADER) + row(2, *THANDI) + _HIDDEN + row(4, *LERATO)), THREE,
          options=Options(hidden_rows=True)),
    whole("last rows hidden", sheet(row(1, *HEADER) + row(2, *THANDI) + _HIDDEN), [THANDI], hidden=1),
    whole("all rows hidden", sheet(row(1, *HEADER) + _HIDDEN), [[]], hidden=1),
    whole("blank hidden rows", sheet(row(1, *HEADER) + row(2, attributes='hidden="1"') + row(3, *SIPHO)
          + row(4, _EMPTY, attributes='hidden="1"')), [[], SIPHO]),
    whole("hidden rows out of order", sheet(_HIDDEN + row(1, *HEADER) + row(4, *LERATO) + row(2, *THANDI)),
          [THANDI, LERATO], hidden=1),
    whole("500 hidden rows", sheet(row(1, *HEADER) + row(2, *THANDI)
          + "".join(row(n, "x", "1", attributes='hidden="1"') for n in range(3, 503)) + row(503, *SIPHO)),
          [THANDI, SIPHO], hidden=500),
]  # fmt: skip

_SECOND = sheet(rows(HEADER, SIPHO))
_THIRD = sheet(rows(HEADER, LERATO, THANDI))


def sheets(name: str, shown: Sequence[Sequence[str]], *, titles: Sequence[str] = ("A", "B", "C"),
           states: Mapping[str, str] | None = None, active: int | None = 0, contents: Sequence[str] = (),
           **expected: object) -> Case:  # fmt: skip
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
    sheets("open sheet empty", THREE, active=1, contents=[sheet(PLAIN), sheet(""), _THIRD], sheets=[("A", 4), ("C", 3)]),
    sheets("hidden sheet empty", THREE, states={"B": "hidden"}, contents=[sheet(PLAIN), sheet(""), _THIRD],
           hidden_sheets=[]),
    sheets("sheet of blank cells", [SIPHO], contents=[sheet('<row r="1"><c r="A1" s="1"/></row>'), _SECOND, _THIRD]),
    sheets("titles with markup", [SIPHO], titles=["R&D <1>", '"B"', "Ünï"], active=1,
           sheets=[('"B"', 2), ("R&D <1>", 4), ("Ünï", 3)]),
    packed("chart between sheets", lambda: xlsx(sheet(PLAIN), _SECOND, titles=["A", "B"], parts={
        "xl/workbook.xml": workbook("A", "Chart", "B", active=2),
        "xl/_rels/workbook.xml.rels": relationships(
            ("worksheet", "worksheets/sheet1.xml"), ("chartsheet", "chartsheets/sheet1.xml"),
            ("worksheet", "worksheets/sheet2.xml"))}), [SIPHO], sheets=[("B", 2), ("A", 4)]),
    packed("part of a sheet missing", lambda: xlsx(sheet(PLAIN), _SECOND, parts={"xl/worksheets/sheet2.xml": None}),
           refused="broken"),
]  # fmt: skip

_ELSEWHERE = {"xl/workbook.xml": "data/book.xml", "xl/worksheets/sheet1.xml": "data/worksheets/sheet1.xml",
              "xl/_rels/workbook.xml.rels": "data/_rels/book.xml.rels"}  # fmt: skip
PARTS = [
    packed("names with back slashes", lambda: xlsx(sheet(PLAIN), renamed={
        "xl/workbook.xml": "xl\\workbook.xml", "xl/worksheets/sheet1.xml": "xl\\worksheets\\sheet1.xml",
        "xl/_rels/workbook.xml.rels": "xl\\_rels\\workbook.xml.rels", "_rels/.rels": "_rels\\.rels"}), THREE),
    packed("names in capitals", lambda: xlsx(sheet(PLAIN), renamed={
        "xl/workbook.xml": "XL/Workbook.XML", "xl/worksheets/sheet1.xml": "xl/Worksheets/Sheet1.xml"}), THREE),
    packed("names with a leading slash", lambda: xlsx(sheet(PLAIN), renamed={
        "xl/worksheets/sheet1.xml": "/xl/worksheets/sheet1.xml"}), THREE),
    packed("workbook elsewhere", lambda: xlsx(sheet(PLAIN), renamed=_ELSEWHERE, parts={
        "_rels/.rels": relationships(("officeDocument", "/data/book.xml"))}), THREE),
    packed("no relationship to the workbook", lambda: xlsx(sheet(PLAIN), parts={"_rels/.rels": None}), THREE),
    packed("no relationships of the workbook", lambda: xlsx(sheet(PLAIN), parts={"xl/_rels/workbook.xml.rels": None}),
           refused="broken"),
    packed("no workbook", lambda: xlsx(sheet(PLAIN), parts={"xl/workbook.xml": None}), refused="broken"),
    packed("no styles", lambda: xlsx(sheet(rows(HEADER, ("A", Cell("5", style=1))))), [["A", "5"]]),
    packed("broken styles", lambda: xlsx(sheet(PLAIN), styles="<styleSheet"), refused="broken"),
    packed("archive cut off", lambda: xlsx(sheet(PLAIN))[:-30], refused="broken"),
    packed("archive with other bytes", lambda: xlsx(sheet(PLAIN)).replace(b"PK\x03\x04", b"PK\x03\x05"), refused="broken"),
    packed("too many parts", lambda: xlsx(sheet(PLAIN), parts={f"x/{n}": "" for n in range(2_000)}), refused="too_large"),
    packed("unpacks to far more", lambda: xlsx(sheet(PLAIN), parts={"x": b" " * 20_000_000}), refused="too_large"),
]  # fmt: skip

_PEOPLE = [["Name", "Cell"], ["Thandi", "0825550100"], ["Sipho", 27825550101]]
_SHOWN = [THANDI, ["Sipho", "27825550101"]]


OTHER = [
    *(
        Case(f"{ending}: {name}", partial(write, sheets_), shown, ending=ending, **expected)  # type: ignore[arg-type]
        for ending, write in (("xls", xls), ("ods", ods))
        for name, sheets_, shown, expected in (
            ("people", [("A", _PEOPLE, False)], _SHOWN, {"sheets": [("A", 3)]}),
            ("gap", [("A", [["Cell"], [], [], [825550100]], False)], [[], [], ["825550100"]], {}),
            ("dates", [("A", [["When"], [date(2026, 3, 1)], [datetime(2026, 3, 1, 12, 30)]], False)],
             [["2026-03-01"], ["2026-03-01 12:30" if ending == "xls" else "2026-03-01 12:30:00"]], {}),
            ("time", [("A", [["When"], [time(8, 15)]], False)], [["8:15" if ending == "xls" else "08:15:00"]], {}),
            ("truth", [("A", [["Ok"], [True], [False]], False)], [["TRUE"], ["FALSE"]], {}),
            ("error", [("A", [["A", "B"], [Error("#N/A"), "x"]], False)], [["#N/A", "x"]],
             {"problems": {"A2": "spreadsheet_error"}}),
            ("hidden sheet", [("A", _PEOPLE, False), ("B", _PEOPLE, True)], _SHOWN,
             {"sheets": [("A", 3)], "hidden_sheets": ["B"]}),
            ("sheet chosen", [("A", [["x"], ["y"]], False), ("B", _PEOPLE, False)], _SHOWN,
             {"options": Options(sheet="B"), "sheets": [("A", 2), ("B", 3)]}),
            ("empty", [("A", [], False)], [], {"refused": "empty"}),
            ("letters", [("Ünï", [["Näme"], ["Zoë 中"]], False)], [["Zoë 中"]], {"sheets": [("Ünï", 2)]}),
        )
    ),
]  # fmt: skip

CASES = [*FORMATS, *VALUES, *FORMULAS, *STRINGS, *MARKUP, *ROWS, *HIDDEN, *SHEETS, *PARTS, *OTHER]
