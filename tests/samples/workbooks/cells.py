"""Cells with values of every kind, each with and without a number format."""

from tests.samples.workbooks.case import EMPTY, HEADER, SIPHO, THANDI, Case, one, packed
from tests.samples.workbooks.open_xml import (
    Cell,
    row,
    rows,
    sheet,
    styles,
    workbook,
    xlsx,
)


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
    formatted("0_ ", 27825550100, "27825550100"),
    formatted("0_);[Red]\\(0\\)", 27825550100, "27825550100"),
    formatted('"TRUE";"TRUE";"FALSE"', 1, "TRUE"),
    formatted('[$-411]ggge"年"', "Date", "Date"),
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
        one(
            f"error {error}",
            row(2, Cell(error, "e"), "0825550100"),
            [[error, "0825550100"]],
            problems={"A2": "spreadsheet_error"},
        )
        for error in ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#GETTING_DATA")
    ),
    one(
        "error as the phone",
        row(2, "Thandi", Cell("#REF!", "e", formula="VLOOKUP(A2,B:C,2)")),
        [["Thandi", "#REF!"]],
        problems={"B2": "spreadsheet_error"},
    ),
]


FORMULAS = [
    one("formula with a text", row(2, "Thandi", Cell("0825550100", "str", formula="A9")), [THANDI]),
    one("formula with a number", row(2, "Thandi", Cell("825550100", formula="A9")), [["Thandi", "825550100"]]),
    one("formula with a truth value", row(2, "A", Cell("1", "b", formula="1=1")), [["A", "TRUE"]]),
    one("formula with an empty text", row(2, "Thandi", "0825550100", EMPTY), [THANDI]),
    one(
        "formula with an empty element",
        row(2, *THANDI).replace("</row>", '<c r="C2" t="str"><f>A2</f><v/></c></row>'),
        [THANDI],
    ),
    one("row of empty formulas", row(2, *THANDI) + row(3, EMPTY, EMPTY) + row(4, *SIPHO), [THANDI, [], SIPHO]),
    one("empty formulas below", row(2, *THANDI) + "".join(row(n, EMPTY, EMPTY) for n in range(3, 40)), [THANDI]),
    one(
        "formula without a result",
        row(2, "Thandi", Cell(formula="C2&D2")),
        [["Thandi", "=C2&D2"]],
        problems={"B2": "formula_without_result"},
    ),
    one(
        "formula as openpyxl writes it",
        row(2, "Thandi", Cell("", formula="C2&D2")),
        [["Thandi", "=C2&D2"]],
        problems={"B2": "formula_without_result"},
    ),
    one(
        "nothing but a formula",
        row(2, None, Cell(formula="C2")),
        [["", "=C2"]],
        problems={"B2": "formula_without_result"},
    ),
    one(
        "text formula without a result",
        row(2, "A", Cell(None, "str", formula="C2")),
        [["A", "=C2"]],
        problems={"B2": "formula_without_result"},
    ),
    one(
        "shared formula",
        row(2, *THANDI).replace("</row>", '<c r="C2"><f t="shared" ref="C2:C9" si="0">A2</f><v>5</v></c></row>')
        + row(3, *SIPHO).replace("</row>", '<c r="C3"><f t="shared" si="0"/><v>6</v></c></row>'),
        [[*THANDI, "5"], [*SIPHO, "6"]],
    ),
    one(
        "shared formula without results",
        row(2, *THANDI).replace("</row>", '<c r="C2"><f t="shared" si="0"/></c></row>'),
        [[*THANDI, "="]],
        problems={"C2": "formula_without_result"},
    ),
    one(
        "array formula",
        row(2, *THANDI).replace("</row>", '<c r="C2"><f t="array" ref="C2:C3">A2:A3</f><v>5</v></c></row>')
        + row(3, *SIPHO, 6),
        [[*THANDI, "5"], [*SIPHO, "6"]],
    ),
    one("formula with markup", row(2, "A", Cell("5", formula='IF(A2<"b",1,2)')), [["A", "5"]]),
    one(
        "300 formulas without results",
        "".join(row(n, "A", Cell(formula="C2")) for n in range(2, 302)),
        [["A", "=C2"]] * 300,
        problems={f"B{n}": "formula_without_result" for n in range(2, 302)},
    ),
]
