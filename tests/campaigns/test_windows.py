"""The allowed hours: presets, time zones of numbers, clock changes, public holidays. Pure: no database.

``SCHEDULES`` is how many random hours are tried; ``make proof`` tries 20,000.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.audience.windows import (
    PRESETS,
    Group,
    Window,
    describe,
    is_open,
    next_opening,
    parse,
    preset_of,
    preset_window,
)
from campaigns.audience.zones import group_of, zones_of
from contacts.errors import Refusal

SCHEDULES = int(os.environ.get("SCHEDULES", "100"))
SOUTH_AFRICA = Group("ZA", ("Africa/Johannesburg",))


def made(name: str = "south_africa", **changes: Any) -> Window:
    window = parse(preset_window(name, "Africa/Johannesburg") | changes)
    assert window is not None
    return window


def at(moment: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))


def test_a_campaign_without_a_window_may_text_at_any_time() -> None:
    assert parse({}) is None
    assert preset_window("none", "UTC") == {}
    assert describe(None) == "At any time"


@pytest.mark.parametrize(
    ("moment", "opens", "closes"),
    [
        ("2026-11-27 10:00", "2026-11-27 08:00", "2026-11-27 20:00"),
        ("2026-11-27 20:00", "2026-11-28 09:00", "2026-11-28 13:00"),
        ("2026-11-28 13:00", "2026-11-30 08:00", "2026-11-30 20:00"),
        # The Day of Reconciliation, a Wednesday.
        ("2026-12-15 21:00", "2026-12-17 08:00", "2026-12-17 20:00"),
        # Christmas, a Friday, and the Day of Goodwill.
        ("2026-12-24 20:30", "2026-12-28 08:00", "2026-12-28 20:00"),
    ],
)
def test_south_africa(moment: str, opens: str, closes: str) -> None:
    johannesburg = "Africa/Johannesburg"

    found = next_opening(made(), SOUTH_AFRICA, at(moment, johannesburg))

    assert found == (at(opens, johannesburg), at(closes, johannesburg))


@pytest.mark.parametrize(
    ("msisdn", "zones", "country"),
    [
        ("27825550100", ("Africa/Johannesburg",), "ZA"),
        ("12125550100", ("America/New_York",), "US"),
        ("18765550100", ("America/Jamaica",), "JM"),
        ("14165550100", ("America/Toronto",), "CA"),
        ("447400123456", ("Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey", "Europe/London"), "GB"),
        ("34612345678", ("Atlantic/Canary", "Europe/Madrid"), "ES"),
        ("5511961234567", ("America/Sao_Paulo",), "BR"),
        ("88212345678", ("UTC",), ""),
    ],
)
def test_zones_and_country_of_a_number(msisdn: str, zones: tuple[str, ...], country: str) -> None:
    group = group_of(made(fallback="UTC"), msisdn)

    assert (tuple(sorted(group.zones)), group.country) == (zones, country)


def test_a_mobile_number_tells_its_whole_country() -> None:
    assert {"Australia/Perth", "Australia/Sydney"} <= set(zones_of("61412345678"))
    assert zones_of("6496234567") == ("Pacific/Auckland",)
    assert {"Europe/Moscow", "Asia/Vladivostok"} <= set(zones_of("79123456789"))


def test_a_number_in_several_zones_is_texted_only_where_all_are_open() -> None:
    window = made("eu")
    spain = group_of(window, "34612345678")

    # 08:00 in the Canaries is 09:00 in Madrid, where it closes first.
    assert next_opening(window, spain, at("2026-06-15 00:00")) == (at("2026-06-15 07:00"), at("2026-06-15 18:00"))


def test_zones_that_are_never_open_at_the_same_time() -> None:
    window = made(hours={"0": ["08:00", "09:00"]})

    assert next_opening(window, Group("", ("Asia/Tokyo", "America/New_York")), at("2026-06-15 00:00")) is None


@pytest.mark.parametrize(
    ("zone", "day", "hours", "opens", "closes"),
    [
        # 02:00 to 03:00 does not exist on this day.
        ("Europe/Berlin", "2026-03-29", ["02:30", "20:00"], "2026-03-29 01:30", "2026-03-29 18:00"),
        ("Europe/Berlin", "2026-03-29", ["00:00", "02:30"], "2026-03-28 23:00", "2026-03-29 00:30"),
        # 02:00 to 03:00 happens twice.
        ("Europe/Berlin", "2026-10-25", ["02:30", "20:00"], "2026-10-25 01:30", "2026-10-25 19:00"),
        ("Europe/Berlin", "2026-10-25", ["00:00", "02:30"], "2026-10-24 22:00", "2026-10-25 00:30"),
        ("America/New_York", "2026-03-08", ["08:00", "21:00"], "2026-03-08 12:00", "2026-03-09 01:00"),
        ("Australia/Sydney", "2026-10-04", ["00:00", "24:00"], "2026-10-03 14:00", "2026-10-04 13:00"),
        # Samoa skipped this day altogether.
        ("Pacific/Apia", "2011-12-30", ["08:00", "20:00"], "2012-01-05 18:00", "2012-01-06 06:00"),
    ],
)
def test_days_on_which_clocks_change(zone: str, day: str, hours: list[str], opens: str, closes: str) -> None:
    weekday = str(at(day).weekday())
    window = made(hours={weekday: hours}, holidays=[])

    assert next_opening(window, Group("", (zone,)), at(day) - timedelta(days=1)) == (at(opens), at(closes))


ZONES = (
    "Africa/Johannesburg", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles",
    "America/Sao_Paulo", "America/Santiago", "America/St_Johns", "Australia/Sydney", "Australia/Lord_Howe",
    "Pacific/Auckland", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu",
)  # fmt: skip
minutes = st.integers(0, 24 * 60).map(lambda n: f"{n // 60:02d}:{n % 60:02d}")
hours = st.tuples(minutes, minutes).filter(lambda both: both[0] < both[1]).map(list)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))
#: Moments beside a change of clocks, in Europe, the United States and the southern hemisphere.
CHANGES = ("2026-03-29 01:00", "2026-10-25 01:00", "2026-03-08 07:00", "2026-11-01 06:00", "2026-04-04 16:00",
           "2026-10-03 16:00", "2026-09-05 04:00", "2026-04-05 03:00")  # fmt: skip
near_changes = st.builds(
    lambda change, away: at(change) + timedelta(minutes=away), st.sampled_from(CHANGES), st.integers(-2880, 2880)
)
HOLIDAYS = {code: holidays.country_holidays(code, years=range(2024, 2031)) for code in ("ZA", "DE", "US", "AU")}


@settings(max_examples=SCHEDULES)
@given(
    by_day=st.dictionaries(st.sampled_from("0123456"), hours, min_size=1),
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    country=st.sampled_from(sorted(HOLIDAYS)),
    moment=moments | near_changes,
    share=st.floats(0, 0.999),
)
def test_nobody_is_texted_outside_a_window(
    by_day: dict[str, list[str]], zones: list[str], country: str, moment: datetime, share: float
) -> None:
    """Judged by what a clock on the wall shows in each zone."""
    window, group = made(hours=by_day), Group(country, tuple(zones))

    found = next_opening(window, group, moment)

    assert is_open(window, group, moment) == (found is not None and found[0] <= moment)
    if found is None:
        return
    opens_at, closes_at = found
    assert opens_at < closes_at > moment
    for inside in (max(opens_at, moment), closes_at - timedelta(seconds=1), opens_at + share * (closes_at - opens_at)):
        for zone in zones:
            local = inside.astimezone(ZoneInfo(zone))
            begins, ends = by_day[str(local.weekday())]
            assert begins <= f"{local:%H:%M}" < ends, f"{local} in {zone}"
            assert local.date() not in HOLIDAYS[country], f"{local} in {zone}"


@settings(max_examples=SCHEDULES)
@given(zone=st.sampled_from(ZONES), moment=moments | near_changes)
def test_a_whole_hour_inside_every_day_is_never_missed(zone: str, moment: datetime) -> None:
    window = made(hours={str(day): ["09:00", "17:00"] for day in range(7)}, holidays=[])
    local = moment.astimezone(ZoneInfo(zone))

    assert is_open(window, Group("", (zone,)), moment) == ("09:00" <= f"{local:%H:%M}" < "17:00")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hours": {}}, "at least one day"),
        ({"hours": {"7": ["08:00", "20:00"]}}, "at least one day"),
        ({"hours": {"0": ["20:00", "08:00"]}}, "Mon: the end has to be later"),
        ({"hours": {"0": ["8:00", "20:00"]}}, "Mon: give both hours"),
        ({"hours": {"0": ["08:00", "24:30"]}}, "Mon: give both hours"),
        ({"zone": "Africa/Nowhere"}, "is not a time zone"),
        ({"fallback": "recipient"}, "do not show theirs"),
        ({"outside": "later"}, "either wait or are skipped"),
        ({"holidays": ["QQ"]}, "does not know the public holidays of QQ"),
        ({"from": "08:00"}, "unknown entry: from"),
    ],
)
def test_a_window_is_validated(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        made(**changes)


def test_presets_are_windows_with_words() -> None:
    for name, preset in PRESETS.items():
        assert preset_of(preset_window(name, "UTC", "skip")) == name
        assert preset.label
        parse(preset_window(name, "UTC"))
    assert describe(made()) == (
        "Mon to Fri 08:00 to 20:00, Sat 09:00 to 13:00, not on public holidays, by the recipient's own time"
    )
    assert describe(made("us", zone="America/New_York")) == "Every day 08:00 to 21:00, by the time of America/New_York"
