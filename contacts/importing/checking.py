"""Checking every row of an uploaded sheet: good ones are staged, bad ones become issues with a reason."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from contacts import columns, phones, sheets
from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS, FIELD_NAMES, MAX_LENGTHS
from contacts.importing.merging import STAGING_TABLE, classify
from contacts.importing.state import ImportRefusal, Overtaken, advance, delete_rows
from contacts.importing.uploading import local_copy, reader_options
from contacts.models import BUCKETS, CONTACT_BUCKETS, TO_CHECK, Import, ImportIssue, ImportRow
from contacts.timing import WORKER_IS_DEAD_AFTER

#: Rows checked and staged in one transaction.
CHECK_ROWS = 2_000
#: After this many workers died while checking the same file, the file is taken for the cause.
MAX_CLAIMS = 5


@dataclass
class CheckedRows:
    """The result of checking a chunk of rows. ``staged``: row number and values by msisdn; ``read`` counts all rows.

    ``duplicates``: msisdn, row number and the phone as entered of a row whose number an earlier row has.
    """

    read: int = 0
    blank: int = 0
    staged: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    issues: list[ImportIssue] = field(default_factory=list)
    duplicates: list[tuple[str, int, str]] = field(default_factory=list)


class RowError(Refusal):
    """A row cannot be imported because of what its cell for ``field`` holds."""

    def __init__(self, field: str, code: str, sentence: str) -> None:
        super().__init__(code, sentence)
        self.field = field


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
        if claim > MAX_CLAIMS:
            raise sheets.SheetError(
                "broken", "Reading this file failed several times. Save it as .csv and upload that."
            )
        delete_rows(import_id)
        options = reader_options(import_)
        with local_copy(import_) as path, sheets.open_sheet(path, import_.original_name, options) as sheet:
            header = sheet.layout.header
            columns.validate(columns.restored(import_.mapping), header)
            for rows in _chunks(sheet.rows(), CHECK_ROWS):
                _stage(import_, claim, _check_chunk(import_, rows, header))
            left_out = sheet.left_out
        totals = forecast(import_id)
        advance(
            import_id,
            claim,
            Import.Status.CHECKING,
            status=Import.Status.CHECKED,
            forecast=totals,
            total=F("read"),
            left_out=left_out,
        )
    except (sheets.SheetError, columns.ColumnsError) as error:
        _fail(import_id, claim, error)
    except Overtaken:
        return


def forecast(import_id: int) -> dict[str, int]:
    """What each bucket would hold if the import were applied now."""
    import_ = Import.objects.get(pk=import_id)
    counts = classify(import_, "", "")
    kept = {"duplicate": import_.duplicate, "invalid": import_.invalid, "blank": import_.blank}
    return {bucket: counts.get(bucket, 0) + kept.get(bucket, 0) for bucket in CONTACT_BUCKETS}


def _claim(import_: Import) -> int | None:
    """Take the import for this worker, from the first row; return the number of the claim, or None if it is taken."""
    now = timezone.now()
    is_dead = Q(beat_at=None) | Q(beat_at__lt=now - WORKER_IS_DEAD_AFTER)
    is_free = Q(status=Import.Status.UPLOADED) | Q(status=Import.Status.CHECKING) & is_dead
    zeros: dict[str, Any] = dict.fromkeys((*BUCKETS, "read", "waiting", "progress"), 0)
    taken = Import.objects.filter(is_free, pk=import_.pk, claim=import_.claim).update(
        status=Import.Status.CHECKING, claim=import_.claim + 1, started_at=now, beat_at=now, updated_at=now, **zeros
    )
    return import_.claim + 1 if taken else None


def _check_chunk(import_: Import, rows: Iterable[sheets.Row], header: list[str]) -> CheckedRows:
    mapping = columns.restored(import_.mapping)
    titles = {name: header[column] or f"column {column + 1}" for column, name in mapping.items()}
    checked = CheckedRows()
    for number, cells, problems in rows:
        checked.read += 1
        if not cells:
            checked.blank += 1
            continue
        values = columns.apply(mapping, cells)
        try:
            _check_problems(mapping, problems)
            msisdn = _check_row(values, import_.country)
        except RowError as error:
            name = error.field
            checked.issues.append(_issue(import_.pk, number, titles[name], error.code, error.sentence, values[name]))
            continue
        if msisdn in checked.staged:
            checked.duplicates.append((msisdn, number, values["phone"]))
        else:
            checked.staged[msisdn] = (number, values)
    return checked


def _check_problems(mapping: Mapping[int, str], problems: Mapping[int, tuple[str, str]]) -> None:
    """Raises RowError if a mapped cell, or the row as a whole, could not be read for certain."""
    for column, (code, sentence) in sorted(problems.items()):
        if column == sheets.WHOLE_ROW:
            raise RowError("phone", code, sentence)
        if column in mapping:
            raise RowError(mapping[column], code, sentence)


def _check_row(values: Mapping[str, str], country: str) -> str:
    """The msisdn of a good row. Raises RowError."""
    for name, value in values.items():
        if len(value) > MAX_LENGTHS[name] and name != "phone":
            raise RowError(
                name,
                "text_too_long",
                f"{FIELD_LABELS[name]} has {len(value):,} characters; the maximum is {MAX_LENGTHS[name]:,}.",
            )
        if "\x00" in value:
            raise RowError(
                name, "not_a_text", f"{FIELD_LABELS[name]} contains a character that is not text. Enter it again."
            )
    try:
        if len(values["phone"]) > MAX_LENGTHS["phone"]:
            raise phones.refusal("not_a_number")
        return phones.parse(values["phone"], country)
    except phones.PhoneError as error:
        raise RowError("phone", error.code, error.sentence) from error


def _stage(import_: Import, claim: int, checked: CheckedRows) -> None:
    """Write the rows, the issues and the counters in one short transaction. Raises Overtaken."""
    phone = next(
        import_.header[int(column)] or f"column {int(column) + 1}"
        for column, name in import_.mapping.items()
        if name == "phone"
    )
    with transaction.atomic():
        advance(import_.pk, claim, Import.Status.CHECKING)
        earlier = ImportRow.objects.filter(import_of=import_.pk, msisdn__in=list(checked.staged))
        first = dict(earlier.values_list("msisdn", "row"))
        for msisdn in first:
            number, values = checked.staged[msisdn]
            checked.duplicates.append((msisdn, number, values["phone"]))
        new = {msisdn: row for msisdn, row in checked.staged.items() if msisdn not in first}
        first |= {msisdn: number for msisdn, (number, _) in new.items()}
        _insert(import_.pk, new)
        repeated = [
            _issue(import_.pk, number, phone, "duplicate", f"Row {first[msisdn]} has the same number.", text)
            for msisdn, number, text in checked.duplicates
        ]
        ImportIssue.objects.bulk_create(checked.issues + repeated)
        advance(
            import_.pk,
            claim,
            Import.Status.CHECKING,
            read=F("read") + checked.read,
            waiting=F("waiting") + len(new),
            duplicate=F("duplicate") + len(repeated),
            invalid=F("invalid") + len(checked.issues),
            blank=F("blank") + checked.blank,
            progress=F("progress") + checked.read,
        )


def _insert(import_id: int, rows: Mapping[str, tuple[int, dict[str, str]]]) -> None:
    """Insert staged rows with plain SQL, which is much faster than through model instances."""
    names = ("import_id", "row", "msisdn", "bucket", *FIELD_NAMES)
    marks = ", ".join(["%s"] * len(names))
    quoted = ", ".join(map(connection.ops.quote_name, names))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {STAGING_TABLE} ({quoted}) VALUES ({marks})",
            [
                (import_id, number, msisdn, "", *(values.get(name, "") for name in FIELD_NAMES))
                for msisdn, (number, values) in rows.items()
            ],
        )


def _issue(import_id: int, row: int, column: str, code: str, sentence: str, value: str) -> ImportIssue:
    shown = value.replace("\x00", "")[:200]
    return ImportIssue(import_of_id=import_id, row=row, column=column[:200], code=code, sentence=sentence, value=shown)


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
