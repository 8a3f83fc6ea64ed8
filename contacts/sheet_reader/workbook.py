"""Reads an Open XML workbook (.xlsx, .xlsm): which sheets it has, and the rows of one of them."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from contacts.sheet_reader import worksheet
from contacts.sheet_reader.number_formats import BUILT_IN, GENERAL, NumberFormat
from contacts.sheet_reader.parts import Parts, broken, local
from contacts.sheet_reader.shared_strings import shared_strings
from contacts.sheet_reader.sheet_choice import Choice, choose
from contacts.sheet_reader.types import Options, Source
from contacts.sheet_reader.values import Values, unescaped

#: By the id of a relationship: the kind, such as "worksheet", and the name of the part.
Related = Mapping[str, tuple[str, str]]

WORKBOOK = "xl/workbook.xml"

_TRUE = ("1", "true", "on")
#: Number formats from this number on are defined in the workbook; one that is not is shown as General.
_FIRST_OWN_FORMAT = 164
#: Built-in formats without a documented code, which Excel shows as General.
_RESERVED_FORMATS = range(23, 27)


@dataclass(frozen=True)
class Sheet:
    """A worksheet as the workbook lists it. ``part``: the name of its part in the archive."""

    title: str
    part: str
    is_visible: bool
    is_open: bool


def open_workbook(path: Path, options: Options) -> Source:
    """The sheet that ``options`` chooses, with its hidden rows. Raises SheetError, also while its rows are read."""
    parts = Parts(path)
    workbook = next((target for _, kind, target in parts.relationships("") if kind == "officeDocument"), WORKBOOK)
    root = parts.xml(workbook)
    related = {each: (kind, target) for each, kind, target in parts.relationships(workbook)}
    values = _values(parts, root, workbook, related)
    return choose([_choice(parts, sheet, values, options) for sheet in _worksheets(root, related)], options)


def _choice(parts: Parts, sheet: Sheet, values: Values, options: Options) -> Choice:
    open_part = partial(parts.open, sheet.part)
    scan = worksheet.scan(open_part, values)
    if options.covered_cells:
        scan.merges = []
    return Choice(sheet.title, sheet.is_visible, sheet.is_open, scan, lambda: worksheet.rows(open_part(), values, scan))


def _worksheets(root: Any, related: Related) -> Iterator[Sheet]:
    """The worksheets in their order, without charts and dialogs. Raises SheetError for one that is missing."""
    listed = [each for each in root.iter() if local(each.tag) == "sheet"]
    views = [each for each in root.iter() if local(each.tag) == "workbookView"]
    active = views[0].get("activeTab", "0") if views else "0"
    for position, element in enumerate(listed):
        ids = [value for name, value in element.items() if name.endswith("/relationships}id")]
        kind, part = related.get(ids[0] if ids else "", ("", ""))
        if kind == "worksheet" and part:
            is_visible = element.get("state", "visible") == "visible"
            yield Sheet(element.get("name", ""), part, is_visible, str(position) == active.strip())
        elif kind in ("worksheet", ""):
            raise broken()


def _values(parts: Parts, root: Any, workbook: str, related: Related) -> Values:
    is_1904 = any(each.get("date1904") in _TRUE for each in root.iter() if local(each.tag) == "workbookPr")
    folder = posixpath.dirname(workbook)
    strings = _part(parts, folder, related, "sharedStrings")
    styles = _part(parts, folder, related, "styles")
    return Values(
        shared_strings(parts.open(strings)) if strings else [],
        _formats(parts.xml(styles), is_1904) if styles else {},
        is_1904,
    )


def _part(parts: Parts, folder: str, related: Related, kind: str) -> str:
    """The name of the only part of that kind, even where no relationship points to it; "" if there is none."""
    found = (target for each, target in related.values() if each == kind and target)
    return next(found, "") or parts.find(f"{kind}.xml", folder)


def _formats(root: Any, is_1904: bool) -> dict[str, NumberFormat]:
    """The number formats by the index of the style, General left out."""
    codes = dict(BUILT_IN)
    styles: list[int] = []
    for group in root:
        for each in group:
            if local(group.tag) == "numFmts":
                codes[_number(each.get("numFmtId", "0"))] = unescaped(each.get("formatCode", GENERAL))
            elif local(group.tag) == "cellXfs":
                styles.append(_number(each.get("numFmtId", "0")))
    formats: dict[int, NumberFormat] = {}
    for number in set(styles):
        if number in codes:
            formats[number] = NumberFormat(codes[number], is_1904)
        elif number < _FIRST_OWN_FORMAT and number not in _RESERVED_FORMATS:
            # A built-in format of a language, which differs from one to another.
            formats[number] = NumberFormat(f"[{number}]", is_1904)
    return {
        str(style): formats[number]
        for style, number in enumerate(styles)
        if number in formats and formats[number].code != GENERAL
    }


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise broken() from error
