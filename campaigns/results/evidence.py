"""Attempts and evidence, between their rows and the adapters' dataclasses. Raw files are kept byte for byte.

A file that has grown since the poll before is kept as a difference: its content is a list of parts, of which only the
last ones are new. A stored part never changes, and its name is its sha256.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from campaigns.models import Attempt, Batch, Evidence
from contacts.errors import Refusal
from providers import base


class BytesDiffer(Refusal):
    """The stored payload of a batch is missing, or its sha256 is not the one in the row."""

    def __init__(self, sentence: str) -> None:
        super().__init__("bytes_differ", sentence)


def payload_of(batch: Batch) -> base.Payload:
    """Return the stored payload of a batch. Raises BytesDiffer if it is missing or its sha256 differs from the row."""
    if not batch.payload:
        raise BytesDiffer(f"The stored file of {batch.name} was erased.")
    try:
        with default_storage.open(str(batch.payload)) as handle:
            body = handle.read()
    except OSError as error:
        raise BytesDiffer(f"The stored file of {batch.name} cannot be read.") from error
    if hashlib.sha256(body).hexdigest() != batch.sha256:
        raise BytesDiffer(f"The stored file of {batch.name} is not the one that was rendered.")
    return base.Payload(stem=batch.stem, name=batch.name, body=body, key=batch.key)


def plain_attempt(row: Attempt) -> base.Attempt:
    """One attempt as the adapter sees it."""
    return base.Attempt(
        number=row.number,
        name=row.name,
        host=row.host,
        staged=base.Staged(name=row.staged_name, host=row.staged_host, size=row.staged_size),
        started_at=row.started_at,
        ended_at=row.ended_at,
        ending=base.Ending(row.ending),
        receipt=base.Receipt(provider_ref=row.provider_ref, raw=bytes(row.receipt)),
    )


def attempts_of(batch: Batch) -> list[base.Attempt]:
    """Every attempt of a batch, oldest first."""
    return [plain_attempt(row) for row in batch.attempts.order_by("number")]


#: The path in storage and the bytes of one part of a file.
Part = list[Any]


def keep_observation(batch: Batch, observation: base.Observation) -> Evidence:
    """Store what a poll saw. Polls that see the same as the one before only increase its count."""
    last = batch.evidence.order_by("-id").first()
    before = {_place_of(seen): seen["body"] for seen in last.files} if last else {}
    files = [
        {
            "folder": seen.folder,
            "name": seen.name,
            "size": seen.size,
            "modified_at": seen.modified_at.isoformat() if seen.modified_at else "",
            "host": seen.host,
            "sha256": hashlib.sha256(seen.body).hexdigest() if seen.body is not None else "",
            "version": seen.version,
        }
        for seen in observation.files
    ]
    replies = [_keep_body(reply) for reply in observation.replies]
    # Without the parts: the same content may be in other parts.
    digest = hashlib.sha256(json.dumps([observation.hosts, files, replies]).encode()).hexdigest()
    # After an attempt, what a poll sees is new evidence, even if it is the same as before.
    is_new = last is None or batch.attempts.filter(started_at__gt=last.last_seen_at).exists()
    if last and not is_new and last.digest == digest:
        last.last_seen_at = observation.seen_at
        last.polls += 1
        last.save(update_fields=["last_seen_at", "polls"])
        return last
    bodies = [
        keep_parts(seen.body, before.get(_place_of(file), [])) if seen.body is not None else []
        for seen, file in zip(observation.files, files, strict=True)
    ]
    row = Evidence.objects.create(
        batch=batch,
        seen_at=observation.seen_at,
        last_seen_at=observation.seen_at,
        hosts=list(observation.hosts),
        files=[{**file, "body": body} for file, body in zip(files, bodies, strict=True)],
        replies=replies,
        digest=digest,
    )
    _store_again(zip(replies, observation.replies, strict=True))
    for seen, parts in zip(observation.files, bodies, strict=True):
        _store_again(_pieces(seen.body or b"", parts))
    return row


def evidence_fingerprint(batch: Batch) -> str:
    """A hash of what is known about a batch. It changes with new evidence, a new reply or a new doubt.

    Polls that see what an earlier one saw do not change it.
    """
    seen = sorted(set(batch.evidence.values_list("digest", flat=True)))
    endings = list(batch.attempts.order_by("number").values_list("number", "ending"))
    doubts = batch.events.filter(to_status=Batch.Status.UNCLEAR).count()
    return hashlib.sha256(json.dumps([seen, endings, doubts]).encode()).hexdigest()


def observations_of(batch: Batch, after: datetime | None = None) -> list[base.Observation]:
    """Everything ever seen of a batch, or only what was seen ``after`` a time (UTC), oldest first.

    A run of equal polls gives its first and its last. This reads every stored body: a poll uses ``reading.interpret``.
    """
    rows = batch.evidence.order_by("id")
    observations: list[base.Observation] = []
    for row in rows if after is None else rows.filter(seen_at__gt=after):
        observations.append(observation_of(row))
        if row.polls > 1:
            observations.append(replace(observations[-1], seen_at=row.last_seen_at))
    return observations


def observation_of(row: Evidence) -> base.Observation:
    """What the first of the equal polls of a row saw, with every body."""
    files = tuple(
        base.ObservedFile(
            folder=seen["folder"],
            name=seen["name"],
            size=seen["size"],
            modified_at=datetime.fromisoformat(seen["modified_at"]) if seen["modified_at"] else None,
            body=kept_body(seen["body"]) if seen["body"] else None,
            host=seen["host"],
        )
        for seen in row.files
    )
    replies = tuple(_read(path) for path in row.replies)
    return base.Observation(row.seen_at, tuple(row.hosts), files, replies)


def keep_parts(body: bytes, before: Sequence[Part] = ()) -> list[Part]:
    """Store a file's content and return its parts: those of ``before``, if the content begins with them, and the rest.

    A part is stored anew together with the rest if it is no longer than the rest, so a file of n bytes has at most
    about log2(n) parts, however often it grew.
    """
    parts = list(before) if _begins_with(body, before) else []
    start = sum(size for _, size in parts)
    if parts and start == len(body):
        return parts
    while parts and parts[-1][1] <= len(body) - start:
        start -= parts.pop()[1]
    return [*parts, [_keep_body(body[start:]), len(body) - start]]


def kept_body(parts: Sequence[Part]) -> bytes:
    """The content of a file, byte for byte."""
    return b"".join(_read(path) for path, _ in parts)


def _begins_with(body: bytes, parts: Sequence[Part]) -> bool:
    """Whether the content begins with these parts, by their sha256; none of them is read."""
    start = 0
    for path, size in parts:
        if hashlib.sha256(body[start : start + size]).hexdigest() != path.rpartition("/")[2]:
            return False
        start += size
    return True


def _place_of(seen: dict[str, Any]) -> tuple[str, str, str]:
    return seen["host"], seen["folder"], seen["name"]


def _keep_body(body: bytes) -> str:
    digest = hashlib.sha256(body).hexdigest()
    path = f"evidence/{digest[:2]}/{digest}"
    if default_storage.exists(path):
        return path
    try:
        return default_storage.save(path, ContentFile(body))
    except FileExistsError:
        return path


def _pieces(body: bytes, parts: Sequence[Part]) -> Iterator[tuple[str, bytes]]:
    """The path and the content of each part of a file."""
    start = 0
    for path, size in parts:
        yield path, body[start : start + size]
        start += size


def _store_again(pieces: Iterable[tuple[str, bytes]]) -> None:
    """Store what is missing of the content that a row refers to, now that the row is there.

    Equal content of an old batch may have been found stored, and then deleted with that batch (privacy.files).
    """
    for path, content in pieces:
        if not default_storage.exists(path):
            with suppress(FileExistsError):
                default_storage.save(path, ContentFile(content))


def _read(path: str) -> bytes:
    with default_storage.open(path) as handle:
        return handle.read()
