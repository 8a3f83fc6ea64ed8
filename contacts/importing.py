"""One import: every row is judged into exactly one bucket and staged where nobody sees it, then applied in ranges.

What a mapped cell says replaces what the contact had, an empty cell included; columns that are not mapped leave
their field alone. Whatever crashes: a range of numbers and the progress are written in one transaction.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from django.core.files import File
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from contacts import columns, phones, sheets
from contacts.errors import Refusal
from contacts.models import (
    CONTACT_FIELDS,
    FIELD_LABELS,
    VALUE_FIELDS,
    Contact,
    ContactList,
    Import,
    ImportIssue,
    ImportRow,
    Suppression,
)

JUDGE_ROWS = 2_000
APPLY_ROWS = 5_000
#: A worker that gave no sign of life for so long is dead and another may begin the judging anew.
DEAD_AFTER = timedelta(seconds=60)
#: After so many workers died judging the same file, the file is to blame.
MOST_CLAIMS = 5
BUCKETS = ("created", "updated", "unchanged", "duplicate", "opted_out", "invalid", "blank")

_CONTACT = Contact._meta.db_table
_STAGED = ImportRow._meta.db_table
_SUPPRESSION = Suppression._meta.db_table
_IS_OPTED_OUT = f"EXISTS (SELECT 1 FROM {_SUPPRESSION} o WHERE o.msisdn = s.msisdn AND o.lifted_at IS NULL)"


class ImportRefusal(Refusal):
    """An import is not in a state that allows this operation."""


class Overtaken(Exception):
    """Another worker took this import, or a person cancelled it: this one changes nothing any more."""


@dataclass
class Judged:
    """What became of a few rows: staged, or an issue, or blank."""

    read: int = 0
    blank: int = 0
    staged: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    issues: list[ImportIssue] = field(default_factory=list)
    duplicates: list[tuple[str, int, str]] = field(default_factory=list)


# -- before -------------------------------------------------------------------------------------------------------


def upload(
    contact_list: ContactList, file: File, name: str, user: Any = None, country: str = "", encoding: str = ""
) -> Import:
    """Store an uploaded sheet and look into it; the mapping is still to be confirmed. Raises SheetError.

    The import then has ``header``, ``samples`` (the first rows) and ``sheet``; nothing is kept of a refused file.
    """
    digest = hashlib.sha256()
    for piece in file.chunks():
        digest.update(piece)
    file.seek(0)
    new = Import(
        list=contact_list,
        original_name=name[-255:],
        sha256=digest.hexdigest(),
        country=country or contact_list.country,
        encoding=encoding,
        created_by=user,
    )
    new.file.save(name, file, save=False)
    try:
        inspect_upload(new)
    except sheets.SheetError:
        new.file.delete(save=False)
        raise
    new.save()
    return new


def inspect_upload(found: Import) -> None:
    """Fill in header, samples and the sheet's title from the file, without saving. Raises SheetError."""
    with local_copy(found) as path:
        peeked = sheets.peek(path, found.original_name, found.encoding)
    found.header = peeked.header
    found.samples = [cells for _, cells in peeked.rows]
    found.sheet = peeked.title[:100]
    found.total = peeked.row_count or 0


def confirm(found: Import, mapping: Mapping[int, str]) -> None:
    """Record what the columns mean: from now on the import may be judged. Raises ColumnsError and ImportRefusal."""
    columns.validate(mapping, found.header)
    # The beat keeps the sweep away while whoever confirmed sees to the judging.
    changed = Import.objects.filter(pk=found.pk, status="uploaded", mapping={}).update(
        mapping=columns.stored(mapping), beat_at=timezone.now()
    )
    if not changed:
        raise ImportRefusal("already_checked", "This import has been confirmed already. Upload the file again.")
    found.refresh_from_db()
    _teach_list(found, mapping)


def _teach_list(found: Import, mapping: Mapping[int, str]) -> None:
    """A value without a label is called as its column is; a list that has nobody yet takes the import's country."""
    contact_list = found.list
    for column, field_name in mapping.items():
        if field_name in VALUE_FIELDS and not contact_list.labels.get(field_name):
            contact_list.labels[field_name] = found.header[column][:60]
    if not contact_list.contacts.exists():
        contact_list.country = found.country
    contact_list.save(update_fields=["labels", "country", "updated_at"])


# -- judging ------------------------------------------------------------------------------------------------------


def judge(import_id: int) -> None:
    """Judge every row of the file; afterwards the import is ``judged`` with its forecast, or ``failed`` with a reason.

    Does nothing when another worker is at it. Raises ImportRefusal ``not_mapped`` or ``not_to_be_checked``.
    """
    found = Import.objects.select_related("list").get(pk=import_id)
    if not found.mapping:
        raise ImportRefusal("not_mapped", "Say first what the columns mean.")
    if found.status not in ("uploaded", "judging"):
        raise ImportRefusal("not_to_be_checked", f"This import is {found.get_status_display().lower()} already.")
    claim = _claim_judging(found)
    if claim is None:
        return
    try:
        if claim > MOST_CLAIMS:
            raise sheets.SheetError("broken", "Reading this file broke off several times. Save it as .csv.")
        _forget_rows(import_id)
        with local_copy(found) as path, sheets.open_sheet(path, found.original_name, found.encoding) as sheet:
            columns.validate(columns.restored(found.mapping), sheet.header)
            for rows in _chunks(sheet.rows(), JUDGE_ROWS):
                _stage(found, claim, _judge_rows(found, rows, sheet.header))
        totals = forecast(import_id)
        _advance(import_id, claim, "judging", status="judged", forecast=totals, total=F("read"))
    except (sheets.SheetError, columns.ColumnsError) as error:
        _fail(import_id, claim, error.code, error.sentence)
    except Overtaken:
        return


def forecast(import_id: int) -> dict[str, int]:
    """What each bucket would hold if the import were applied now."""
    found = Import.objects.get(pk=import_id)
    counts = _classify(found, "", "")
    kept = {"duplicate": found.duplicate, "invalid": found.invalid, "blank": found.blank}
    return {bucket: counts.get(bucket, 0) + kept.get(bucket, 0) for bucket in BUCKETS}


def _claim_judging(found: Import) -> int | None:
    now = timezone.now()
    is_free = Q(status="uploaded") | Q(status="judging") & (Q(beat_at=None) | Q(beat_at__lt=now - DEAD_AFTER))
    nothing: dict[str, Any] = dict.fromkeys((*BUCKETS, "read", "waiting", "progress"), 0)
    taken = Import.objects.filter(is_free, pk=found.pk, claim=found.claim).update(
        status="judging", claim=found.claim + 1, started_at=now, beat_at=now, updated_at=now, **nothing
    )
    return found.claim + 1 if taken else None


def _judge_rows(found: Import, rows: Iterable[sheets.Row], header: list[str]) -> Judged:
    mapping = columns.restored(found.mapping)
    titles = {name: header[column] or f"column {column + 1}" for column, name in mapping.items()}
    judged = Judged()
    for number, cells in rows:
        judged.read += 1
        if not cells:
            judged.blank += 1
            continue
        values = columns.apply(mapping, cells)
        refused = _judge_row(values, found.country)
        if isinstance(refused, tuple):
            name, code, sentence = refused
            judged.issues.append(_issue(found.pk, number, titles[name], code, sentence, values[name]))
        elif refused in judged.staged:
            judged.duplicates.append((refused, number, values["phone"]))
        else:
            judged.staged[refused] = (number, values)
    return judged


def _judge_row(values: Mapping[str, str], country: str) -> str | tuple[str, str, str]:
    """The number of a good row; of a bad one the field, the code and the sentence."""
    for name, value in values.items():
        if len(value) > columns.LENGTHS[name] and name != "phone":
            said = f"{FIELD_LABELS[name]} has {len(value):,} characters; {columns.LENGTHS[name]:,} is the most."
            return name, "text_too_long", said
        if "\x00" in value:
            return name, "not_a_text", f"{FIELD_LABELS[name]} has a character that no text has. Type it again."
    if len(values["phone"]) > columns.LENGTHS["phone"]:
        return "phone", "not_a_number", "This is not a phone number. Write it with digits only, such as +27825550100."
    try:
        phones.refuse_rounded(values["phone"])
        return phones.parse(values["phone"], country)
    except phones.PhoneError as error:
        return "phone", error.code, error.sentence


def _stage(found: Import, claim: int, judged: Judged) -> None:
    """One short transaction: the rows, the issues and the counters. Raises Overtaken."""
    phone = next(
        found.header[int(column)] or f"column {int(column) + 1}"
        for column, name in found.mapping.items()
        if name == "phone"
    )
    with transaction.atomic():
        _advance(found.pk, claim, "judging")
        earlier = ImportRow.objects.filter(import_of=found.pk, msisdn__in=list(judged.staged))
        first = dict(earlier.values_list("msisdn", "row"))
        for msisdn in first:
            number, values = judged.staged[msisdn]
            judged.duplicates.append((msisdn, number, values["phone"]))
        new = {msisdn: row for msisdn, row in judged.staged.items() if msisdn not in first}
        first |= {msisdn: number for msisdn, (number, _) in new.items()}
        with connection.cursor() as cursor:
            names = ("import_id", "row", "msisdn", *CONTACT_FIELDS)
            marks = ", ".join(["%s"] * len(names))
            quoted = ", ".join(map(connection.ops.quote_name, names))
            cursor.executemany(
                f"INSERT INTO {_STAGED} ({quoted}) VALUES ({marks})",
                [
                    (found.pk, number, msisdn, *(values.get(name, "") for name in CONTACT_FIELDS))
                    for msisdn, (number, values) in new.items()
                ],
            )
        repeated = [
            _issue(found.pk, number, phone, "duplicate", f"Row {first[msisdn]} has the same number.", text)
            for msisdn, number, text in judged.duplicates
        ]
        ImportIssue.objects.bulk_create(judged.issues + repeated)
        _advance(
            found.pk,
            claim,
            "judging",
            read=F("read") + judged.read,
            waiting=F("waiting") + len(new),
            duplicate=F("duplicate") + len(repeated),
            invalid=F("invalid") + len(judged.issues),
            blank=F("blank") + judged.blank,
            progress=F("progress") + judged.read,
        )


def _issue(import_id: int, row: int, column: str, code: str, sentence: str, value: str) -> ImportIssue:
    shown = value.replace("\x00", "")[:200]
    return ImportIssue(import_of_id=import_id, row=row, column=column[:200], code=code, sentence=sentence, value=shown)


def _fail(import_id: int, claim: int, code: str, sentence: str) -> None:
    nothing: dict[str, Any] = dict.fromkeys((*BUCKETS, "read", "waiting"), 0)
    try:
        _advance(
            import_id,
            claim,
            "judging",
            status="failed",
            failure_code=code,
            failure_sentence=sentence[:500],
            ended_at=timezone.now(),
            **nothing,
        )
    except Overtaken:
        return
    _forget_rows(import_id)


# -- applying -----------------------------------------------------------------------------------------------------


def begin_apply(found: Import) -> None:
    """A person said yes to what was judged. Raises ImportRefusal ``not_checked``."""
    now = timezone.now()
    begun = Import.objects.filter(pk=found.pk, status="judged").update(
        status="applying", progress=0, total=F("waiting"), beat_at=now, updated_at=now
    )
    found.refresh_from_db()
    if not begun:
        said = found.get_status_display().lower()
        raise ImportRefusal("not_checked", f"Only an import that was checked can be imported; this one is {said}.")


def apply(import_id: int) -> None:
    """Bring the staged rows into the list, in ranges of numbers, until all are in. May be called again at any time.

    Raises ImportRefusal ``not_begun`` when nobody said yes to it.
    """
    found = Import.objects.get(pk=import_id)
    if found.status == "done":
        return
    if found.status != "applying":
        raise ImportRefusal("not_begun", f"This import is {found.get_status_display().lower()}, not being imported.")
    now = timezone.now()
    taken = Import.objects.filter(pk=import_id, status="applying", claim=found.claim)
    if not taken.update(claim=found.claim + 1, beat_at=now, updated_at=now):
        return
    try:
        while _apply_range(import_id, found.claim + 1):
            pass
    except Overtaken:
        return


def _apply_range(import_id: int, claim: int) -> bool:
    """Apply the next range and store the progress with it; return whether more may follow. Raises Overtaken."""
    with transaction.atomic():
        _advance(import_id, claim, "applying")
        found = Import.objects.get(pk=import_id)
        # Two imports into one list take turns, so that each counts what it really changed.
        ContactList.objects.select_for_update().get(pk=found.list_id)
        low = found.applied_up_to
        staged = ImportRow.objects.filter(import_of=import_id, msisdn__gt=low).order_by("msisdn")
        numbers = list(staged.values_list("msisdn", flat=True)[:APPLY_ROWS])
        if not numbers:
            _advance(import_id, claim, "applying", status="done", ended_at=timezone.now())
            return False
        high = numbers[-1]
        counts = _classify(found, low, high)
        _upsert(found, low, high)
        ImportRow.objects.filter(import_of=import_id, msisdn__gt=low, msisdn__lte=high).delete()
        changes = {bucket: F(bucket) + count for bucket, count in counts.items()}
        _advance(
            import_id,
            claim,
            "applying",
            applied_up_to=high,
            waiting=F("waiting") - len(numbers),
            progress=F("progress") + len(numbers),
            **changes,
        )
    return True


def _classify(found: Import, low: str, high: str) -> dict[str, int]:
    """How many staged rows after ``low`` up to ``high`` ("" for all) would be created, updated and so on."""
    mapped = _mapped(found)
    is_same = " AND ".join(f"c.{name} = s.{name}" for name in mapped)
    sql = (
        f"SELECT CASE WHEN {_IS_OPTED_OUT} THEN 'opted_out' WHEN c.id IS NULL THEN 'created'"
        f" WHEN {is_same} THEN 'unchanged' ELSE 'updated' END AS bucket, COUNT(*)"
        f" FROM {_STAGED} s LEFT JOIN {_CONTACT} c ON c.list_id = %s AND c.msisdn = s.msisdn"
        " WHERE s.import_id = %s AND s.msisdn > %s" + (" AND s.msisdn <= %s" if high else "") + " GROUP BY bucket"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [found.list_id, found.pk, low, *([high] if high else [])])
        return dict(cursor.fetchall())


def _upsert(found: Import, low: str, high: str) -> None:
    mapped = _mapped(found)
    fields = ", ".join(CONTACT_FIELDS)
    values = ", ".join(f"s.{name}" for name in CONTACT_FIELDS)
    replaced = ", ".join(f"{name} = excluded.{name}" for name in mapped)
    differs = " OR ".join(f"{_CONTACT}.{name} <> excluded.{name}" for name in mapped)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    moment = "CAST(%s AS timestamptz)" if connection.vendor == "postgresql" else "%s"
    sql = (
        f"INSERT INTO {_CONTACT} (list_id, msisdn, {fields}, created_at, updated_at)"
        f" SELECT %s, s.msisdn, {values}, {moment}, {moment} FROM {_STAGED} s"
        " WHERE s.import_id = %s AND s.msisdn > %s AND s.msisdn <= %s ORDER BY s.msisdn"
        f" ON CONFLICT (list_id, msisdn) DO UPDATE SET {replaced}, updated_at = excluded.updated_at WHERE {differs}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [found.list_id, now, now, found.pk, low, high])


def _mapped(found: Import) -> list[str]:
    return [name for name in CONTACT_FIELDS if name in found.mapping.values()]


# -- cancelling and what all share ---------------------------------------------------------------------------------


def cancel(found: Import) -> None:
    """Give an import up before any contact was changed. Raises ImportRefusal ``too_late``."""
    now = timezone.now()
    open_import = Import.objects.filter(pk=found.pk, status__in=("uploaded", "judging", "judged"))
    cancelled = open_import.update(status="cancelled", ended_at=now, updated_at=now)
    found.refresh_from_db()
    if not cancelled:
        said = found.get_status_display().lower()
        raise ImportRefusal("too_late", f"Only an import that has not begun can be cancelled; this one is {said}.")
    ImportRow.objects.filter(import_of=found.pk).delete()


@contextmanager
def local_copy(found: Import) -> Iterator[Path]:
    """The uploaded file as a file of this machine, wherever the storage keeps it."""
    try:
        path = Path(found.file.path)
    except NotImplementedError:
        with tempfile.NamedTemporaryFile() as copy, found.file.open("rb") as original:
            copyfileobj(original, copy)
            copy.flush()
            yield Path(copy.name)
        return
    yield path


def _advance(import_id: int, claim: int, expected: str, /, **changes: Any) -> None:
    """Write to an import that is still ours; first in a transaction it is the lock, too. Raises Overtaken."""
    now = timezone.now()
    ours = Import.objects.filter(pk=import_id, claim=claim, status=expected)
    if not ours.update(beat_at=now, updated_at=now, **changes):
        raise Overtaken


def _forget_rows(import_id: int) -> None:
    ImportRow.objects.filter(import_of=import_id).delete()
    ImportIssue.objects.filter(import_of=import_id).delete()


def _chunks(rows: Iterable[sheets.Row], size: int) -> Iterator[list[sheets.Row]]:
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        yield chunk
