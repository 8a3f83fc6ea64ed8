"""Reads an uploaded spreadsheet (xlsx, csv or tsv) row by row and writes its header and rows as text.

An upload may be hostile, so Baton runs this module as a separate process with limits: see sheets.py. It does not use
Django.
"""

import codecs
import csv
import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

import openpyxl

from contacts.errors import Refusal
from contacts.timing import SHEET_READER_CPU_SECONDS

#: A row of a sheet: its number as the spreadsheet shows it, and its cells as text.
Row = tuple[int, list[str]]

ENDINGS = (".xlsx", ".xlsm", ".csv", ".tsv", ".txt")
ENCODINGS = ("utf-8", "cp1252", "iso-8859-1", "utf-16")
#: The maximum of Excel.
MAX_ROWS = 1_048_576
MAX_COLUMNS = 500
#: Limits of a workbook, which is a zip archive: entries, unpacked bytes, and unpacked bytes per packed byte.
MAX_ENTRIES = 2_000
MAX_UNPACKED = 2 * 1024**3
MAX_RATIO = 300
#: Bytes of address space of the process.
MAX_MEMORY = 1536 * 1024**2
#: Rows in one line of output.
CHUNK = 500

_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_FIXED = re.compile(r"(?:#,##)?0(?:\.(0+))?(%?)")
_ZEROS = re.compile(r"0{2,20}")


class SheetError(Refusal):
    """A spreadsheet cannot be read."""


@dataclass(frozen=True)
class Contents:
    """``header`` is the first row that is not blank. ``rows`` yields the rows below it without trailing blank ones.

    ``row_count`` is the number of rows below the header as the workbook declares it, which may be wrong.
    """

    title: str
    header: list[str]
    rows: Iterator[Row]
    row_count: int | None


def read(path: Path, name: str, encoding: str = "") -> Contents:
    """Read the file at ``path``, uploaded as ``name``. Raises SheetError, also while the rows are read."""
    if PurePath(name).suffix.lower() not in ENDINGS:
        raise SheetError(
            "wrong_type", "Baton reads .xlsx, .csv and .tsv files. Save the sheet in one of these formats."
        )
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip(b"\x00\t\r\n ,;"):
        raise SheetError("empty", "This file is empty.")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise SheetError(
            "wrong_type",
            "This is an old Excel file (.xls) or a password-protected one. Save it as .xlsx without a password.",
        )
    if start.startswith(b"PK"):
        return _read_workbook(path)
    if PurePath(name).suffix.lower() in (".xlsx", ".xlsm"):
        raise SheetError(
            "wrong_type", "This file is not an Excel workbook, although its name says so. Save it again in Excel."
        )
    return _read_text(path, name, start, encoding)


# -- text files ----------------------------------------------------------------------------------------------------


def _read_text(path: Path, name: str, start: bytes, encoding: str) -> Contents:
    encoding = _encoding(path, start, encoding)
    if b"\x00" in start and encoding != "utf-16":
        raise SheetError(
            "wrong_type", "This file is not text, although its name says so. Save the sheet as .xlsx or .csv."
        )
    with path.open(encoding=encoding, newline="") as file:
        try:
            sample = list(islice(file, 50))
        except UnicodeError as error:
            raise _wrong_encoding(encoding) from error
    # Excel takes the delimiter from a first line such as "sep=;".
    declared = re.fullmatch(r"sep=(.)\s*", sample[0]) if sample else None
    delimiter = declared[1] if declared else _delimiter(sample, PurePath(name).suffix.lower())
    return _contents("", _text_rows(path, encoding, delimiter, skip=1 if declared else 0), None)


def _text_rows(path: Path, encoding: str, delimiter: str, skip: int) -> Iterator[Row]:
    with path.open(encoding=encoding, newline="") as file:
        try:
            for number, cells in enumerate(csv.reader(file, delimiter=delimiter), start=1):
                if number > skip:
                    yield number, cells
        except UnicodeError as error:
            raise _wrong_encoding(encoding) from error
        except csv.Error as error:
            raise SheetError(
                "broken", "A cell has no end: a closing quotation mark is missing. Save the file again."
            ) from error


def _encoding(path: Path, start: bytes, chosen: str) -> str:
    """By the byte order mark, else as the operator chose, else UTF-8 if the whole file is valid. Raises SheetError."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding
    if chosen and chosen not in ENCODINGS:
        raise SheetError(
            "encoding", f"Baton does not know the encoding {chosen}. Choose one of these: {', '.join(ENCODINGS)}."
        )
    if chosen:
        return chosen
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while piece := file.read(1024 * 1024):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeError as error:
            raise SheetError(
                "encoding", "This file is not encoded as UTF-8. Choose its encoding; it is often cp1252."
            ) from error
    return "utf-8"


def _wrong_encoding(encoding: str) -> SheetError:
    return SheetError("encoding", f"The file cannot be read as {encoding}. Choose a different encoding.")


def _delimiter(sample: Sequence[str], ending: str) -> str:
    """The character that splits most of the first lines into the same number of cells, at least two."""
    best = ("\t" if ending == ".tsv" else ",", (0, 0))
    for delimiter in ",;\t|":
        widths = [len(cells) for cells in csv.reader(sample, delimiter=delimiter) if any(cells)]
        if widths and widths[0] > 1:
            score = (sum(width == widths[0] for width in widths), widths[0])
            best = max(best, (delimiter, score), key=lambda candidate: candidate[1])
    return best[0]


# -- workbooks -----------------------------------------------------------------------------------------------------


def _read_workbook(path: Path) -> Contents:
    _check_archive(path)
    try:
        workbook = _open_workbook(path, data_only=True)
        sheets = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
        for sheet in sheets:
            declared = sheet.max_row
            if (declared or 0) > MAX_ROWS:
                raise _too_many_rows()
            # The declared size is often wrong, and openpyxl would pad every row to it.
            sheet.reset_dimensions()
            if any(any(cell.value is not None for cell in row) for row in islice(sheet.rows, 1000)):
                _refuse_formulas_without_values(path, sheet.title)
                return _contents(sheet.title, _workbook_rows(sheet), declared)
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
            yield number, [_as_shown(cell) for cell in cells]
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


def _too_many_rows() -> SheetError:
    return SheetError("too_large", f"The sheet has more than {MAX_ROWS:,} rows. Split it into several files.")


# -- both ----------------------------------------------------------------------------------------------------------


def _contents(title: str, rows: Iterator[Row], declared: int | None) -> Contents:
    for number, cells in rows:
        header = _trimmed([cell.strip() for cell in cells])
        if header:
            _check_width(number, header)
            return Contents(title, header, _below(rows), max(0, declared - number) if declared else None)
    raise SheetError("empty", "This file is empty.")


def _below(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows up to the last that is not blank: blank ones are held back until another row follows."""
    blank: list[int] = []
    has_rows = False
    for number, cells in rows:
        if number > MAX_ROWS:
            raise _too_many_rows()
        trimmed = _trimmed(cells)
        if not trimmed:
            blank.append(number)
            continue
        _check_width(number, trimmed)
        yield from ((before, []) for before in blank)
        blank.clear()
        has_rows = True
        yield number, trimmed
    if not has_rows:
        raise SheetError("no_rows", "The sheet has a header but no rows below it.")


def _trimmed(cells: list[str]) -> list[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _check_width(number: int, cells: Sequence[str]) -> None:
    if len(cells) > MAX_COLUMNS:
        raise SheetError(
            "too_large", f"Row {number} has more than {MAX_COLUMNS} columns. Remove the columns that you do not need."
        )


# -- the separate process ----------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """Write the sheet to standard output as lines of JSON: the header, then rows in chunks, then the end.

    ``arguments``: path, name, encoding, maximum number of rows (0: all).
    """
    path, name, encoding, rows = arguments
    _limit_this_process()
    try:
        contents = read(Path(path), name, encoding)
        _write({"title": contents.title, "header": contents.header, "row_count": contents.row_count})
        for chunk in _chunks(islice(contents.rows, int(rows) or None)):
            _write({"rows": chunk})
        _write({"end": True})
    except SheetError as error:
        _write({"code": error.code, "sentence": error.sentence})
    except MemoryError:
        _write({"code": "too_large", "sentence": "Reading this file takes too much memory. Save it as .csv."})
    except BrokenPipeError:
        return 1
    return 0


def _limit_this_process() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SHEET_READER_CPU_SECONDS, SHEET_READER_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
