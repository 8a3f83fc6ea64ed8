"""Reads a text file with one record a line: csv, tsv and their relatives."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePath

from contacts.sheet_reader import dialects, encodings
from contacts.sheet_reader.records import SAMPLE, Record, Records
from contacts.sheet_reader.text_records import TextRecords
from contacts.sheet_reader.types import Options, Row, Source

#: Lines from which the dialect is found.
SAMPLE_LINES = 200

NOT_A_TEXT = ("not_a_text", "This cell contains a character that is not text. Enter it again.")


@dataclass
class _Scan:
    """What one pass over the whole file finds. ``rows``: the number of the last record that is not blank."""

    rows: int = 0
    has_escapes: bool = False
    records: Records = field(default_factory=Records)


def open_text(path: Path, name: str, options: Options) -> Source:
    """The rows of a text file. Raises SheetError, also while they are read."""
    encoding = encodings.encoding_of(path, options.encoding)
    try:
        with path.open(encoding=encoding, newline="") as file:
            sample = list(islice(file, SAMPLE_LINES))
        text = TextRecords(path, encoding, dialects.find(sample, PurePath(name).suffix.lower()))
        scan = _scan(text)
        if scan.has_escapes:
            escaping = replace(text, dialect=replace(text.dialect, escapes=True))
            if _faults(escaping) < _faults(text):
                text, scan = escaping, _scan(escaping)
    except UnicodeError as error:
        raise encodings.wrong_encoding(options.encoding or encoding) from error
    records = scan.records
    records.dialect = text.dialect
    return Source(_rows(text, records), row_count=scan.rows, below=records.below)


def _scan(text: TextRecords) -> _Scan:
    scan = _Scan()
    for part in text:
        if isinstance(part, Record):
            scan.records.add(part)
            scan.rows = scan.rows if part.is_blank else part.number
            scan.has_escapes = scan.has_escapes or any('\\"' in line for line in part.lines)
            continue
        if len(scan.records.sample) < SAMPLE:
            for record in part.records():
                scan.records.add(record)
        scan.rows = part.last_filled() or scan.rows
    return scan


def _faults(text: TextRecords) -> int:
    """How many records do not look like the others, or have several lines."""
    widths: Counter[int] = Counter()
    several_lines = 0
    for part in text:
        for record in [part] if isinstance(part, Record) else part.records():
            if not record.is_blank:
                widths[len(record.cells)] += 1
            several_lines += len(record.lines) > 1
    return widths.total() - max(widths.values(), default=0) + several_lines


def _rows(text: TextRecords, records: Records) -> Iterator[Row]:
    for part in text:
        if isinstance(part, Record):
            records.remember(part)
            yield _row(part)
            continue
        for place, cells in enumerate(part.cells):
            if cells and not cells[-1].strip():
                records.remember(part.record(place))
            yield Row(part.number + place, cells)


def _row(record: Record) -> Row:
    if not any("\x00" in line for line in record.lines):
        return Row(record.number, record.cells)
    problems = {column: NOT_A_TEXT for column, cell in enumerate(record.cells) if "\x00" in cell}
    return Row(record.number, [cell.replace("\x00", "\ufffd") for cell in record.cells], problems)
