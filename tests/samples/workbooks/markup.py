"""XML as one program or another writes it."""

from functools import partial

from tests.samples.workbooks.case import HEADER, PLAIN, SIPHO, THANDI, THREE, one, packed, whole
from tests.samples.workbooks.open_xml import (
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

_IN_STRINGS = [f"<t>{each}</t>" for cells in (HEADER, *THREE) for each in cells]
_SHARED = rows(*[(Cell(str(at), "s"), Cell(str(at + 1), "s")) for at in (0, 2, 4, 6)])


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
            partial(xlsx, sheet(_SHARED), strings=strings(*_IN_STRINGS), renamed={"xl/sharedStrings.xml": name}),
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
        for target in (
            "/xl/sharedStrings.xml",
            "./sharedStrings.xml",
            "../xl/sharedStrings.xml",
            "xl/sharedStrings.xml",
            "SharedStrings.xml",
            "missing.xml",
            "shared%53trings.xml",
        )
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
            strings=strings(
                "<r><rPr><b/></rPr><t>Th</t></r><r><t>andi</t></r><rPh sb='0' eb='1'><t>x</t></rPh><phoneticPr/>"
            ),
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
    one(
        "rich inline text",
        row(2, *THANDI).replace(
            '<t xml:space="preserve">Thandi</t>', "<r><t>Th</t></r><r><rPr/><t>andi</t></r><rPh><t>x</t></rPh>"
        ),
        [THANDI],
    ),
]


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
    whole(
        "elements with a prefix",
        sheet(PLAIN).replace("<", "<x:").replace("<x:/", "</x:").replace("xmlns=", "xmlns:x="),
        THREE,
    ),
    whole("UTF-16", ('<?xml version="1.0" encoding="UTF-16"?>' + sheet(PLAIN)).encode("utf-16"), THREE),
    whole("byte order mark", b"\xef\xbb\xbf" + sheet(PLAIN).encode(), THREE),
    whole(
        "windows-1252",
        ('<?xml version="1.0" encoding="windows-1252"?>' + sheet(rows(HEADER, ("Zoë", "1")))).encode("cp1252"),
        [["Zoë", "1"]],
    ),
    whole(
        "declared UTF-8", b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n' + sheet(PLAIN).encode(), THREE
    ),
    whole("line breaks between elements", sheet(PLAIN).replace("><", ">\n  <").replace(">\n  <v>", "><v>"), THREE),
    whole("single quotes", sheet(PLAIN).replace('"', "'"), THREE),
    whole(
        "spaces in attributes",
        sheet(PLAIN + row(5, "X", "1", attributes='hidden = "1"')).replace(' r="', ' r = "'),
        THREE,
        hidden=1,
    ),
    whole("CDATA", sheet(row(1, *HEADER) + _ESCAPED_ROW), [["R&D", "5"]]),
    whole("comments", sheet("<!-- <row> -->" + PLAIN), THREE),
    whole("entities", sheet(rows(HEADER, ("R&D <x>", "1"))), [["R&D <x>", "1"]]),
    whole("document type", '<!DOCTYPE worksheet [<!ENTITY a "b">]>' + sheet(PLAIN), refused="broken"),
    whole("XML that ends too early", sheet(PLAIN)[:-60], refused="broken"),
    whole("no XML", "This is not XML.", refused="broken"),
    whole("a different part", strings("<t>x</t>"), refused="broken"),
    whole("no rows", sheet(""), refused="empty"),
    whole("sheetData that ends itself", sheet("").replace("<sheetData></sheetData>", "<sheetData/>"), refused="empty"),
    whole(
        "extensions",
        sheet(PLAIN, after='<extLst><ext xmlns:x14="urn:x"><x14:row r="9"><x14:v>1</x14:v></x14:row></ext></extLst>'),
        THREE,
    ),
    whole("declared dimension too large", sheet(PLAIN, before='<dimension ref="A1:XFD1048576"/>'), THREE),
    whole("declared dimension too small", sheet(PLAIN, before='<dimension ref="A1"/>'), THREE),
    whole(
        "as LibreOffice writes",
        sheet(PLAIN).replace(
            "<row ",
            '<row customFormat="false" ht="12.8" hidden="false" outlineLevel="0" collapsed="false" ',
        ),
        THREE,
    ),
    whole(
        "as Excel writes",
        sheet(PLAIN)
        .replace("<row ", '<row spans="1:2" x14ac:dyDescent="0.25" ')
        .replace(
            "<worksheet ", '<worksheet xmlns:x14ac="http://schemas.microsoft.com/office/spreadsheetml/2009/9/ac" '
        ),
        THREE,
    ),
]
