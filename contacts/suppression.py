"""Who must never get a text. Only added to; opting back in is a consent, and the old entry stays as history."""

import json
import os
import socket
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from contacts.models import Consent, Suppression

#: The advisory lock that keeps an opt-out and a gate apart on PostgreSQL: writers share it, the gate takes it alone.
OPT_OUT_LOCK = 4_027_115_936
CHUNK = 5_000


def suppress(msisdns: Iterable[str], source: str, note: str = "", user: Any = None) -> tuple[int, int]:
    """Record opt-outs of ``msisdns`` (digits); return how many were added and how many were there already.

    In transactions of a few thousand. Each is in the journal outside the database before it is committed.
    """
    added = already = 0
    for chunk in _chunks(msisdns):
        with transaction.atomic():
            share_opt_out_lock()
            known = set(Suppression.objects.filter(msisdn__in=chunk, lifted_at=None).values_list("msisdn", flat=True))
            new = [msisdn for msisdn in chunk if msisdn not in known]
            now = timezone.now()
            Suppression.objects.bulk_create(
                [
                    Suppression(msisdn=msisdn, source=source, note=note[:500], created_at=now, created_by=user)
                    for msisdn in new
                ],
                ignore_conflicts=True,
            )
            _journal(
                [{"opt_out": msisdn, "at": now.isoformat(), "source": source, "note": note[:500]} for msisdn in new]
            )
        added += len(new)
        already += len(chunk) - len(new)
    return added, already


def opt_back_in(msisdn: str, note: str, user: Any = None) -> bool:
    """Record that the person asked to get texts again; return whether there was an opt-out to lift."""
    with transaction.atomic():
        share_opt_out_lock()
        now = timezone.now()
        lifted = Suppression.objects.filter(msisdn=msisdn, lifted_at=None).update(lifted_at=now)
        if not lifted:
            return False
        Consent.objects.create(msisdn=msisdn, note=note[:500], created_at=now, created_by=user)
        _journal([{"consent": msisdn, "at": now.isoformat(), "note": note[:500]}])
    return True


def is_suppressed(msisdn: str) -> bool:
    """Whether ``msisdn`` must not get a text."""
    return Suppression.objects.filter(msisdn=msisdn, lifted_at=None).exists()


def reapply_journal() -> int:
    """Record again what the journal knows and the database has forgotten, as after a restore; return how many."""
    last: dict[str, dict[str, Any]] = {}
    for line in _lines():
        msisdn = line.get("opt_out") or line.get("consent")
        if msisdn and line["at"] >= last.get(msisdn, line)["at"]:
            last[msisdn] = line
    added = 0
    for chunk in _chunks(msisdn for msisdn, line in last.items() if "opt_out" in line):
        lifted = {
            msisdn: lifted_at
            for msisdn, lifted_at in Suppression.objects.filter(msisdn__in=chunk).values_list("msisdn", "lifted_at")
        }
        for msisdn in chunk:
            lifted_at = lifted.get(msisdn, False)
            if lifted_at is False or (lifted_at and lifted_at < datetime.fromisoformat(last[msisdn]["at"])):
                added += suppress([msisdn], last[msisdn]["source"], last[msisdn]["note"])[0]
    return added


def share_opt_out_lock() -> None:
    """Wait for a gate that is just being passed. Inside a transaction; held to its end."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [OPT_OUT_LOCK])


def _chunks(msisdns: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(msisdns)
    while chunk := list(dict.fromkeys(islice(rest, CHUNK))):
        yield chunk


def _journal(lines: list[dict[str, Any]]) -> None:
    if not lines:
        return
    settings.JOURNAL_DIR.mkdir(parents=True, exist_ok=True)
    path = settings.JOURNAL_DIR / f"suppressions-{socket.gethostname()}.jsonl"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as handle:
        handle.write("".join(json.dumps(line) + "\n" for line in lines).encode())
        handle.flush()
        os.fsync(handle.fileno())


def _lines() -> Iterator[dict[str, Any]]:
    for path in sorted(settings.JOURNAL_DIR.glob("suppressions-*.jsonl")):
        with path.open() as handle:
            for line in handle:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue
