"""Who must never get a text. Only added to; opting back in is a consent, and the old entry stays as history."""

import json
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from contacts import columns, journals, phones, sheets
from contacts.models import Consent, Suppression

#: The advisory lock that keeps an opt-out and a gate apart on PostgreSQL: writers share it, the gate takes it alone.
OPT_OUT_LOCK = 4_027_115_936
CHUNK = 5_000
ISSUES_KEPT = 100


@dataclass(frozen=True)
class Issue:
    """Something that is no phone number: its line (1-based; a sheet's row), what was there, a code and a sentence."""

    line: int
    value: str
    code: str
    sentence: str


@dataclass
class OptedOut:
    """What became of what people typed: ``read`` = ``added`` + ``already`` + ``invalid``."""

    read: int = 0
    added: int = 0
    already: int = 0
    invalid: int = 0
    issues: list[Issue] = field(default_factory=list)


def suppress(msisdns: Iterable[str], source: str, note: str = "", user: Any = None) -> tuple[int, int]:
    """Record opt-outs of ``msisdns`` (digits); return how many were added and how many were there already.

    In transactions of a few thousand. Each is in the journal outside the database before it is committed.
    """
    added = already = 0
    rest = iter(msisdns)
    while chunk := list(islice(rest, CHUNK)):
        new = _suppress_chunk(dict.fromkeys(chunk, note), source, user)
        added += new
        already += len(chunk) - new
    return added, already


def suppress_typed(
    lines: Iterable[tuple[int, str]], country: str, source: str, proof: str, note: str = "", user: Any = None
) -> OptedOut:
    """Record opt-outs of numbers as people typed them; ``lines`` are (line number, text), empty texts are no lines.

    Each entry keeps ``proof`` (a file's name, or "pasted"), its line and ``note``. The first 100 issues are kept.
    """
    told = OptedOut()
    for chunk in _lines_in_chunks(lines):
        notes: dict[str, str] = {}
        repeated = 0
        for number, text in chunk:
            told.read += 1
            try:
                msisdn = phones.parse(text, country)
            except phones.PhoneError as error:
                told.invalid += 1
                if len(told.issues) < ISSUES_KEPT:
                    told.issues.append(Issue(number, text[:60], error.code, error.sentence))
                continue
            repeated += msisdn in notes
            notes.setdefault(msisdn, ", ".join(filter(None, [proof, f"line {number}", note])))
        added = _suppress_chunk(notes, source, user)
        told.added += added
        told.already += len(notes) - added + repeated
    return told


def typed_lines(text: str) -> Iterator[tuple[int, str]]:
    """The numbers in a pasted text: one a line, or several with commas or semicolons between."""
    for number, line in enumerate(text.splitlines(), start=1):
        for piece in re.split(r"[,;\t]", line):
            if piece.strip():
                yield number, piece.strip()


def sheet_lines(path: Path, name: str, country: str, encoding: str = "") -> list[tuple[int, str]]:
    """The phone column of a sheet, all of it before anything is recorded. Raises SheetError.

    A sheet whose first row holds a number already has no header.
    """
    with sheets.open_sheet(path, name, encoding) as sheet:
        guessed = {field: column for column, field in columns.guess(sheet.header, {}).items()}
        column = guessed.get("phone", _first_number(sheet.header, country))
        if column is None:
            said = "No column looks like phone numbers. Name the column Phone in its first row."
            raise sheets.SheetError("no_phone_column", said)
        lines = [(number, cells[column]) for number, cells in sheet.rows() if column < len(cells) and cells[column]]
        return lines if "phone" in guessed else [(1, sheet.header[column]), *lines]


def _first_number(header: list[str], country: str) -> int | None:
    for column, text in enumerate(header):
        try:
            phones.parse(text, country)
        except phones.PhoneError:
            continue
        return column
    return None


def _suppress_chunk(notes: Mapping[str, str], source: str, user: Any) -> int:
    """Record the opt-outs whose notes these are, in one transaction; return how many are new."""
    with transaction.atomic():
        share_opt_out_lock()
        known = set(Suppression.objects.filter(msisdn__in=notes, lifted_at=None).values_list("msisdn", flat=True))
        new = {msisdn: note[:500] for msisdn, note in notes.items() if msisdn not in known}
        now = timezone.now()
        Suppression.objects.bulk_create(
            [
                Suppression(msisdn=msisdn, source=source, note=note, created_at=now, created_by=user)
                for msisdn, note in new.items()
            ],
            ignore_conflicts=True,
        )
        # Somebody else may have recorded one of them a moment ago: only ours bear this time.
        ours = Suppression.objects.filter(msisdn__in=new, lifted_at=None, created_at=now)
        added = list(ours.values_list("msisdn", flat=True))
        _journal([{"opt_out": one, "at": now.isoformat(), "source": source, "note": new[one]} for one in added])
    return len(added)


def opt_back_in(msisdn: str, note: str, user: Any = None) -> bool:
    """Record that the person asked to get texts again; return whether there was an opt-out to lift."""
    with transaction.atomic():
        share_opt_out_lock()
        now = timezone.now()
        lifted = Suppression.objects.filter(msisdn=msisdn, lifted_at=None).update(lifted_at=now)
        if not lifted:
            return False
        Consent.objects.create(msisdn=msisdn, note=note[:500], created_at=now, created_by=user)
        # Only once it is committed: a consent in the journal that the database never knew would hide an opt-out.
        line = {"consent": msisdn, "at": now.isoformat(), "note": note[:500]}
        transaction.on_commit(lambda: _journal([line]))
    return True


def active_msisdns() -> QuerySet[Suppression, str]:
    """The numbers that must not get a text, as a query that can stand inside another one."""
    return Suppression.objects.filter(lifted_at=None).values_list("msisdn", flat=True)


def is_suppressed(msisdn: str) -> bool:
    """Whether ``msisdn`` must not get a text."""
    return Suppression.objects.filter(msisdn=msisdn, lifted_at=None).exists()


def reapply_journal() -> int:
    """Record again what the journal knows and the database has forgotten, as after a restore; return how many.

    Each entry gets its own time back, so that the database knows it from then on: no line is recorded again at every
    start. The journal is read twice, so that only consents, which are few, are held in memory.
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
        # A consent that the database knows and the journal does not comes from a crash between the two.
        forgotten = {
            line["opt_out"]: line
            for line in chunk
            if line["opt_out"] not in active and (line["opt_out"], datetime.fromisoformat(line["at"])) not in lifted
        }
        if forgotten:
            _record_again(forgotten.values())
            added += len(forgotten)
    return added


def _is_lifted(file: str, number: int, at: str, consents: Iterable[tuple[str, int, str]], now: str) -> bool:
    """Whether a consent came after the opt-out at this place of the journal; where that is in doubt, none did.

    In one file a consent must come after it by its line and by its time: the clock may have been set back, and a
    consent gets its line after its time. In two files there are only times, and one that is yet to come proves nothing.
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
                    created_at=datetime.fromisoformat(line["at"]),
                )
                for line in lines
            ],
            # Somebody else may have recorded one of them a moment ago.
            ignore_conflicts=True,
        )


def share_opt_out_lock() -> None:
    """Wait for a gate that is just being passed. Inside a transaction; held to its end."""
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
    """The lines of a kind, ``opt_out`` or ``consent``, from all hosts, each with its file and its number there.

    A line torn by a crash is none.
    """
    begins = f'{{"{kind}": '
    for path in sorted(settings.JOURNAL_DIR.glob("suppressions-*.jsonl")):
        with path.open() as handle:
            for number, line in enumerate(handle):
                # Parsing takes most of the time, and a million lines are read at each start.
                if line.startswith(begins):
                    try:
                        yield path.name, number, json.loads(line)
                    except ValueError:
                        continue
