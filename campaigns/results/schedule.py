"""When a batch is polled, and for how long."""

from datetime import datetime
from typing import Any

from campaigns import timing
from campaigns.models import Batch

#: What a person gave up, though it may have been with the provider.
GIVEN_UP = (Batch.Status.SUPERSEDED, Batch.Status.CANCELLED)


def next_poll(batch: Batch, now: datetime) -> datetime | None:
    """When to look again; None when looking is over.

    Pauses grow with the time since the hand-over, and after a start with the provider with the time since that. Until
    such a start a look once in a while is enough; the next one then comes at the start.
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
    """Until when a batch settled ``now`` is looked at: faults may be told late, and none before a start."""
    return max(now, provider_start(batch) or now) + timing.POLL_AFTER_END


def provider_start(batch: Batch) -> datetime | None:
    """When the provider begins with a batch that was handed over early; until then it has little to say of it."""
    return batch.campaign.start_at if batch.campaign.is_early else None


def unclear_fields(batch: Batch, now: datetime) -> dict[str, Any]:
    """What a batch gets that waits for a person: Baton goes on looking, and evidence may still decide."""
    return {"due_at": None, "poll_at": now + timing.FIRST_POLL_WHILE_UNCLEAR, "poll_until": last_poll(batch, now)}
