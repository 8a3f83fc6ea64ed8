"""Checking every row of an uploaded sheet: good ones are staged, bad ones become issues with a reason."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.utils import timezone

from contacts import columns, sheets
from contacts.errors import Refusal
from contacts.fields import FIELD_NAMES
from contacts.garbage import rare_garbage_collection
from contacts.importing import opt_outs
from contacts.importing.chunks import Checked, ChunkChecker
from contacts.importing.merging import END, classify, insert_staged
from contacts.importing.rows import RowChecker, RowError, corrected
from contacts.importing.staging import Staging, staging
from contacts.importing.state import ImportRefusal, Overtaken, advance, delete_rows
from contacts.importing.uploading import open_upload
from contacts.models import BUCKETS, CONTACT_BUCKETS, TO_CHECK, Import, ImportIssue, ImportRow
from contacts.number_facts import NUMBER_FACTS, number_facts
from contacts.outages import outage_of
from contacts.planner import analyze
from contacts.snapshots import snapshot
from contacts.timing import WORKER_IS_DEAD_AFTER

#: Rows checked in one transaction, which holds the lock on the database while their issues are written.
CHECK_ROWS = 5_000
#: Rows staged in one transaction.
STAGE_ROWS = 10_000
#: After this many workers died while checking the same file, the file is taken for the cause.
MAX_ATTEMPTS = 5


@dataclass
class CheckedRows:
    """The result of checking a chunk of rows. ``staged``: row and values by msisdn; ``read`` counts all rows.

    ``duplicates``: msisdn, row and values of a row whose number an earlier row has.
    """

    read: int = 0
    blank: int = 0
    staged: dict[str, tuple[sheets.Row, dict[str, str]]] = field(default_factory=dict)
    issues: list[ImportIssue] = field(default_factory=list)
    warnings: list[ImportIssue] = field(default_factory=list)
    duplicates: list[tuple[str, sheets.Row, dict[str, str]]] = field(default_factory=list)


def check_rows(import_id: int) -> None:
    """Check every row of the file. Afterwards the import is ``checked`` with its forecast, or ``failed`` with a reason.

    Does nothing while another worker checks it. Raises ImportRefusal ``not_mapped`` or ``not_to_be_checked``.
    """
    import_ = Import.objects.select_related("list").get(pk=import_id)
    if not import_.mapping:
        raise ImportRefusal("not_mapped", "Confirm the columns of this import first.")
    if import_.status not in TO_CHECK:
        raise ImportRefusal(
            "not_to_be_checked",
            f"This import cannot be checked: its status is “{import_.get_status_display()}”.",
        )
    claim = _claim(import_)
    if claim is None:
        return
    try:
        if import_.attempts >= MAX_ATTEMPTS:
            raise sheets.SheetError(
                "broken", "Reading this file failed several times. Save it as .csv and upload that."
            )
        delete_rows(import_id)
        left_out = _check_sheet(import_, claim)
        advance(
            import_id,
            claim,
            Import.Status.CHECKING,
            status=Import.Status.CHECKED,
            forecast=forecast(import_id),
            total=F("read"),
            left_out=left_out,
        )
    except Overtaken:
        return
    except (sheets.SheetError, columns.ColumnsError) as error:
        _fail(import_id, claim, error)
    except Exception as error:
        if outage_of(error):
            _forgive(import_id)
        raise


def _check_sheet(import_: Import, claim: int) -> dict[str, int]:
    """Check and stage the rows of the file, in chunks; return ``left_out``. Raises Overtaken, SheetError, ColumnsError.

    Rows that a person corrected come last, in the order of the corrections, so that a number they repeat belongs to the
    other row, as it did when the cell was corrected.
    """
    corrections = corrections_of(import_)
    last: dict[int, sheets.Row] = {}
    with open_upload(import_) as sheet:
        validate = columns.validate_opt_outs if import_.is_of_opt_outs else columns.validate
        validate(columns.restored(import_.mapping), sheet.layout.header)
        chunks = _uncorrected(opt_outs.rows_of(import_, sheet), corrections, last)
        if import_.is_of_opt_outs:
            for rows in chunks:
                _stage(import_, claim, rows)
        else:
            with rare_garbage_collection():
                _stage_all(import_, claim, chunks)
    for rows in _chunks((last[number] for number in corrections if number in last), CHECK_ROWS):
        _stage(import_, claim, rows)
    return sheet.left_out


def _uncorrected(
    rows: Iterable[sheets.Row], corrections: Mapping[int, Mapping[int, str]], last: dict[int, sheets.Row]
) -> Iterator[list[sheets.Row]]:
    """The rows in chunks, without those that a person corrected, which are put into ``last`` by their numbers."""
    for chunk in _chunks(rows, CHECK_ROWS):
        last.update({row.number: corrected(row, corrections[row.number]) for row in chunk if row.number in corrections})
        yield [row for row in chunk if row.number not in corrections]


def _stage_all(import_: Import, claim: int, chunks: Iterable[list[sheets.Row]]) -> None:
    """Check all rows of a sheet of contacts, then stage the good ones in the order of their numbers.

    The result is that of ``_stage`` for each chunk. Raises Overtaken, SheetError.
    """
    checker = ChunkChecker(RowChecker.of(import_))
    with staging(import_.pk, checker.fields) as staged:
        for rows in chunks:
            checked = checker.check(rows)
            with transaction.atomic():
                advance(import_.pk, claim, Import.Status.CHECKING, **_added(len(rows), checked))
                staged.add(checked.good)
                ImportIssue.objects.bulk_create([*checked.issues, *checked.warnings])
        staged.sort()
        low = _stage_range(import_, claim, checker.checker, staged, "")
        is_large = low < END
        while low < END:
            low = _stage_range(import_, claim, checker.checker, staged, low)
        if is_large:
            analyze(ImportRow)


def _added(rows: int, checked: Checked) -> dict[str, Any]:
    """What a checked chunk adds to the counters. Good rows are counted as read when they are staged."""
    counts = {"invalid": len(checked.issues), "blank": checked.blank}
    counts["read"] = sum(counts.values())
    return {name: F(name) + count for name, count in {**counts, "progress": rows}.items()}


def _stage_range(import_: Import, claim: int, checker: RowChecker, staged: Staging, low: str) -> str:
    """Stage the next rows after the msisdn ``low`` in one transaction; return the last msisdn. Raises Overtaken."""
    high = staged.end_of(low, STAGE_ROWS)
    with transaction.atomic():
        advance(import_.pk, claim, Import.Status.CHECKING)
        moved, repeated = staged.move(low, high)
        if repeated:
            issues: list[ImportIssue] = []
            for again in staged.repeated(low, high):
                issues += _duplicate(checker, *again)
            ImportIssue.objects.bulk_create(issues)
        advance(
            import_.pk,
            claim,
            Import.Status.CHECKING,
            read=F("read") + moved + repeated,
            waiting=F("waiting") + moved,
            duplicate=F("duplicate") + repeated,
        )
    return high


def corrections_of(import_: Import) -> dict[int, dict[int, str]]:
    """The cells that people corrected: text by row number and column. The row corrected last comes last."""
    corrections: dict[int, dict[int, str]] = {}
    for row, column, new in import_.corrections.order_by("id").values_list("row", "column_number", "new"):
        corrections[row] = {**corrections.pop(row, {}), column: new}
    return corrections


def recheck(import_: Import, **switches: Any) -> None:
    """Have every row checked again with other ``switches``: ``takes_fixed_lines``, ``takes_countries``.

    Corrections are kept. The caller enqueues the check. Raises ImportRefusal ``not_checked``.
    """
    now = timezone.now()
    # beat_at keeps the sweep from enqueuing the check while the caller does so.
    reopened = Import.objects.filter(pk=import_.pk, status=Import.Status.CHECKED).update(
        status=Import.Status.UPLOADED, attempts=0, beat_at=now, updated_at=now, **switches
    )
    import_.refresh_from_db()
    if not reopened:
        raise ImportRefusal(
            "not_checked",
            "Rows can be checked again only before they are imported."
            f" The status of this import is “{import_.get_status_display()}”.",
        )


def forecast(import_id: int) -> dict[str, int]:
    """How many rows each bucket would hold if the import were applied now. The counts add up to ``read``."""
    with snapshot():
        import_ = Import.objects.select_related("list").get(pk=import_id)
        if import_.is_of_opt_outs:
            return opt_outs.forecast(import_)
        counts = classify(import_)
    kept = {"duplicate": import_.duplicate, "invalid": import_.invalid, "blank": import_.blank}
    return {bucket: counts.get(bucket, 0) + kept.get(bucket, 0) for bucket in CONTACT_BUCKETS}


def _claim(import_: Import) -> int | None:
    """Take the import for this worker, from the first row; return the number of the claim, or None if it is taken."""
    now = timezone.now()
    is_dead = Q(beat_at=None) | Q(beat_at__lt=now - WORKER_IS_DEAD_AFTER)
    is_free = Q(status=Import.Status.UPLOADED) | Q(status=Import.Status.CHECKING) & is_dead
    zeros: dict[str, Any] = dict.fromkeys((*BUCKETS, "read", "waiting", "progress"), 0)
    taken = Import.objects.filter(is_free, pk=import_.pk, claim=import_.claim).update(
        status=Import.Status.CHECKING,
        claim=import_.claim + 1,
        attempts=F("attempts") + 1,
        started_at=now,
        beat_at=now,
        updated_at=now,
        **zeros,
    )
    return import_.claim + 1 if taken else None


def _forgive(import_id: int) -> None:
    """Do not count an attempt that an outage ended, or the file would be taken for the cause of a long one."""
    with suppress(DatabaseError):
        Import.objects.filter(pk=import_id, attempts__gt=0).update(attempts=F("attempts") - 1)


def check_chunk(checker: RowChecker, rows: Iterable[sheets.Row]) -> CheckedRows:
    """Check rows without writing anything. Duplicates are found among these rows only."""
    checked = CheckedRows()
    for row in rows:
        checked.read += 1
        if not row.cells and not row.problems:
            checked.blank += 1
            continue
        checked.warnings += checker.warnings(row)
        try:
            msisdn, values = checker.check(row)
        except RowError as error:
            issue = checker.issue(row, error.column, error.code, error.sentence, country=error.country)
            checked.issues.append(issue)
            continue
        if msisdn in checked.staged:
            checked.duplicates.append((msisdn, row, values))
        else:
            checked.staged[msisdn] = (row, values)
    return checked


def _stage(import_: Import, claim: int, rows: Sequence[sheets.Row]) -> None:
    """Check rows, then write them, their issues and the counters in one short transaction. Raises Overtaken.

    For opt-outs and corrected rows; ``_stage_all`` does the same for a whole sheet of contacts.
    """
    write = checked_rows(import_, rows)
    with transaction.atomic():
        advance(import_.pk, claim, Import.Status.CHECKING)
        counts = write()
        advance(
            import_.pk,
            claim,
            Import.Status.CHECKING,
            read=F("read") + len(rows),
            progress=F("progress") + len(rows),
            **{bucket: F(bucket) + count for bucket, count in counts.items()},
        )


def checked_rows(import_: Import, rows: Iterable[sheets.Row]) -> Callable[[], Counter[str]]:
    """Check rows; return what writes the result in a transaction and returns how many rows went into each counter."""
    checker = RowChecker.of(import_)
    if import_.is_of_opt_outs:
        return partial(opt_outs.store, import_, opt_outs.check_chunk(checker, rows))
    return partial(store, import_, check_chunk(checker, rows))


def store(import_: Import, checked: CheckedRows) -> Counter[str]:
    """Write the staged rows and the issues; return how many rows went into each counter. Needs a transaction.

    A row whose number an earlier one has becomes a duplicate; a warning says so where its other values differ.
    """
    checker = RowChecker.of(import_)
    fields = [name for name in FIELD_NAMES if name in checker.mapping.values()]
    earlier = ImportRow.objects.filter(import_of=import_.pk, msisdn__in=list(checked.staged))
    first = {row["msisdn"]: (row["row"], row) for row in earlier.values("msisdn", "row", *fields)}
    new = {msisdn: row for msisdn, row in checked.staged.items() if msisdn not in first}
    repeated = [(msisdn, *row) for msisdn, row in checked.staged.items() if msisdn in first] + checked.duplicates
    first |= {msisdn: (row.number, values) for msisdn, (row, values) in new.items()}
    issues = [*checked.issues, *checked.warnings]
    for msisdn, row, values in repeated:
        issues += _duplicate(checker, row, values, *first[msisdn])
    _insert(import_.pk, new)
    ImportIssue.objects.bulk_create(issues)
    return Counter(waiting=len(new), duplicate=len(repeated), invalid=len(checked.issues), blank=checked.blank)


def _duplicate(
    checker: RowChecker, row: sheets.Row, values: Mapping[str, str], first: int, first_values: Mapping[str, str]
) -> list[ImportIssue]:
    """The issue of a row that repeats the number of the row ``first``, with a warning if its other values differ."""
    phone = checker.column_of("phone")
    issues = [checker.issue(row, phone, "duplicate", f"Row {first} has the same number.")]
    differing = [
        (column, name)
        for column, name in checker.mapping.items()
        if name != "phone" and values[name] != first_values[name]
    ]
    if differing:
        names = ", ".join(checker.title(column) for column, _ in differing)
        sentence = f"Row {first} has the same number but other values: {names}. Only row {first} is imported."
        issues.append(checker.issue(row, differing[0][0], "look_alike", sentence, is_warning=True))
    return issues


def _insert(import_id: int, rows: Mapping[str, tuple[sheets.Row, dict[str, str]]]) -> None:
    insert_staged(
        ("import_id", "row", "msisdn", *NUMBER_FACTS, "bucket", "undone_as", *FIELD_NAMES),
        [
            (
                import_id,
                row.number,
                msisdn,
                *number_facts(msisdn),
                "",
                "",
                *(values.get(name, "") for name in FIELD_NAMES),
            )
            for msisdn, (row, values) in rows.items()
        ],
    )


def _fail(import_id: int, claim: int, error: Refusal) -> None:
    zeros: dict[str, Any] = dict.fromkeys((*BUCKETS, "read", "waiting"), 0)
    try:
        advance(
            import_id,
            claim,
            Import.Status.CHECKING,
            status=Import.Status.FAILED,
            failure_code=error.code,
            failure_sentence=error.sentence[:500],
            ended_at=timezone.now(),
            **zeros,
        )
    except Overtaken:
        return
    delete_rows(import_id)


def _chunks(rows: Iterable[sheets.Row], size: int) -> Iterator[list[sheets.Row]]:
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        yield chunk
