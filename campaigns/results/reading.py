"""What everything that was seen of a batch means, without reading again what an earlier poll has read.

The adapter's ``Reader`` takes each stored observation once; its state is kept in the cache between two polls. If the
cache is lost, or the state is about other rows, attempts or bytes, everything is read again. ``BaseAdapter.interpret``
over ``observations_of`` is the simple form, and says the same.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from campaigns.models import Batch, Evidence
from campaigns.results.already_read import recall, remember
from campaigns.results.evidence import observation_of, observations_of
from providers import base

#: To be raised whenever the form of a state changes, or what a reader does with an observation.
_FORM = 1
#: Bytes of a compressed state that is kept. Beyond that, every poll reads everything.
_MOST = 4_000_000


def interpret(batch: Batch, payload: base.Payload, attempts: Sequence[base.Attempt]) -> base.Interpretation:
    """What all observations of a batch mean. Of those that an earlier call has read, only the newest row is read."""
    adapter = batch.account.adapter
    known = _Known.of(batch, payload, attempts)
    reader = adapter.reader(payload, attempts, known.state)
    rows = list(batch.evidence.filter(pk__gte=known.row).order_by("id"))
    if reader is None or not rows or not _take(reader, rows, known.row):
        return adapter.interpret(payload, attempts, observations_of(batch))
    last = rows[-1]
    if last.pk != known.row:
        known.keep(batch, last, reader.state())
    # Of a run of equal polls, the first and the last count.
    reader.add(replace(observation_of(last), seen_at=last.last_seen_at))
    return reader.interpret()


def _take(reader: base.Reader, rows: Sequence[Evidence], read: int) -> bool:
    """Let the reader take the first poll of every row but the one that was ``read``, and the last poll of all rows
    before the newest. Returns False as ``Reader.add`` does."""
    newest = rows[-1].pk
    for row in rows:
        has_run = row.polls > 1 and row.pk != newest
        if row.pk == read and not has_run:
            continue
        seen = observation_of(row)
        if row.pk != read and not reader.add(seen):
            return False
        if has_run and not reader.add(replace(seen, seen_at=row.last_seen_at)):
            return False
    return True


class _Known:
    """The state of a reader and the id of the last row whose first poll is in it; 0 and None if there is none."""

    def __init__(self, key: str, fingerprint: str, row: int = 0, state: Any = None) -> None:
        self.key, self.fingerprint, self.row, self.state = key, fingerprint, row, state

    @classmethod
    def of(cls, batch: Batch, payload: base.Payload, attempts: Sequence[base.Attempt]) -> "_Known":
        about = [_FORM, batch.stem, batch.sha256, batch.account.provider, repr(list(attempts))]
        fingerprint = hashlib.sha256(json.dumps(about).encode()).hexdigest()
        known = cls(f"reading:{batch.stem}", fingerprint)
        kept = recall(known.key, None)
        if not kept or kept["fingerprint"] != fingerprint or kept["rows"] != _digest_of(batch, kept["row"]):
            return known
        known.row, known.state = kept["row"], json.loads(zlib.decompress(base64.b64decode(kept["state"])))
        return known

    def keep(self, batch: Batch, last: Evidence, state: Any) -> None:
        packed = zlib.compress(json.dumps(state, separators=(",", ":")).encode(), 1)
        if len(packed) <= _MOST:
            kept = {"fingerprint": self.fingerprint, "row": last.pk, "rows": _digest_of(batch, last.pk)}
            remember(self.key, {**kept, "state": base64.b64encode(packed).decode()})


def _digest_of(batch: Batch, last: int) -> str:
    """A digest of the rows up to ``last``, without what they hold: a restored database may give ids a second time."""
    rows = batch.evidence.filter(pk__lte=last).order_by("id").values_list("pk", "seen_at", "digest")
    return hashlib.sha256(
        repr([(pk, seen_at.isoformat(), digest) for pk, seen_at, digest in rows]).encode()
    ).hexdigest()
