"""The hours in which people may be texted. Pure: the clock, the window and the recipients' zones are arguments.

A window is stored in ``Campaign.window``; ``{}`` means at any time::

    {"hours": {"0": ["08:00", "20:00"], "5": ["09:00", "13:00"]}, "holidays": "own", "zone": "recipient",
     "fallback": "Africa/Johannesburg", "outside": "wait"}

``hours`` has an entry for each allowed day, Monday is ``"0"``; ``24:00`` is the end of the day. ``holidays`` are the
countries on whose public holidays nobody is texted, a list of ISO 3166 codes, or ``"own"`` for the recipient's country.
``zone`` is ``"recipient"`` for the zones that the number may be in, or the name of one zone. ``fallback`` is the zone
of numbers that do not show one. ``outside`` is ``"wait"`` or ``"skip"``.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import holidays

from contacts.errors import Refusal

RECIPIENT = "recipient"
OWN = "own"
WAIT, SKIP = "wait", "skip"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
#: An opening later than this counts as never: holidays and weekends end long before.
LOOK_AHEAD = timedelta(days=62)
_STEP = timedelta(days=9)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_END_OF_DAY = 24 * 60


@dataclass(frozen=True)
class Group:
    """Recipients who may be texted at the same times: their country (ISO 3166, or "") and the zones they may be in."""

    country: str
    zones: tuple[str, ...]


@dataclass(frozen=True)
class Window:
    """A validated window. ``hours`` has for each day, Monday first, (from, until) in minutes after midnight or None."""

    hours: tuple[tuple[int, int] | None, ...]
    holidays: tuple[str, ...]
    zone: str
    fallback: str
    outside: str

    @property
    def skips(self) -> bool:
        """Whether people outside the window are skipped instead of waiting for it."""
        return self.outside == SKIP


def parse(stored: Mapping[str, Any]) -> Window | None:
    """Return the window stored in a campaign, or None if people may be texted at any time. Raises Refusal."""
    if not stored:
        return None
    if unknown := set(stored) - {"hours", "holidays", "zone", "fallback", "outside"}:
        raise Refusal("window_invalid", f"The allowed hours have an unknown entry: {', '.join(sorted(unknown))}.")
    hours = stored.get("hours") or {}
    if not hours or set(hours) - {str(day) for day in range(7)}:
        raise Refusal("window_invalid", "Allow at least one day of the week.")
    zone, fallback = stored.get("zone", RECIPIENT), stored.get("fallback", "UTC")
    for name in (zone, fallback):
        if name != RECIPIENT and name not in _zone_names():
            raise Refusal("window_invalid", f"“{name}” is not a time zone, such as Africa/Johannesburg.")
    if fallback == RECIPIENT:
        raise Refusal(
            "window_invalid", "Choose a time zone, such as Africa/Johannesburg, for numbers that do not show theirs."
        )
    outside = stored.get("outside", WAIT)
    if outside not in (WAIT, SKIP):
        raise Refusal("window_invalid", "People outside the allowed hours either wait or are skipped.")
    listed = stored.get("holidays") or ()
    countries = (OWN,) if listed == OWN else tuple(listed)
    if missing := set(countries) - {OWN} - _countries_with_holidays():
        raise Refusal("window_invalid", f"Baton does not know the public holidays of {', '.join(sorted(missing))}.")
    days = tuple(_hours_of(day, hours.get(str(day))) for day in range(7))
    return Window(days, countries, zone, fallback, outside)


def _hours_of(day: int, stored: Sequence[str] | None) -> tuple[int, int] | None:
    if stored is None:
        return None
    if len(stored) != 2 or not all(_TIME.fullmatch(moment) for moment in stored):
        raise Refusal("window_invalid", f"{DAYS[day]}: give both hours, such as 08:00 and 20:00.")
    begins, ends = (int(moment[:2]) * 60 + int(moment[3:]) for moment in stored)
    if begins >= ends:
        raise Refusal("window_invalid", f"{DAYS[day]}: the end has to be later than the beginning.")
    return begins, ends


def is_open(window: Window, group: Group, at: datetime) -> bool:
    """Whether people of ``group`` may be texted at ``at`` (aware): it is open in every zone they may be in."""
    opening = next_opening(window, group, at)
    return opening is not None and opening[0] <= at


def next_opening(window: Window, group: Group, at: datetime) -> tuple[datetime, datetime] | None:
    """When people of ``group`` may be texted: (opens_at, closes_at) in UTC, the current span if it is open at ``at``.

    None if that is never, or not within ``LOOK_AHEAD``. A span longer than nine days may be returned in parts.
    """
    at = at.astimezone(UTC)
    first = at.date()
    while first - at.date() <= LOOK_AHEAD:
        for opens_at, closes_at in _spans(window, group, first):
            if closes_at > at:
                return opens_at, closes_at
        first += _STEP
    return None


def joint_opening(window: Window, groups: Iterable[Group], at: datetime) -> tuple[datetime, datetime] | None:
    """When people of all ``groups`` may be texted at once: as ``next_opening``."""
    moment, latest = at, at + LOOK_AHEAD
    groups = list(groups)
    while moment <= latest:
        openings = [next_opening(window, group, moment) for group in groups]
        known = [opening for opening in openings if opening]
        if len(known) < len(openings) or not known:
            return None
        opens_at, closes_at = max(opening[0] for opening in known), min(opening[1] for opening in known)
        if opens_at < closes_at:
            return opens_at, closes_at
        moment = opens_at
    return None


@lru_cache(maxsize=4096)
def _spans(window: Window, group: Group, first: date) -> tuple[tuple[datetime, datetime], ...]:
    """The spans in UTC, in order, in which every zone of ``group`` is open, from ``first`` on for nine days and more.

    From a day earlier, and two days longer, because a zone's day begins up to 14 hours before UTC's and ends up to
    12 hours after it.
    """
    days = [first + timedelta(days=n) for n in range(-1, _STEP.days + 2)]
    common: list[tuple[datetime, datetime]] | None = None
    for zone in group.zones:
        spans: list[tuple[datetime, datetime]] = []
        for day in days:
            span = _span_of_day(window, group.country, zone, day)
            if span and spans and spans[-1][1] == span[0]:
                spans[-1] = (spans[-1][0], span[1])
            elif span:
                spans.append(span)
        common = spans if common is None else _both(common, spans)
    return tuple(common or ())


def _both(one: Sequence[tuple[datetime, datetime]], other: Sequence[tuple[datetime, datetime]]) -> list[Any]:
    return [
        (max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other if max(a[0], b[0]) < min(a[1], b[1])
    ]  # fmt: skip


@lru_cache(maxsize=16384)
def _span_of_day(window: Window, country: str, zone: str, day: date) -> tuple[datetime, datetime] | None:
    hours = window.hours[day.weekday()]
    if hours is None:
        return None
    for code in window.holidays:
        if day in _public_holidays(country if code == OWN else code, day.year):
            return None
    # Where clocks change, a time may not exist or exist twice: the later opening and the earlier closing are safe.
    opens_at = max(_moments(zone, day, hours[0]))
    closes_at = min(_moments(zone, day, hours[1]))
    return (opens_at, closes_at) if opens_at < closes_at else None


def _moments(zone: str, day: date, minutes: int) -> list[datetime]:
    """The moments in UTC that a clock in ``zone`` may mean by this time of the day."""
    if minutes == _END_OF_DAY:
        day, minutes = day + timedelta(days=1), 0
    local = datetime.combine(day, time(minutes // 60, minutes % 60), ZoneInfo(zone))
    return [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _countries_with_holidays() -> frozenset[str]:
    return frozenset(holidays.list_supported_countries())


@lru_cache(maxsize=1024)
def _public_holidays(country: str, year: int) -> frozenset[date]:
    """The public holidays of the whole country; none for a country that the library does not know."""
    if country not in _countries_with_holidays():
        return frozenset()
    return frozenset(holidays.country_holidays(country, years=year))


def describe(window: Window | None) -> str:
    """``Mon to Fri 08:00 to 20:00, Sat 09:00 to 13:00, not on public holidays, by the recipient's own time``."""
    if window is None:
        return "At any time"
    spans: list[tuple[int, int, tuple[int, int]]] = []
    for day, hours in enumerate(window.hours):
        if hours and spans and spans[-1][1] == day - 1 and spans[-1][2] == hours:
            spans[-1] = (spans[-1][0], day, hours)
        elif hours:
            spans.append((day, day, hours))
    parts = []
    for first, last, hours in spans:
        days = (
            "Every day"
            if (first, last) == (0, 6)
            else DAYS[first]
            if first == last
            else f"{DAYS[first]} to {DAYS[last]}"
        )
        parts.append(f"{days} {clock_time(hours[0])} to {clock_time(hours[1])}")
    if window.holidays:
        of = "" if window.holidays == (OWN,) else f" of {', '.join(window.holidays)}"
        parts.append(f"not on public holidays{of}")
    parts.append("by the recipient's own time" if window.zone == RECIPIENT else f"by the time of {window.zone}")
    return ", ".join(parts)


def clock_time(minutes: int) -> str:
    """``"08:00"`` for 480 minutes after midnight."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _week(weekdays: tuple[str, str], saturday: tuple[str, str] | None, sunday: tuple[str, str] | None) -> Any:
    days = [weekdays] * 5 + [saturday, sunday]
    return {str(number): list(hours) for number, hours in enumerate(days) if hours}


@dataclass(frozen=True)
class Preset:
    """A window to choose by its name. ``source``: what it follows; no legal advice."""

    label: str
    source: str
    window: Mapping[str, Any]


#: By the name that is stored in the setting ALLOWED_HOURS. A copy of the chosen one is stored in the campaign.
PRESETS: dict[str, Preset] = {
    "none": Preset("At any time", "", {}),
    "south_africa": Preset(
        "South Africa",
        "assumption: the hours of the regulations under section 12 of the Consumer Protection Act",
        {
            "hours": _week(("08:00", "20:00"), ("09:00", "13:00"), None),
            "holidays": OWN,
            "zone": RECIPIENT,
        },
    ),
    "eu": Preset(
        "European Union",
        "assumption: no law sets hours for the whole Union; these keep to the usual rules of its countries",
        {
            "hours": _week(("08:00", "20:00"), ("08:00", "20:00"), None),
            "holidays": OWN,
            "zone": RECIPIENT,
        },
    ),
    "us": Preset(
        "United States",
        "assumption: the hours of 47 CFR 64.1200(c)(1); some states allow fewer",
        {
            "hours": _week(("08:00", "21:00"), ("08:00", "21:00"), ("08:00", "21:00")),
            "zone": RECIPIENT,
        },
    ),
}


def preset_window(name: str, fallback: str, outside: str = WAIT) -> dict[str, Any]:
    """The window of the preset ``name`` as it is stored in a campaign; ``fallback`` is the name of a zone."""
    window = PRESETS[name].window
    return {**window, "fallback": fallback, "outside": outside} if window else {}


def preset_of(stored: Mapping[str, Any]) -> str:
    """The name of the preset that ``stored`` is a copy of; "" if it is none."""
    kept = {key: value for key, value in stored.items() if key not in ("fallback", "outside")}
    return next((name for name, preset in PRESETS.items() if dict(preset.window) == kept), "")
