"""Deletes the bytes that were handed over and that providers showed. Names, sizes, times and checksums stay."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import QuerySet

from campaigns.lifecycle import record_event
from campaigns.models import Attempt, Batch, Campaign, Evidence


def erase_files(campaign: Campaign, now: datetime) -> int:
    """Delete the files and evidence of all batches of an ended campaign; return how many files. May be repeated."""
    deleted = erase_batches(campaign.batches.order_by("pk"))
    with transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(files_erased_at=now)
        files = "1 stored file was" if deleted == 1 else f"{deleted:,} stored files were"
        sentence = f"{files} deleted. Names, sizes and checksums stay."
        record_event(campaign, "files_erased", sentence)
    return deleted


def erase_batches(batches: Iterable[Batch]) -> int:
    """Delete the payload, the evidence and the provider's answers of batches that are no longer polled; return how
    many files."""
    deleted = 0
    for batch in batches:
        deleted += _erase_evidence(batch)
        if batch.payload:
            default_storage.delete(str(batch.payload))
            Batch.objects.filter(pk=batch.pk).update(payload="")
            deleted += 1
        Attempt.objects.filter(batch=batch).update(receipt=b"")
    return deleted


def _erase_evidence(batch: Batch) -> int:
    """Forget the stored bytes of every poll, and delete those that no other row refers to; return how many."""
    rows = [row for row in batch.evidence.all() if any(_paths(row))]
    paths = {path for row in rows for path in _paths(row)}
    if not paths:
        return 0
    others = Evidence.objects.exclude(pk__in=[row.pk for row in rows])
    newest = others.order_by("-pk").values_list("pk", flat=True).first() or 0
    paths -= _used(others.filter(pk__lte=newest), paths)
    with transaction.atomic():
        # No poll stores a row between the question and the deletion. One that found its content stored already checks
        # that again once it has its row (results.evidence).
        _keep_polls_out()
        paths -= _used(others.filter(pk__gt=newest), paths)
        for path in paths:
            default_storage.delete(path)
        for row in rows:
            files = [{**file, "body": []} for file in row.files]
            Evidence.objects.filter(pk=row.pk).update(files=files, replies=[])
    return len(paths)


def _used(rows: QuerySet[Evidence], paths: set[str]) -> set[str]:
    """Those of ``paths`` that one of ``rows`` refers to."""
    return {path for row in rows.iterator() for path in _paths(row) if path in paths}


def _paths(row: Any) -> Iterator[str]:
    for file in row.files:
        yield from (path for path, _ in file["body"])
    yield from row.replies


def _keep_polls_out() -> None:
    """Keep polls from storing evidence until the transaction ends; on SQLite the transaction itself does."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {Evidence._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
