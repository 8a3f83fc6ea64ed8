"""Reads a text file with one record a line: csv, tsv and their relatives."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePath

from contacts.sheet_reader import dialects, encodings
from contacts.sheet_reader.dialects import Dialect
from contacts.sheet_reader.records import Record, Records
from contacts.sheet_reader.types import Options, Row, SheetError, Source

#: Lines from which the dialect is found.
SAMPLE_LINES = 200

NOT_A_TEXT = ("not_a_text", "This cell contains a character that is not text. Enter it again.")


@dataclass
class _Scan:
    """What one pass over the whole file finds."""

    rows: int = 0
    widths: Counter[int] = field(default_factory=Counter)
    several_lines: int = 0
    has_escapes: bool = False
    records: Records = field(default_factory=Records)

    def faults(self) -> int:
        """Records that do not look like the others."""
        usual = max(self.widths.values(), default=0)
        return self.widths.total() - usual + self.several_lines


def open_text(path: Path, name: str, options: Options) -> Source:
    """The rows of a text file. Raises SheetError, also while they are read."""
    encoding = encodings.encoding_of(path, options.encoding)
    try:
        with path.open(encoding=encoding, newline="") as file:
            sample = list(islice(file, SAMPLE_LINES))
        dialect = dialects.find(sample, PurePath(name).suffix.lower())
        scan = _scan(path, encoding, dialect)
        if scan.has_escapes:
            escaping = replace(dialect, escapes=True)
            other = _scan(path, encoding, escaping)
            if other.faults() < scan.faults():
                dialect, scan = escaping, other
    except UnicodeError as error:
        raise encodings.wrong_encoding(options.encoding or encoding) from error
    records = scan.records
    records.dialect = dialect
    return Source(_rows(path, encoding, dialect, records), row_count=scan.rows, below=records.below)


def _scan(path: Path, encoding: str, dialect: Dialect) -> _Scan:
    scan = _Scan()
    for record in _read(path, encoding, dialect):
        scan.records.add(record)
        if any(map(str.strip, record.cells)):
            scan.rows = record.number
            scan.widths[len(record.cells)] += 1
        scan.several_lines += len(record.lines) > 1
        scan.has_escapes = scan.has_escapes or any('\\"' in line for line in record.lines)
    return scan


def _rows(path: Path, encoding: str, dialect: Dialect, records: Records) -> Iterator[Row]:
    for record in _read(path, encoding, dialect):
        records.remember(record)
        row = Row(record.number, record.cells)
        if any("\x00" in line for line in record.lines):
            problems = {column: NOT_A_TEXT for column, cell in enumerate(row.cells) if "\x00" in cell}
            row = Row(row.number, [cell.replace("\x00", "\ufffd") for cell in row.cells], problems)
        yield row


def _read(path: Path, encoding: str, dialect: Dialect) -> Iterator[Record]:
    """The records of the file. Raises SheetError for a quotation mark that nothing closes, and UnicodeError."""
    lines: list[str] = []
    mark = encodings.mark_in(encoding)
    with path.open(encoding=encoding, newline="") as file:
        if dialect.has_sep_line:
            next(file)
        read = 1 if dialect.has_sep_line else 0
        number = 0

        def remembered() -> Iterator[str]:
            for line in file:
                # Files that were joined have a mark in the middle.
                if line.startswith(mark):
                    line = line.removeprefix(mark).lstrip("\ufeff")
                # A file may be padded with NUL bytes, and DOS programs end one with the character 26.
                line = line.rstrip("\x00") if line.endswith("\x00") else line
                if line and line != "\x1a":
                    lines.append(line)
                    yield line

        try:
            for number, cells in enumerate(dialect.cells(remembered()), start=1):
                if any('="' in line for line in lines):
                    cells = _without_equals(cells)
                yield Record(number, cells, read + 1, tuple(lines))
                read += len(lines)
                lines.clear()
        except csv.Error as error:
            raise _too_long(number + 1, read + 1, len(lines)) from error


def _without_equals(cells: list[str]) -> list[str]:
    """``="082"`` is how some programs keep Excel from taking a text for a number."""
    return [
        cell[2:-1].replace('""', '"') if cell.startswith('="') and cell.endswith('"') and len(cell) > 2 else cell
        for cell in cells
    ]


def _too_long(number: int, line: int, lines: int) -> SheetError:
    if lines > 1:
        return SheetError(
            "missing_quote",
            f"Row {number:,} (line {line:,} of the file) has a quotation mark that is not closed: more than {lines:,}"
            " lines after it would be read as part of its cell. Close it, and upload the file again.",
        )
    return SheetError(
        "broken", f"Row {number:,} has a cell of more than {csv.field_size_limit():,} characters. Shorten it."
    )
