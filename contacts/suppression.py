"""Opt-outs: numbers that must not be texted. They are never deleted; opting back in records a consent and lifts one."""

import json
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any

from auditlog import get_logentry_model
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from contacts import journals, phones
from contacts.audit_log import record
from contacts.models import Consent, Suppression

#: The advisory lock that separates recording opt-outs from the gate on PostgreSQL: writers share it, the gate takes it
#: exclusively.
OPT_OUT_LOCK = 4_027_115_936
#: Numbers recorded in one transaction.
CHUNK = 5_000
#: Invalid lines kept to show.
MAX_ISSUES = 100


@dataclass(frozen=True)
class Issue:
    """A line without a valid phone number. ``line`` is counted from 1; in a sheet it is the row number."""

    line: int
    value: str
    code: str
    sentence: str


@dataclass
class OptOutResult:
    """The result of recording numbers as entered: ``read`` = ``added`` + ``already`` + ``invalid``."""

    read: int = 0
    added: int = 0
    already: int = 0
    invalid: int = 0
    issues: list[Issue] = field(default_factory=list)


def suppress(
    msisdns: Iterable[str], source: str, note: str = "", user: Any = None, opted_out_on: date | None = None
) -> tuple[int, int]:
    """Record opt-outs of ``msisdns`` (digits); return how many were added and how many were already opted out.

    ``source`` is one of ``Suppression.Source``; ``opted_out_on`` is the day the persons opted out, where that is
    known. Writes in transactions of a few thousand numbers. Each opt-out is in
    the journal outside the database before it is committed.
    """
    added = already = 0
    rest = iter(msisdns)
    while chunk := list(islice(rest, CHUNK)):
        new = len(suppress_with_proof(dict.fromkeys(chunk, note), source, user, opted_out_on))
        added += new
        already += len(chunk) - new
    return added, already


def suppress_typed(
    lines: Iterable[tuple[int, str]], country: str, source: str, proof: str, note: str = "", user: Any = None
) -> OptOutResult:
    """Record opt-outs of numbers as people typed them. ``lines``: (line number, text); blank lines are not counted.

    Every number that a text can mean is opted out and counted as read: one too many does less harm than one missed.
    The note of each opt-out holds ``proof`` (the name of a file, or "pasted"), its line and ``note``. The result has
    the first 100 issues.
    """
    result = OptOutResult()
    for chunk in _lines_in_chunks(lines):
        notes: dict[str, str] = {}
        repeated = 0
        for number, text in chunk:
            try:
                msisdns = phones.readings(text, country)
            except phones.PhoneError as error:
                result.read += 1
                result.invalid += 1
                if len(result.issues) < MAX_ISSUES:
                    result.issues.append(Issue(number, text[:60], error.code, error.sentence))
                continue
            line_note = ", ".join(filter(None, [proof, f"line {number}", note]))
            for msisdn in msisdns:
                result.read += 1
                repeated += msisdn in notes
                notes.setdefault(msisdn, line_note)
        added = len(suppress_with_proof(notes, source, user))
        result.added += added
        result.already += len(notes) - added + repeated
    return result


def typed_lines(text: str) -> Iterator[tuple[int, str]]:
    """The numbers in a pasted text: one per line, or several separated by commas, semicolons or tabs."""
    for number, line in enumerate(text.splitlines(), start=1):
        for piece in re.split(r"[,;\t]", line):
            if piece.strip():
                yield number, piece.strip()


def suppress_with_proof(
    notes: Mapping[str, str], source: str, user: Any = None, opted_out_on: date | None = None
) -> set[str]:
    """Record opt-outs in one transaction, each with its own note; return the numbers that are new.

    ``notes``: note by msisdn (digits), a few thousand at most. ``source`` is one of ``Suppression.Source``,
    ``opted_out_on`` is as in ``suppress``. The journal has the opt-outs before the transaction is committed.
    """
    # On SQLite ignore_conflicts would silently skip a row with an unknown source.
    source = Suppression.Source(source)
    with transaction.atomic():
        share_opt_out_lock()
        known = set(Suppression.objects.active().filter(msisdn__in=notes).values_list("msisdn", flat=True))
        new = {msisdn: note[:500] for msisdn, note in notes.items() if msisdn not in known}
        now = timezone.now()
        Suppression.objects.bulk_create(
            [
                Suppression(
                    msisdn=msisdn,
                    source=source,
                    note=note,
                    opted_out_on=opted_out_on,
                    created_at=now,
                    created_by=user,
                )
                for msisdn, note in new.items()
            ],
            ignore_conflicts=True,
        )
        # Another process may have recorded some of them a moment ago; only ours have this time.
        ours = Suppression.objects.active().filter(msisdn__in=new, created_at=now)
        pks = dict(ours.values_list("msisdn", "pk"))
        added = sorted(pks)
        day = {"on": opted_out_on.isoformat()} if opted_out_on else {}
        if added and (user is not None or source == Suppression.Source.COMMAND):
            _record_opt_outs(list(pks.values()), source, user)
        _journal([{"opt_out": one, "at": now.isoformat(), "source": source, "note": new[one], **day} for one in added])
    return set(added)


def _record_opt_outs(pks: list[int], source: str, user: Any) -> None:
    """Write one entry of the audit trail, without a number: the rows of the opt-outs have these.

    What providers report and people reply is not recorded: nobody did it in Baton, and the rows have the source.
    """
    changes = {"opt-outs": ("", str(len(pks))), "source": ("", source)}
    row, name = (Suppression(pk=pks[0]), f"opt-out {pks[0]}") if len(pks) == 1 else (Suppression, "opt-outs")
    record(row, get_logentry_model().Action.CREATE, changes, user=user, name=name)


def opt_back_in(msisdn: str, note: str, user: Any = None) -> bool:
    """Record that the person asked to be texted again; return whether there was an opt-out to lift."""
    with transaction.atomic():
        share_opt_out_lock()
        now = timezone.now()
        lifted = Suppression.objects.active().filter(msisdn=msisdn).update(lifted_at=now)
        if not lifted:
            return False
        Consent.objects.create(msisdn=msisdn, note=note[:500], created_at=now, created_by=user)
        row = Suppression.objects.filter(msisdn=msisdn, lifted_at=now).earliest("pk")
        action = get_logentry_model().Action.UPDATE
        record(row, action, {"status": ("opted out", "opted back in")}, user=user, name=f"opt-out {row.pk}")
        # Written only after the commit: if the commit failed, a consent in the journal would hide an opt-out.
        line = {"consent": msisdn, "at": now.isoformat(), "note": note[:500]}
        transaction.on_commit(lambda: _journal([line]))
    return True


def is_suppressed(msisdn: str) -> bool:
    """Whether ``msisdn`` must not be texted."""
    return Suppression.objects.active().filter(msisdn=msisdn).exists()


def reapply_journal() -> int:
    """Record the opt-outs that are in the journal but not in the database, as after a restore; return how many.

    Each gets its original time, so that the database has it from then on and no line is recorded again at every start.
    The journal is read twice, so that only the consents, which are few, are kept in memory.
    """
    now = timezone.now().isoformat()
    consents: dict[str, list[tuple[str, int, str]]] = {}
    for file, number, line in _lines("consent"):
        consents.setdefault(line["consent"], []).append((file, number, line["at"]))
    in_force = (
        line
        for file, number, line in _lines("opt_out")
        if not _is_lifted(file, number, line["at"], consents.get(line["opt_out"], ()), now)
    )
    added = 0
    while chunk := list(islice(in_force, CHUNK)):
        active: set[str] = set()
        lifted: set[tuple[str, datetime]] = set()
        rows = Suppression.objects.filter(msisdn__in={line["opt_out"] for line in chunk})
        for msisdn, created_at, lifted_at in rows.values_list("msisdn", "created_at", "lifted_at"):
            if lifted_at is None:
                active.add(msisdn)
            else:
                lifted.add((msisdn, created_at))
        # A crash between the commit and the journal leaves a consent that only the database has.
        missing = {
            line["opt_out"]: line
            for line in chunk
            if line["opt_out"] not in active and (line["opt_out"], datetime.fromisoformat(line["at"])) not in lifted
        }
        if missing:
            _record_again(missing.values())
            added += len(missing)
    return added


def _is_lifted(file: str, number: int, at: str, consents: Iterable[tuple[str, int, str]], now: str) -> bool:
    """Whether a consent certainly followed the opt-out at line ``number`` of ``file``; if in doubt, it did not.

    In the same file, the consent must be later by both line and time: the clock may have been set back, and a consent's
    line is written after its time was taken. In different files only the times can be compared, and a consent dated in
    the future proves nothing.
    """
    return any(
        given_at > at and (given_number > number if given_file == file else given_at <= now)
        for given_file, given_number, given_at in consents
    )


def _record_again(lines: Iterable[Mapping[str, str]]) -> None:
    with transaction.atomic():
        share_opt_out_lock()
        Suppression.objects.bulk_create(
            [
                Suppression(
                    msisdn=line["opt_out"],
                    source=line["source"],
                    note=line["note"],
                    opted_out_on=date.fromisoformat(line["on"]) if "on" in line else None,
                    created_at=datetime.fromisoformat(line["at"]),
                )
                for line in lines
            ],
            # Another process may have recorded some of them a moment ago.
            ignore_conflicts=True,
        )


def share_opt_out_lock() -> None:
    """Wait while a gate is being passed. Call it in a transaction, which holds the lock to its end."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [OPT_OUT_LOCK])


def _lines_in_chunks(lines: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    rest = ((number, text) for number, text in lines if text.strip())
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _journal(lines: list[dict[str, Any]]) -> None:
    if lines:
        path = settings.JOURNAL_DIR / f"suppressions-{socket.gethostname()}.jsonl"
        journals.append(path, "".join(json.dumps(line) + "\n" for line in lines).encode())


def _lines(kind: str) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """The journal lines of a kind, ``opt_out`` or ``consent``, of all hosts, each with its file and line number.

    A line that a crash cut short is skipped.
    """
    start = f'{{"{kind}": '
    for path in sorted(settings.JOURNAL_DIR.glob("suppressions-*.jsonl")):
        with path.open() as handle:
            for number, line in enumerate(handle):
                # Only the lines of this kind are parsed, which takes most of the time: each start of Baton may read a
                # million lines.
                if line.startswith(start):
                    try:
                        yield path.name, number, json.loads(line)
                    except ValueError:
                        continue
