"""When a batch is polled, and for how long."""

from datetime import datetime
from typing import Any

from campaigns import timing
from campaigns.models import Batch

#: Batches that were given up by a decision, although they may have been with the provider.
GIVEN_UP = (Batch.Status.SUPERSEDED, Batch.Status.CANCELLED)


def next_poll(batch: Batch, now: datetime) -> datetime | None:
    """When to poll next; None when polling is over.

    Pauses grow with the time since the hand-over, or since the start with the provider if there was one. Before such a
    start an occasional poll is enough, and the next one comes at the start.
    """
    if batch.poll_until and now >= batch.poll_until:
        return None
    since = batch.settled_at or batch.handed_over_at or batch.first_intent_at or now
    start = provider_start(batch)
    is_ahead = start is not None and now < start
    if start and not is_ahead:
        since = max(since, start)
    is_settled = batch.settled_at or batch.status in GIVEN_UP
    longest = timing.LONGEST_LATE_POLL_PAUSE if is_settled or is_ahead else timing.LONGEST_POLL_PAUSE
    shortest = timing.SHORTEST_LATE_POLL_PAUSE if is_settled else timing.SHORTEST_POLL_PAUSE
    poll_at = now + min(max((now - since) / timing.POLL_PAUSE_DIVISOR, shortest), longest)
    return min(poll_at, start) if start and is_ahead else poll_at


def last_poll(batch: Batch, now: datetime) -> datetime:
    """Until when a batch settled ``now`` is polled: faults may be reported late, and none before the start."""
    return max(now, provider_start(batch) or now) + timing.POLL_AFTER_END


def provider_start(batch: Batch) -> datetime | None:
    """When the provider starts on a batch that was handed over early; before that it has little to report."""
    return batch.campaign.start_at if batch.campaign.is_early else None


def unclear_fields(batch: Batch, now: datetime) -> dict[str, Any]:
    """The fields of a batch that waits for a person: polling continues, and evidence may still decide it."""
    return {"due_at": None, "poll_at": now + timing.FIRST_POLL_WHILE_UNCLEAR, "poll_until": last_poll(batch, now)}
