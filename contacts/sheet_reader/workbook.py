"""Reads an Excel workbook row by row, each cell as a person saw it."""

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl

from contacts.sheet_reader.types import (
    MAX_ROWS,
    MAX_UNPACKED,
    Options,
    Row,
    SheetError,
    SheetInfo,
    Source,
    too_many_rows,
)

#: Limits of a workbook, which is a zip archive: entries, and unpacked bytes per packed byte.
MAX_ENTRIES = 2_000
MAX_RATIO = 300

_FIXED = re.compile(r"(?:#,##)?0(?:\.(0+))?(%?)")
_ZEROS = re.compile(r"0{2,20}")


def open_workbook(path: Path, options: Options) -> Source:
    """The sheet that ``options`` chooses. Raises SheetError, also while its rows are read."""
    _check_archive(path)
    try:
        workbook = _open_workbook(path, data_only=True)
        hidden_sheets = [sheet.title for sheet in workbook.worksheets if sheet.sheet_state != "visible"]
        for sheet in workbook.worksheets:
            if sheet.title in hidden_sheets or options.sheet not in ("", sheet.title):
                continue
            declared = sheet.max_row
            if (declared or 0) > MAX_ROWS:
                raise too_many_rows()
            # The declared size is often wrong, and openpyxl would pad every row to it.
            sheet.reset_dimensions()
            if any(any(cell.value is not None for cell in row) for row in islice(sheet.rows, 1000)):
                _refuse_formulas_without_values(path, sheet.title)
                sheets = [SheetInfo(sheet.title, declared or 0)]
                return Source(_workbook_rows(sheet), sheet.title, sheets, hidden_sheets, declared)
    except (SheetError, MemoryError):
        raise
    except Exception as error:
        raise _broken() from error
    raise SheetError("empty", "This workbook is empty.")


def _check_archive(path: Path) -> None:
    """Check what the archive declares about itself before any of it is unpacked. Raises SheetError."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _broken() from error
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    if "[Content_Types].xml" not in {entry.filename for entry in entries}:
        raise SheetError("wrong_type", "This is an archive but not an Excel workbook. Save the sheet as .xlsx or .csv.")
    is_bomb = unpacked > 10_000_000 and unpacked / packed > MAX_RATIO
    if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED or is_bomb:
        raise SheetError("too_large", "This workbook is far larger when unpacked. Save it as .csv and upload that.")


def _workbook_rows(sheet: Any) -> Iterator[Row]:
    try:
        for number, cells in enumerate(sheet.rows, start=1):
            yield Row(number, [_as_shown(cell) for cell in cells])
    except MemoryError:
        raise
    except Exception as error:
        raise _broken() from error


def _open_workbook(path: Path, *, data_only: bool) -> Any:
    # A file object and not the path, because openpyxl checks the suffix of a path. openpyxl reads from it while rows
    # are read, so it stays open until this process ends.
    return openpyxl.load_workbook(path.open("rb"), read_only=True, data_only=data_only, keep_links=False)


def _refuse_formulas_without_values(path: Path, title: str) -> None:
    """Programs other than Excel may store formulas without results, whose cells would look empty. Raises SheetError."""
    formulas = _open_workbook(path, data_only=False)[title]
    values = _open_workbook(path, data_only=True)[title]
    formulas.reset_dimensions()
    values.reset_dimensions()
    for row, (with_formulas, with_values) in enumerate(islice(zip(formulas.rows, values.rows, strict=False), 200), 1):
        for formula, value in zip(with_formulas, with_values, strict=False):
            if formula.data_type == "f" and value.value is None:
                raise SheetError(
                    "formulas_without_values",
                    f"Row {row} has a formula without its result. Open the file in Excel, save it and upload it again.",
                )


def _as_shown(cell: Any) -> str:
    """The cell as Excel shows it, as far as that can be known without Excel. Dates are in ISO format."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number_as_shown(value, cell.number_format or "General")
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _number_as_shown(value: float, style: str) -> str:
    if _ZEROS.fullmatch(style) and value == int(value):
        return str(int(value)).zfill(len(style))
    fixed = _FIXED.fullmatch(style)
    if fixed and fixed[2]:
        return f"{value * 100:.{len(fixed[1] or '')}f}%"
    if fixed and fixed[1]:
        return f"{value:.{len(fixed[1])}f}"
    if abs(value) < 1e15 and value == int(value):
        return str(int(value))
    return f"{value:.15g}"


def _broken() -> SheetError:
    return SheetError("broken", "The workbook is damaged and cannot be read. Save it again in Excel, or as .csv.")
