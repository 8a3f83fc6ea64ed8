"""Writes .xlsx workbooks part by part, so that tests can store what other programs store, right or wrong."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

TRANSITIONAL = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_DOCUMENT = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


@dataclass(frozen=True)
class Cell:
    """A cell as it is stored: ``kind`` is its type, ``style`` the position of a number format; None leaves out."""

    value: str | None = None
    kind: str = ""
    style: int = 0
    formula: str | None = None


Value = Cell | str | int | float | None


def row(number: int, *values: Value, attributes: str = "") -> str:
    """A row. A str is stored as an inline text, a number as a number, None not at all."""
    cells = "".join(
        _cell(f"{chr(ord('A') + column)}{number}", value) for column, value in enumerate(values) if value is not None
    )
    return f'<row r="{number}"{" " if attributes else ""}{attributes}>{cells}</row>'


def rows(*all_values: Sequence[Value]) -> str:
    """Rows from the first on."""
    return "".join(row(number, *values) for number, values in enumerate(all_values, start=1))


def _cell(reference: str, value: Value) -> str:
    if isinstance(value, str):
        return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    if not isinstance(value, Cell):
        return f'<c r="{reference}"><v>{value}</v></c>'
    kind = f' t="{value.kind}"' if value.kind else ""
    style = f' s="{value.style}"' if value.style else ""
    formula = "" if value.formula is None else f"<f>{escape(value.formula)}</f>"
    stored = "" if value.value is None else f"<v>{escape(value.value)}</v>"
    return f'<c r="{reference}"{style}{kind}>{formula}{stored}</c>'


def sheet(data: str, *, before: str = "", after: str = "", namespace: str = TRANSITIONAL) -> str:
    """A worksheet part with these rows."""
    return f'<worksheet xmlns="{namespace}">{before}<sheetData>{data}</sheetData>{after}</worksheet>'


def styles(*codes: str, namespace: str = TRANSITIONAL) -> str:
    """A styles part: cell style 1 has the first number format, 2 the second ... A digit is a built-in format."""
    own = "".join(
        f'<numFmt numFmtId="{163 + number}" formatCode={quoteattr(code)}/>'
        for number, code in enumerate(codes, start=1) if not code.startswith("#id:")
    )  # fmt: skip
    ids = [code[4:] if code.startswith("#id:") else str(163 + number) for number, code in enumerate(codes, start=1)]
    used = "".join(f'<xf numFmtId="{each}" fontId="0" applyNumberFormat="1"/>' for each in ["0", *ids])
    return (
        f'<styleSheet xmlns="{namespace}"><numFmts>{own}</numFmts><cellStyleXfs><xf numFmtId="9"/></cellStyleXfs>'
        f'<cellXfs>{used}</cellXfs><dxfs><dxf><numFmt numFmtId="164" formatCode="0.000"/></dxf></dxfs></styleSheet>'
    )


def strings(*items: str, namespace: str = TRANSITIONAL) -> str:
    """A part with shared strings. Each item is the XML inside ``si``."""
    inside = "".join(f"<si>{item}</si>" for item in items)
    return f'<sst xmlns="{namespace}">{inside}</sst>'


def workbook(
    *titles: str,
    states: Mapping[str, str] | None = None,
    active: int | None = 0,
    properties: str = "",
    namespace: str = TRANSITIONAL,
    document: str = DOCUMENT,
) -> str:
    """The workbook part. ``states``: of sheets that are not visible, by title."""
    listed = "".join(
        f"<sheet name={quoteattr(title)} sheetId=\"{number}\" r:id=\"rId{number}\""
        + (f' state="{states[title]}"' if states and title in states else "") + "/>"
        for number, title in enumerate(titles, start=1)
    )  # fmt: skip
    view = "" if active is None else f'<bookViews><workbookView activeTab="{active}"/></bookViews>'
    return (
        f'<workbook xmlns="{namespace}" xmlns:r="{document}"><workbookPr {properties}/>{view}'
        f"<sheets>{listed}</sheets></workbook>"
    )


def relationships(*targets: tuple[str, str], document: str = DOCUMENT) -> str:
    """A part with relationships rId1, rId2 ...: kinds and targets."""
    inside = "".join(
        f'<Relationship Id="rId{number}" Type="{document}/{kind}" Target={quoteattr(target)}/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{PACKAGE}">{inside}</Relationships>'


def xlsx(
    *sheets: str | bytes,
    titles: Sequence[str] = (),
    parts: Mapping[str, str | bytes | None] | None = None,
    renamed: Mapping[str, str] | None = None,
    **about: str,
) -> bytes:
    """A workbook with these worksheet parts. ``about``: ``styles`` and ``strings``.

    ``parts``: parts that are added or stand for the usual ones; None leaves one out. ``renamed``: new names of parts.
    """
    titles = titles or [f"Sheet{number}" for number in range(1, len(sheets) + 1)]
    targets = [("worksheet", f"worksheets/sheet{number}.xml") for number in range(1, len(sheets) + 1)]
    written: dict[str, str | bytes | None] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": relationships(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": workbook(*titles),
    }
    for (_, target), content in zip(targets, sheets, strict=True):
        written[f"xl/{target}"] = content
    for kind, name in (("styles", "styles.xml"), ("strings", "sharedStrings.xml")):
        if kind in about:
            targets.append((name.removesuffix(".xml"), name))
            written[f"xl/{name}"] = about[kind]
    written["xl/_rels/workbook.xml.rels"] = relationships(*targets)
    written |= parts or {}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, part in written.items():
            if part is not None:
                opened.writestr(zipfile.ZipInfo((renamed or {}).get(name, name)), part, zipfile.ZIP_DEFLATED)
    return archive.getvalue()
