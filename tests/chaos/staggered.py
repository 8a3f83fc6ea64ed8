"""Campaigns that are not handed over at once: their allowed hours, pace or first recipients, and what came of it."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.handover import journal
from campaigns.models import Campaign, Event

#: How a campaign may be handed over in portions.
STAGGERS = ("opens", "closes", "pace", "canary", "person")


def stagger(kind: str, now: datetime, rows: int) -> dict[str, Any]:
    """The fields of a campaign that is not handed over at once.

    Hours close 20 to 80 seconds from now; they open a minute later, because the campaign must have begun by then.

    ``rows``: the recipients of a file.
    """
    # A zone in which it is about noon, so that no day ends meanwhile.
    ahead = 12 - now.hour
    zone = "Etc/GMT" if not ahead else f"Etc/GMT{-ahead:+d}"
    soon, later = (f"{now.astimezone(ZoneInfo(zone)) + timedelta(seconds=seconds):%H:%M}" for seconds in (80, 140))
    hours = {"opens": [later, "24:00"], "closes": ["00:00", soon]}
    # A file every half minute.
    pace = {"pace": 3 * rows}
    fields: dict[str, Any] = {
        "pace": pace,
        "canary": {"canary": rows, "canary_waits_for": "acceptance"},
        "person": {"canary": rows, "canary_waits_for": "person"},
    }
    if kind in fields:
        return fields[kind]
    window = {"hours": {str(day): hours[kind] for day in range(7)}, "zone": zone, "fallback": zone}
    # With a pace, the hours close before everything has gone.
    return {"window": window} | (pace if kind == "closes" else {})


def shown() -> Counter[str]:
    """How many campaigns really waited for their turn and were then handed over, by kind.

    Found from the times in the journals, which no restored database can change, and from the history.
    """
    found: Counter[str] = Counter()
    for campaign in Campaign.objects.exclude(started_at=None):
        moments = sorted(
            datetime.fromisoformat(line["at"])
            for batch in campaign.batches.all()
            for line in journal.intents(batch.stem)
        )
        if campaign.window:
            begins, ends = next(iter(campaign.window["hours"].values()))
            zone = ZoneInfo(campaign.window["zone"])
            if moments and campaign.started_at and f"{campaign.started_at.astimezone(zone):%H:%M}" < begins:
                found["turn: hours opened"] += 1
            left = campaign.recipients.waiting().exists() or campaign.events.filter(reason="window_closed").exists()
            found["turn: hours closed"] += left and ends != "24:00"
        if campaign.pace:
            found["turn: pace kept"] += any(
                after - before > timedelta(seconds=20) for before, after in pairwise(moments)
            )
    for name, reason in (("accepted", "canary_accepted"), ("continued by a person", "canary_released")):
        found[f"turn: canary {name}"] += Event.objects.filter(reason=reason).count()
    return found
