"""When the last file of a campaign goes, by its allowed hours and its pace. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from campaigns.audience.windows import Group, Window, next_opening
from campaigns.handover.pace import Slots

#: Files that are followed one by one; what is left after them is added at the same rate.
MOST_STEPS = 2_000
#: The group of everybody where there are no allowed hours.
ANYBODY = Group("", ())


@dataclass(frozen=True)
class Forecast:
    """``last_at`` is when the last file goes, None if none can. ``never`` counts those whose hours do not come."""

    last_at: datetime | None
    never: int = 0


def forecast(
    groups: Mapping[Group, int], window: Window | None, slots: Slots | None, start_at: datetime, end_at: datetime | None
) -> Forecast:
    """Forecast the hand-over of so many recipients of each group from ``start_at``; nothing goes from ``end_at`` on."""
    left = {group: count for group, count in groups.items() if count}
    total = sum(left.values())
    if not total:
        return Forecast(None)
    moment, last_at = start_at, None
    for _ in range(MOST_STEPS):
        openings = {group: _opening(window, group, moment) for group in left}
        reached = {group: at for group, at in openings.items() if at and not (end_at and at[0] >= end_at)}
        if not reached:
            break
        moment = max(moment, min(at[0] for at in reached.values()))
        if end_at and moment >= end_at:
            break
        last_at, room = moment, slots.rows if slots else total
        for group in sorted(reached, key=lambda group: reached[group][1]):
            if reached[group][0] <= moment and room:
                taken = min(room, left[group])
                room -= taken
                left[group] -= taken
        left = {group: count for group, count in left.items() if count}
        if not left:
            return Forecast(last_at)
        if slots:
            moment += slots.interval
    rest = sum(left.values())
    if last_at is None or slots is None or _are_unreachable(left, window, moment, end_at):
        return Forecast(last_at, rest)
    later = start_at + (moment - start_at) * (total / (total - rest)) - slots.interval
    return Forecast(min(later, end_at) if end_at else later)


def _opening(window: Window | None, group: Group, at: datetime) -> tuple[datetime, datetime] | None:
    return (at, datetime.max.replace(tzinfo=at.tzinfo)) if window is None else next_opening(window, group, at)


def _are_unreachable(left: Mapping[Group, int], window: Window | None, at: datetime, end_at: datetime | None) -> bool:
    openings = [_opening(window, group, at) for group in left]
    return all(opening is None or (end_at is not None and max(opening[0], at) >= end_at) for opening in openings)
