"""Seals the audit trail: each seal's digest covers an entry and the digest before it.

Somebody who can write to the database but lacks the installation key cannot change or remove a sealed entry unnoticed,
nor insert one with an earlier time. One with the current time is sealed like any other new entry. The journal
directory, outside the database, has the latest digests: with it, removing the newest entries shows as well.
"""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from audit import triggers
from audit.models import AuditEntry, Seal
from contacts import journals

#: What a digest covers. A column that is added later is not covered, so that older digests stay valid.
SEALED = (
    *("id", "timestamp", "actor_id", "actor_name", "actor_email", "remote_addr", "action", "content_type_id"),
    *("object_pk", "object_id", "object_repr", "changes", "additional_data", "cid"),
)
#: Entries sealed in one transaction, and read at once.
CHUNK = 2_000
#: Ids before the newest sealed one in which unsealed entries are looked for: a transaction that was open for long
#: commits an entry with an id below others that are sealed already.
LATE = 10_000
#: An entry is older than the one sealed before it by at most this: the longest job takes two hours, and the clocks of
#: hosts differ by minutes.
LATE_BY = timedelta(hours=3)
#: Faults that a report names one by one.
MOST_FAULTS = 20


@dataclass
class Report:
    """What ``verify`` found. ``faults`` are sentences; without any, the audit trail is as it was written."""

    entries: int = 0
    sealed: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def unsealed(self) -> int:
        """Entries that the clock has yet to seal."""
        return self.entries - self.sealed

    def add(self, fault: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(fault)


def seal() -> int:
    """Seal the entries that are new; return how many. The clock calls it.

    Two processes that seal at the same time collide on a position: one of them gets IntegrityError and seals nothing.
    """
    sealed = 0
    while count := _seal_chunk():
        sealed += count
        if count < CHUNK:
            break
    return sealed


def _seal_chunk() -> int:
    last = Seal.objects.order_by("-position").first()
    new = AuditEntry.objects.filter(pk__gt=_newest_sealed() - LATE, seal=None).order_by("pk").values(*SEALED)[:CHUNK]
    position, digest = (last.position, last.digest) if last else (0, "")
    made = []
    for values in new:
        position, digest = position + 1, digest_of(values, digest)
        made.append(Seal(position=position, entry_id=values["id"], digest=digest))
    if made:
        with transaction.atomic():
            Seal.objects.bulk_create(made)
        _journal(made[-1], timezone.now())
    return len(made)


def digest_of(values: dict[str, Any], before: str) -> str:
    """The digest of an entry, given the digest before it; ``values`` are those of ``SEALED``."""
    ordered = [_as_text(values[name]) for name in SEALED]
    text = json.dumps([before, *ordered], sort_keys=True, ensure_ascii=False)
    return salted_hmac("audit.chain", text, secret=settings.INSTALLATION_KEY, algorithm="sha256").hexdigest()


def verify(since: datetime | None = None) -> Report:
    """Compute all digests again, and compare them with the seals and with the journal's lines from ``since`` on."""
    report = Report(entries=AuditEntry.objects.count())
    for name in triggers.missing(connection):
        report.add(f"The trigger {name} is missing, disabled or changed: entries can be changed.")
    # After a restore, a position may have been used twice.
    noted: dict[int, set[str]] = {}
    for known, digest in _noted(since):
        noted.setdefault(known, set()).add(digest)
    position, before, at = 0, "", None
    for sealed, values in _seals():
        position += 1
        if sealed.position != position:
            report.add(f"Seal {position} was removed: the next one is {sealed.position}.")
            position = sealed.position
        if values is None:
            report.add(f"Entry {sealed.entry_id}, which has seal {position}, was removed.")
        elif not constant_time_compare(digest_of(values, before), sealed.digest):
            report.add(
                f"Entry {sealed.entry_id} of {values['timestamp']:%Y-%m-%d}, which has seal {position}, differs."
            )
        elif at and values["timestamp"] < at - LATE_BY:
            report.add(
                f"Entry {sealed.entry_id} of {values['timestamp']:%Y-%m-%d %H:%M} UTC has seal {position}, after one "
                f"of {at:%Y-%m-%d %H:%M} UTC: it was inserted later, or the clock of a host was wrong."
            )
        at = values["timestamp"] if values else at
        before = sealed.digest
        if noted.pop(position, {before}) != {before}:
            report.add(f"The journal has another digest for seal {position}.")
        report.sealed += 1
    for pk in _never_sealed():
        report.add(f"Entry {pk} has no seal and is too old to get one: it was inserted later.")
    if noted:
        report.add(f"The journal knows of seal {max(noted)}, but the database ends at {position}.")
    return report


def _never_sealed() -> list[int]:
    """The first ids of entries below those in which ``seal`` looks for new ones."""
    entries = AuditEntry.objects.filter(pk__lte=_newest_sealed() - LATE, seal=None)
    return list(entries.order_by("pk").values_list("pk", flat=True)[:MOST_FAULTS])


def _newest_sealed() -> int:
    return Seal.objects.order_by("-entry_id").values_list("entry_id", flat=True).first() or 0


def _seals() -> Iterator[tuple[Seal, dict[str, Any] | None]]:
    """Each seal, in order, with its entry's values of ``SEALED``; None for one that was removed after all."""
    last = 0
    while chunk := list(Seal.objects.filter(position__gt=last)[:CHUNK]):
        rows = AuditEntry.objects.filter(pk__in=[sealed.entry_id for sealed in chunk]).values(*SEALED)
        entries: dict[int, dict[str, Any]] = {values["id"]: dict(values) for values in rows}
        yield from ((sealed, entries.get(sealed.entry_id)) for sealed in chunk)
        last = chunk[-1].position


def _as_text(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _journal(newest: Seal, now: datetime) -> None:
    line = {"seal": newest.position, "digest": newest.digest, "at": now.isoformat()}
    path = settings.JOURNAL_DIR / f"audit-{socket.gethostname()}.jsonl"
    journals.append(path, (json.dumps(line) + "\n").encode())


def _noted(since: datetime | None) -> Iterator[tuple[int, str]]:
    """The position and digest of each line of the journals of all hosts. A line that a crash cut short is skipped."""
    for path in sorted(settings.JOURNAL_DIR.glob("audit-*.jsonl")):
        with path.open() as handle:
            for text in handle:
                try:
                    line = json.loads(text)
                except ValueError:
                    continue
                if since is None or datetime.fromisoformat(line["at"]) >= since:
                    yield line["seal"], line["digest"]
