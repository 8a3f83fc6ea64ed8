"""Campaigns that are not handed over at once: their allowed hours, pace or first recipients."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

#: How a campaign may be handed over in portions.
STAGGERS = ("opens", "closes", "pace", "canary")


def stagger(kind: str, now: datetime, rows: int) -> dict[str, Any]:
    """The fields of a campaign that is not handed over at once; hours open or close within a minute or two of now.

    ``rows``: the recipients of a file.
    """
    # A zone in which it is about noon, so that no day ends meanwhile.
    ahead = 12 - now.hour
    zone = "Etc/GMT" if not ahead else f"Etc/GMT{-ahead:+d}"
    soon = f"{(now + timedelta(minutes=2)).astimezone(ZoneInfo(zone)):%H:%M}"
    hours = {"opens": [soon, "24:00"], "closes": ["00:00", soon]}
    fields: dict[str, Any] = {"pace": {"pace": 2 * rows}, "canary": {"canary": rows, "canary_waits_for": "acceptance"}}
    if kind in fields:
        return fields[kind]
    return {"window": {"hours": {str(day): hours[kind] for day in range(7)}, "zone": zone, "fallback": zone}}
