"""An import of opt-outs: which numbers a row means, and recording them. Too many is safe, too few is not.

Every number that a row can mean is opted out, in each of its phone columns. So are the numbers in other columns; those
in a column that appeared to hold numbers and that the operator left out, only if the row has no other number. So are
the numbers in the rows above the header.

A row is ``added`` if any of its numbers is new, and ``already`` if all of them were opted out before, by an earlier row
of the file too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from contacts import columns, phones, suppression
from contacts.fields import FIELD_NAMES
from contacts.importing.merging import insert_staged
from contacts.importing.rows import WARNINGS, RowChecker
from contacts.importing.state import advance
from contacts.importing.uploading import open_upload
from contacts.models import OPT_OUT_BUCKETS, Import, ImportIssue, ImportRow, Suppression
from contacts.number_facts import NUMBER_FACTS
from contacts.sheets import WHOLE_ROW, Row, Sheet

#: Staged numbers applied in one transaction.
APPLY_NUMBERS = 5_000
#: What stands between the cells of rows that a cell without its closing quotation mark has swallowed.
_BETWEEN_CELLS = re.compile(r"[\r\n,;\t|\"]+")
_ABOVE_HEADER = "This row is not below the headings, but it has a phone number, which is opted out, too."


@dataclass
class CheckedOptOuts:
    """The result of checking a chunk of rows. ``numbers``: for each good row its msisdns, with the text of each."""

    read: int = 0
    blank: int = 0
    numbers: dict[int, dict[str, str]] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    issues: list[ImportIssue] = field(default_factory=list)
    warnings: list[ImportIssue] = field(default_factory=list)


@dataclass
class _Found:
    """The numbers of one row, and for each column that holds none what is wrong with it (None: the row as a whole)."""

    numbers: dict[str, str] = field(default_factory=dict)
    faults: list[tuple[int | None, str, str]] = field(default_factory=list)


def rows_of(import_: Import, sheet: Sheet) -> Iterator[Row]:
    """The rows of an open sheet that are read: of opt-outs, those above the header that have numbers come first.

    The latter are then not in ``left_out`` of the sheet. Raises SheetError.
    """
    above = _above_header(import_, sheet) if import_.is_of_opt_outs else []
    yield from above
    yield from sheet.rows()
    sheet.left_out["above_header"] -= len(above)


def has_number(import_: Import) -> bool:
    """Whether any cell of the whole sheet holds a phone number. Raises SheetError."""
    with open_upload(import_) as sheet:
        return any(phones.mentions(cell, import_.country) for row in rows_of(import_, sheet) for cell in row.cells)


def _above_header(import_: Import, sheet: Sheet) -> list[Row]:
    """The rows down to the header that have numbers, each with a problem of the whole row, so that all its cells are
    read."""
    return [
        row._replace(problems={WHOLE_ROW: ("above_header", _ABOVE_HEADER)})
        for row in sheet.layout.first_rows
        if row.number <= sheet.layout.header_row
        and any(phones.mentions(text, import_.country) for text in (*row.cells, *_pieces(row.cells)))
    ]


# -- checking ---------------------------------------------------------------------------------------------------------


def check_chunk(checker: RowChecker, rows: Iterable[Row]) -> CheckedOptOuts:
    """Check rows without writing anything."""
    checked = CheckedOptOuts()
    for row in rows:
        checked.read += 1
        if not row.cells and not row.problems:
            checked.blank += 1
            continue
        found = _found(checker, row)
        warnings = checker.warnings(row)
        if found.numbers:
            checked.numbers[row.number] = found.numbers
            checked.rows[row.number] = row
            # A row has one warning of each kind.
            kinds = {code: (column, sentence) for column, code, sentence in reversed(found.faults)}
            warnings += [
                checker.issue(row, column, code, text, is_warning=True) for code, (column, text) in kinds.items()
            ]
        else:
            column, code, sentence = found.faults[0]
            checked.issues.append(checker.issue(row, column, code, sentence))
        checked.warnings += warnings
    return checked


def _found(checker: RowChecker, row: Row) -> _Found:
    found = _Found()
    whole = row.problems.get(WHOLE_ROW)
    if whole and whole[0] not in WARNINGS:
        # The row is not what it appears to be: its numbers may be in any cell, and so may those of swallowed rows.
        for text in _pieces(row.cells):
            _read(found, checker, None, text)
        if not found.numbers:
            _mention(found, checker, row, range(len(row.cells)))
        found.faults = [(None, *whole)]
        return found
    phone_columns = list(checker.mapping)
    for column in phone_columns:
        text = row.cells[column].strip() if column < len(row.cells) else ""
        problem = row.problems.get(column)
        before = len(found.numbers)
        if text:
            _read(found, checker, column, text)
        if problem and len(found.numbers) > before:
            found.faults.append((column, *problem))
        elif problem:
            found.faults = [*[fault for fault in found.faults if fault[0] != column], (column, *problem)]
    others = [column for column in range(len(row.cells)) if column not in checker.mapping]
    _mention(found, checker, row, [column for column in others if column not in checker.deselected])
    if not found.numbers:
        _mention(found, checker, row, [column for column in others if column in checker.deselected])
    if not found.numbers and not found.faults:
        error = phones.refusal("missing")
        found.faults.append((phone_columns[0], error.code, error.sentence))
    return found


def _read(found: _Found, checker: RowChecker, column: int | None, text: str) -> None:
    try:
        for msisdn in phones.readings(text, checker.country):
            found.numbers.setdefault(msisdn, text)
    except phones.PhoneError as error:
        found.faults.append((column, error.code, error.sentence))


def _mention(found: _Found, checker: RowChecker, row: Row, unmapped: Iterable[int]) -> None:
    """Find the numbers in columns that are not mapped, such as one whose first number is below the rows guessed from,
    or a whole row whose cells are separated by another character."""
    for column in unmapped:
        before = len(found.numbers)
        for msisdn, text in _mentioned(row.cells[column], checker.country):
            found.numbers.setdefault(msisdn, text)
        if len(found.numbers) > before:
            name = columns.title_of(column, checker.header) if column < len(checker.header) else f"Column {column + 1}"
            sentence = f"{name} is not one of the columns with phone numbers, but a number in it is opted out, too."
            found.faults.append((column, "unmapped_number", sentence))


@lru_cache(maxsize=1_024)
def _mentioned(cell: str, country: str) -> tuple[tuple[str, str], ...]:
    """The numbers in a cell of a column that is not mapped, each with the text it was found in.

    Kept for the next row: many such cells, such as dates and names, are in many rows.
    """
    if not any(map(str.isdigit, cell)):
        return ()
    texts = dict.fromkeys((cell.strip(), *_pieces([cell])))
    return tuple((msisdn, text) for text in texts for msisdn in phones.mentions(text, country))


def _pieces(cells: Iterable[str]) -> Iterator[str]:
    for cell in cells:
        yield from (piece.strip() for piece in _BETWEEN_CELLS.split(cell) if any(map(str.isdigit, piece)))


def store(import_: Import, checked: CheckedOptOuts) -> Counter[str]:
    """Write the numbers and the issues; return how many rows went into each counter. Needs a transaction.

    A number belongs to the first row that has it. A row that has no number of its own is ``already``, with a warning.
    """
    checker = RowChecker.of(import_)
    wanted = {msisdn for numbers in checked.numbers.values() for msisdn in numbers}
    earlier = ImportRow.objects.filter(import_of=import_.pk, msisdn__in=wanted)
    first = dict(earlier.values_list("msisdn", "row"))
    own_numbers: list[list[str | int]] = []
    issues = [*checked.issues, *checked.warnings]
    counts = Counter(invalid=len(checked.issues), blank=checked.blank)
    others = [*NUMBER_FACTS, "bucket", "undone_as", *(name for name in FIELD_NAMES if name != "phone")]
    blank = [""] * len(others)
    for number, numbers in checked.numbers.items():
        own = {msisdn: text for msisdn, text in numbers.items() if first.setdefault(msisdn, number) == number}
        counts["waiting" if own else "already"] += 1
        own_numbers += [
            [import_.pk, number, msisdn, text[:60].replace("\x00", ""), *blank] for msisdn, text in own.items()
        ]
        if not own:
            sentence = f"Row {first[next(iter(numbers))]} has the same number."
            column = None if len(checker.mapping) > 1 else next(iter(checker.mapping))
            issues.append(checker.issue(checked.rows[number], column, "duplicate", sentence, is_warning=True))
    insert_staged(("import_id", "row", "msisdn", "phone", *others), own_numbers)
    ImportIssue.objects.bulk_create(issues)
    return counts


def forecast(import_: Import) -> dict[str, int]:
    """How many rows each bucket would hold if the import were applied now. The counts add up to ``read``."""
    added = _new(ImportRow.objects.filter(import_of=import_.pk)).values("row").distinct().count()
    already = import_.waiting - added + import_.already
    counts = {"added": added, "already": already, "invalid": import_.invalid, "blank": import_.blank}
    return {bucket: counts[bucket] for bucket in OPT_OUT_BUCKETS}


def buckets_of(import_: Import, rows: list[int]) -> dict[int, str]:
    """The bucket that each staged row with one of these row numbers would go into."""
    found = staged(import_).filter(row__in=rows)
    new = set(_new(found).values_list("row", flat=True))
    return {row: "added" if row in new else "already" for row in found.values_list("row", flat=True)}


def staged(import_: Import) -> QuerySet[ImportRow]:
    """The staged numbers of an import of opt-outs, so that PostgreSQL and SQLite use the index on their rows."""
    return ImportRow.objects.filter(import_of=import_.pk, number_kind="")


def _new(rows: QuerySet[ImportRow]) -> QuerySet[ImportRow]:
    """Those of the staged rows whose number is not opted out."""
    active = Suppression.objects.active().filter(msisdn=OuterRef("msisdn"))
    return rows.filter(~Exists(active))


# -- applying ---------------------------------------------------------------------------------------------------------


def apply_range(import_: Import, claim: int) -> bool:
    """Record the opt-outs of the next rows and the progress with them; return whether more may follow.

    Needs the transaction in which ``advance`` locked the import. Raises Overtaken.
    """
    low = int(import_.applied_up_to or 0)
    following = staged(import_).filter(row__gt=low).order_by("row", "id")
    numbers = list(following.values_list("row", "msisdn")[:APPLY_NUMBERS])
    if not numbers:
        advance(import_.pk, claim, Import.Status.APPLYING, status=Import.Status.DONE, ended_at=timezone.now())
        return False
    high = numbers[-1][0]
    # The last row may have more numbers than the range.
    numbers = list(following.filter(row__lte=high).values_list("row", "msisdn"))
    source = Suppression.Source.FILE if import_.created_by_id else Suppression.Source.COMMAND
    notes = {msisdn: proof(import_, row) for row, msisdn in numbers}
    new = suppression.suppress_with_proof(notes, source, import_.created_by)
    rows = {row: "already" for row, _ in numbers} | {row: "added" for row, msisdn in numbers if msisdn in new}
    for bucket in ("added", "already"):
        of_bucket = [row for row, name in rows.items() if name == bucket]
        staged(import_).filter(row__in=of_bucket).update(bucket=bucket)
    counts = Counter(rows.values())
    advance(
        import_.pk,
        claim,
        Import.Status.APPLYING,
        applied_up_to=str(high),
        waiting=F("waiting") - len(rows),
        progress=F("progress") + len(rows),
        added=F("added") + counts["added"],
        already=F("already") + counts["already"],
    )
    return True


def proof(import_: Import, row: int) -> str:
    """The note of an opt-out: the file, its sheet and the row."""
    sheet = f", sheet {import_.sheet}" if import_.sheet else ""
    return f"{import_.original_name}{sheet}, row {row}"


def guess(import_: Import) -> dict[int, str]:
    """The columns to opt out: every one that is named or filled like a phone number."""
    return columns.guess_opt_outs(import_.header, import_.samples, import_.country)
