"""The step When, what it stores, and what pages say about waiting and the last file."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from campaigns.audience.windows import Group, parse, preset_window
from campaigns.forms.ceilings import CeilingsForm
from campaigns.forms.when import WhenForm
from campaigns.handover import waiting
from campaigns.handover.forecast import ANYBODY, Forecast, forecast
from campaigns.handover.pace import Gone, Slots, fits_at, slots
from campaigns.models import Campaign
from campaigns.timing import PACE_PERIOD
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign

MONDAY = datetime(2026, 6, 22, 6, tzinfo=UTC)


def filled(**changes: Any) -> dict[str, Any]:
    return {"preset": "none", "outside": "wait", "pace": "", "canary": "", "canary_waits_for": "person"} | changes


def stored(**changes: Any) -> dict[str, Any]:
    form = WhenForm(filled(**changes), instance=Campaign(name="A"))
    assert form.is_valid(), form.errors
    return form.cleaned_data["window"]


def test_what_the_form_stores() -> None:
    assert stored() == {}
    assert stored(preset="us") == preset_window("us", "Africa/Johannesburg")
    assert stored(preset="us", outside="skip")["outside"] == "skip"
    own = stored(preset="custom", day0_from="08:00", day0_until="20:00", day6_from="10:00", day6_until="00:00",
                 holidays="ZA", zone="Africa/Johannesburg")  # fmt: skip
    assert own == {
        "hours": {"0": ["08:00", "20:00"], "6": ["10:00", "24:00"]},
        "holidays": ["ZA"],
        "zone": "Africa/Johannesburg",
        "outside": "wait",
        "fallback": "Africa/Johannesburg",
    }
    again = WhenForm(instance=Campaign(name="A", window=own))
    assert again.initial["preset"] == "custom"
    assert again["day6_until"].value() == "00:00"
    assert (again["holidays"].value(), again["zone"].value()) == ("ZA", "Africa/Johannesburg")


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"preset": "custom"}, "preset", "at least one day"),
        ({"preset": "custom", "day0_from": "08:00"}, "preset", "Mon: give both hours"),
        ({"preset": "custom", "day0_from": "20:00", "day0_until": "08:00"}, "preset", "Mon: the end"),
        ({"pace": "0"}, "pace", "at least 1"),
        ({"canary": "-1"}, "canary", "Enter a number of at least 1"),
        ({"canary": "99999999999"}, "canary", "Enter a smaller number."),
        ({"pace": "x"}, "pace", "Enter a number of at least 1"),
    ],
)
def test_what_the_form_refuses(changes: dict[str, str], field: str, words: str) -> None:
    form = WhenForm(filled(**changes), instance=Campaign(name="A"))

    assert not form.is_valid()
    [found] = form.errors[field]
    assert words in found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parts_ceiling": "-1"}, "Enter a number of at least 0"),
        ({"cost_ceiling": "-1"}, "Enter a number of at least 0"),
        ({"cost_ceiling": "1.234"}, "Enter at most two digits"),
        ({"cost_ceiling": "9" * 11}, "Enter a smaller number."),
    ],
)
def test_limits_that_the_form_refuses(changes: dict[str, str], words: str) -> None:
    [[found]] = CeilingsForm(changes, instance=Campaign(name="A")).errors.values()
    assert words in found


@pytest.mark.parametrize(
    ("pace", "most", "rows", "files"),
    [
        (6000, 10_000, 500, 12),
        (6000, 100, 100, 60),
        (40, 10_000, 40, 1),
        (500, 10_000, 100, 5),
        (1000, 10_000, 100, 10),
    ],
)
def test_a_pace_in_files(pace: int, most: int, rows: int, files: int) -> None:
    assert slots(pace, most) == Slots(rows, PACE_PERIOD / files)


def test_when_a_file_fits_the_pace() -> None:
    gone = [Gone(40, MONDAY + timedelta(minutes=20)), Gone(40, MONDAY + timedelta(minutes=40))]

    assert fits_at(100, 20, gone) is None
    assert fits_at(100, 30, gone) == MONDAY + timedelta(minutes=20)
    assert fits_at(100, 100, gone) == fits_at(100, 400, gone) == MONDAY + timedelta(minutes=40)


def test_forecasts() -> None:
    south_africa, new_york = Group("ZA", ("Africa/Johannesburg",)), Group("US", ("America/New_York",))
    eu = parse(preset_window("eu", "UTC"))
    both = {south_africa: 10, new_york: 10}
    hour = timedelta(hours=1)
    assert forecast({ANYBODY: 10}, None, None, MONDAY, None) == Forecast(MONDAY)
    assert forecast({ANYBODY: 100}, None, Slots(10, hour), MONDAY, None) == Forecast(MONDAY + 9 * hour)
    assert forecast({ANYBODY: 10**6}, None, Slots(10, hour), MONDAY, None).last_at == MONDAY + (10**5 - 1) * hour
    assert forecast(both, eu, None, MONDAY, None) == Forecast(MONDAY + 6 * hour)
    assert forecast(both, eu, None, MONDAY, MONDAY + 3 * hour) == Forecast(MONDAY, 10)
    assert forecast(both, eu, None, MONDAY, MONDAY) == Forecast(None, 20)
    # 12 slots on Monday from 08:00, the others from 08:00 on Tuesday.
    assert forecast({south_africa: 130}, eu, Slots(10, hour), MONDAY, None) == Forecast(MONDAY + 24 * hour)
    running = Campaign(pace=60, status="running", batches_due_at=MONDAY + hour)
    assert waiting.forecast_of(running, Counter({ANYBODY: 30}), MONDAY) == Forecast(MONDAY + hour)
    # 10,000 a file and 2 files an hour: the fifth file goes in the third hour.
    limited = Campaign(account=Account(provider="smsportal", files_an_hour=2))
    found = waiting.forecast_of(limited, Counter({ANYBODY: 50_000}), MONDAY)
    assert (limited.is_spread, found) == (True, Forecast(MONDAY + 2 * PACE_PERIOD))
    # With a pace, a file has 833: the thirteenth goes in the seventh hour.
    both_limits = Campaign(account=limited.account, pace=10_000)
    assert waiting.forecast_of(both_limits, Counter({ANYBODY: 10_000}), MONDAY).last_at == MONDAY + 6 * PACE_PERIOD
    assert "10 cannot be reached" in waiting.last_sentence(Forecast(MONDAY, 10), MONDAY)
    assert waiting.last_sentence(Forecast(MONDAY), MONDAY) == "All files go at once."
    # When somebody continues after the first recipients is not known.
    assert waiting.last_sentence(Forecast(MONDAY), MONDAY, is_held_back=True) == ""
    assert "at the earliest" in waiting.last_sentence(Forecast(MONDAY + hour), MONDAY, is_held_back=True)


@pytest.mark.django_db
def test_the_step_and_the_check_say_when_the_last_goes(
    client: Client, account: Account, make_campaign: MakeCampaign, operator: User
) -> None:
    client.force_login(operator)
    start = MONDAY + timedelta(days=365 * 3)
    campaign = make_campaign(account, start_at=start)
    address = reverse("campaigns:when_step", args=[campaign.pk])
    data = filled(preset="south_africa", pace="2", canary="1", start_at=f"{start:%Y-%m-%dT%H:%M}", end_at="")

    client.post(address, data | {"parts_ceiling": "", "cost_ceiling": ""})

    campaign.refresh_from_db()
    assert campaign.window == preset_window("south_africa", "Africa/Johannesburg")
    assert (campaign.pace, campaign.canary) == (2, 1)
    assert "The last file goes at the earliest" in client.get(address).content.decode()
    page = client.get(reverse("campaigns:check", args=[campaign.pk])).content.decode()
    assert "Mon to Fri 08:00 to 20:00" in page
    assert "At most 2 recipients an hour" in page
    assert "The last file goes at the earliest" in page


@pytest.mark.django_db
def test_a_canary_is_continued_from_the_page(
    client: Client, account: Account, make_running: MakeCampaign, operator: User, viewer: User
) -> None:
    campaign = make_running(account, canary=2)
    address = reverse("campaigns:release_canary", args=[campaign.pk])
    client.force_login(viewer)
    assert client.post(address).status_code == 403
    client.force_login(operator)
    page = client.get(campaign.get_absolute_url()).content.decode()
    assert "The first 2 go now. 3 wait until somebody continues." in page
    assert "Continue with the remaining 3" in page
    assert "per minute" not in page, "it waits on purpose, so a rate predicts nothing"

    client.post(address)

    campaign.refresh_from_db()
    assert campaign.canary_released_at is not None
    assert "Continue with" not in client.get(campaign.get_absolute_url()).content.decode()
