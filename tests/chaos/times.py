"""The time from a kill until the batch is in the right status, by the times in the database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from campaigns.models import Attempt, Event
from tests.chaos import figures
from tests.chaos.plans import KILLS

_STATES = ("handed_over", "processing", "accepted", "rejected", "unclear", "held", "superseded", "cancelled")


def to_state(
    fired: Sequence[Mapping[str, Any]], forgotten: Sequence[tuple[float, float]], phase_of: Mapping[str, str]
) -> dict[str, Any]:
    """The spread of the seconds from the last kill of each batch to its status, and the slowest.

    ``guarded`` are those that were committed once more after the kill, where the guard demands a pause of 60 s; all
    others are ``plain``. ``never`` names killed batches that reached no such status. ``forgotten`` are the spans
    (seconds since 1970) that the database no longer knows of.
    """
    times: dict[str, list[float]] = {"plain": [], "guarded": []}
    slow: list[tuple[float, str]] = []
    never: list[str] = []
    kills: dict[str, Mapping[str, Any]] = {}
    for line in fired:
        if line["action"] in KILLS and line["job"] == "hand_over":
            kills[line["subject"]] = line
    for subject, line in kills.items():
        at = datetime.fromtimestamp(line["at"], UTC)
        reached = _state_after(subject, at)
        # The restored database knows nothing of what happened between the copy and its return, nor when.
        if reached is None:
            # What became of a batch that an older database has lost is recorded nowhere.
            if not any(line["at"] < until for _, until in forgotten):
                never.append(f"{subject} {line['point'] or line['action']}, {phase_of.get(subject, '')}")
            continue
        if reached <= at or any(since < reached.timestamp() and line["at"] < until for since, until in forgotten):
            continue
        kind = "guarded" if _was_repeated(subject, at) else "plain"
        seconds = (reached - at).total_seconds()
        times[kind].append(seconds)
        slow.append((seconds, f"{subject} {line['point'] or line['action']}, {phase_of.get(subject, '')}, {kind}"))
    slowest = [f"{seconds:.0f} s {what}" for seconds, what in sorted(slow, reverse=True)[:12]]
    return {kind: figures.spread(values) for kind, values in times.items()} | {
        "slowest": slowest,
        "never": never,
    }


def _state_after(subject: str, at: datetime) -> datetime | None:
    """When the batch reached a status after ``at``; ``at`` if it was in one already, None if it reached none."""
    campaign, number = subject.split("-")
    events = Event.objects.filter(campaign_id=campaign, batch__number=number).exclude(to_status="").order_by("id")
    before = ""
    for status, moment in events.values_list("to_status", "at"):
        if moment > at and before not in _STATES and status in _STATES:
            return moment
        if moment <= at:
            before = status
    return at if before in _STATES else None


def _was_repeated(subject: str, at: datetime) -> bool:
    campaign, number = subject.split("-")
    attempts = Attempt.objects.filter(batch__campaign_id=campaign, batch__number=number)
    return attempts.filter(started_at__lt=at).exists() and attempts.filter(started_at__gt=at).exists()
