"""Allowed hours and pace in the hand-over, also together with a canary."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns import decisions, follow_up, jobs
from campaigns.audience import freeze as audience_freeze
from campaigns.audience import windows
from campaigns.audience.windows import preset_window
from campaigns.handover import batches, gate, journal, portions
from campaigns.lifecycle import transition
from campaigns.models import Attempt, Batch, Campaign
from campaigns.results import balance
from campaigns.timing import PACE_PERIOD
from contacts.errors import Refusal
from contacts.suppression import suppress
from providers.base import Staged
from providers.limits import GuardKind
from tests.campaigns.conftest import approve, freeze
from tests.campaigns.life import JOHANNESBURG, MONDAY, NEW_YORK, Begin, Life, begin, hours
from tests.proof.provider import ADAPTERS

__all__ = ["begin"]
pytestmark = pytest.mark.django_db


def johannesburg(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo('Africa/Johannesburg')):%a %H:%M}"


def check_pace(life: Life, most: int) -> None:
    gone = life.gates()
    for since, _ in gone:
        within = sum(rows for at, rows in gone if since <= at < since + timedelta(hours=1))
        assert within <= most, f"{within} from {since}"


def test_each_zone_is_texted_in_its_own_hours(begin: Begin) -> None:
    life = begin({JOHANNESBURG: 3, NEW_YORK: 2}, window=hours("08:00", "20:00"))

    life.until(MONDAY + timedelta(hours=1))
    assert set(life.texted()) == {str(JOHANNESBURG + n) for n in range(3)}
    assert life.campaign.status == "running"
    assert [[group[1], group[2]] for group in life.campaign.waiting_groups] == [[["America/New_York"], 2]]
    life.until(MONDAY + timedelta(hours=7))

    assert life.campaign.status == "closed"
    assert set(life.texted().values()) == {1}
    assert [at.hour for at, _ in life.gates()] == [6, 12]
    closes = dict(life.campaign.batches.values_list("number", "expires_at"))
    assert closes == {1: MONDAY + timedelta(hours=12), 2: MONDAY + timedelta(hours=18)}


def test_a_night_is_no_lack_of_progress_and_costs_little(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    evening = MONDAY + timedelta(hours=13)
    life = begin({JOHANNESBURG: 3}, at=evening, window=preset_window("south_africa", "UTC"))
    made: list[int] = []
    create = batches.create_batches

    def counted(campaign_id: int, now: datetime) -> int:
        made.append(campaign_id)
        return create(campaign_id, now)

    monkeypatch.setattr(batches, "create_batches", counted)

    life.until(evening + timedelta(hours=11))

    assert life.texted() == {}
    assert life.campaign.status == "running"
    assert len(made) <= 13
    life.until(evening + timedelta(hours=14))
    assert life.campaign.status == "closed"
    assert [johannesburg(at) for at, _ in life.gates()] == ["Tue 08:00"]


def test_a_file_whose_hours_have_passed_goes_the_next_morning(begin: Begin) -> None:
    life = begin({JOHANNESBURG: 3}, at=MONDAY + timedelta(hours=11, minutes=50), window=hours("08:00", "20:00"))
    life.provider.is_down = True
    life.until(MONDAY + timedelta(hours=12, minutes=5))
    batch = life.campaign.batches.get()
    assert (batch.status, batch.reason) == ("prepared", "window_closed")
    assert batch.expires_at == MONDAY + timedelta(hours=36)
    life.provider.is_down = False

    life.until(MONDAY + timedelta(hours=25))

    assert life.campaign.status == "closed"
    assert [johannesburg(at) for at, _ in life.gates()] == ["Tue 08:00"]
    told = life.campaign.events.filter(reason="window_closed").count()
    assert told == 1


def test_late_work_in_the_morning_still_needs_a_decision(begin: Begin, approver: User) -> None:
    life = begin({JOHANNESBURG: 3}, at=MONDAY + timedelta(hours=13), window=hours("08:00", "20:00"))
    life.sweep()
    life.moment = MONDAY + timedelta(hours=24, minutes=45)

    life.sweep()

    assert (life.campaign.status, life.campaign.reason) == ("paused", "no_progress")
    assert life.campaign.sentence == "Nothing could be handed over for 45 minutes."
    decisions.resume(life.campaign, approver, life.now())
    life.until(MONDAY + timedelta(hours=26))
    assert life.campaign.status == "closed"


@pytest.mark.postgresql
def test_the_gate_asks_for_the_hours_itself(begin: Begin) -> None:
    life = begin({JOHANNESBURG: 3}, window=hours("08:00", "20:00"))
    life.provider.is_down = True
    life.sweep()
    batch = transition(life.campaign.batches.get(), "uploading")
    Campaign.objects.update(resumed_at=MONDAY + timedelta(hours=12))

    assert gate.gate(batch, Staged(), "a-name", MONDAY + timedelta(hours=12)) is None

    batch.refresh_from_db()
    assert (batch.status, batch.reason) == ("prepared", "window_closed")
    assert batch.due_at == MONDAY + timedelta(hours=13)


def test_a_repeat_outside_the_hours_is_not_made(begin: Begin) -> None:
    life = begin({JOHANNESBURG: 3}, at=MONDAY + timedelta(hours=11, minutes=59), window=hours("08:00", "20:00"))
    life.sweep()
    batch = life.campaign.batches.get()
    Batch.objects.filter(pk=batch.pk).update(status="committing")

    assert gate.gate(Batch.objects.get(), Staged(), "again", MONDAY + timedelta(hours=12), repeated=True) is None

    assert Batch.objects.get().status == "committing"


@pytest.mark.postgresql
@pytest.mark.parametrize("at", [MONDAY, MONDAY + timedelta(hours=7)])
def test_people_outside_the_hours_are_skipped(begin: Begin, at: datetime) -> None:
    life = begin({JOHANNESBURG: 3, NEW_YORK: 2}, at=at, window=hours("08:00", "16:00", outside="skip"))

    life.until(at + timedelta(minutes=5))

    skipped = 2 if at == MONDAY else 0
    assert life.campaign.status == "closed"
    assert life.campaign.outside_window == skipped
    assert life.campaign.recipients.filter(excluded_reason="outside_window").count() == skipped
    assert sum(life.texted().values()) == 5 - skipped
    assert balance.audit(life.campaign).balanced


def test_nobody_is_skipped_as_long_as_everybody_would_be(begin: Begin) -> None:
    life = begin({JOHANNESBURG: 3}, at=MONDAY + timedelta(hours=13), window=hours("08:00", "20:00", outside="skip"))

    life.sweep()

    assert (life.campaign.status, life.campaign.reason) == ("paused", "window_closed")
    assert life.campaign.outside_window == 0


def test_a_file_that_would_be_skipped_asks_a_person(begin: Begin, approver: User) -> None:
    late = MONDAY + timedelta(hours=11, minutes=59)
    life = begin({JOHANNESBURG: 3}, at=late, window=hours("08:00", "20:00", outside="skip"))
    life.provider.is_down = True
    life.until(MONDAY + timedelta(hours=12, minutes=10))
    batch = life.campaign.batches.get()
    assert (batch.status, batch.reason) == ("held", "window_closed")
    life.provider.is_down = False
    decisions.release(batch, approver, "They may have it tomorrow.", life.now())

    life.until(MONDAY + timedelta(hours=25))

    assert [johannesburg(at) for at, _ in life.gates()] == ["Tue 08:00"]


def test_people_who_can_never_be_texted_are_said(begin: Begin) -> None:
    end = MONDAY + timedelta(hours=5)
    life = begin({JOHANNESBURG: 3, NEW_YORK: 2}, window=hours("08:00", "20:00"), end_at=end)

    life.until(MONDAY + timedelta(hours=2))

    assert (life.campaign.status, life.campaign.reason) == ("paused", "window_never_opens")
    assert life.campaign.sentence.startswith("2 recipients cannot be texted")
    assert sum(life.texted().values()) == 3


def test_a_campaign_that_nobody_could_get_is_not_frozen(begin: Begin) -> None:
    with pytest.raises(Refusal, match="not waiting for approval"):
        begin({NEW_YORK: 2}, window=hours("08:00", "20:00"), end_at=MONDAY + timedelta(hours=5))

    campaign = Campaign.objects.get()
    assert (campaign.status, campaign.reason) == ("draft", "window_never_opens")


def test_a_pace_is_files_of_even_size_at_even_intervals(begin: Begin) -> None:
    life = begin({JOHANNESBURG: 60}, pace=24)
    life.until(MONDAY + timedelta(hours=3, minutes=30))

    assert life.campaign.status == "closed"
    assert [rows for _, rows in life.gates()] == [24, 24, 12]
    check_pace(life, 24)
    assert set(life.texted().values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["pause", "down", "opt_out"])
def test_nothing_bursts_after_a_trouble(begin: Begin, operator: User, trouble: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("campaigns.timing.SMALLEST_PACED_FILE", 2)
    life = begin({JOHANNESBURG: 40}, pace=12, patience=timedelta(hours=5))
    life.until(MONDAY + timedelta(minutes=40))
    before = sum(life.texted().values())
    assert before == 2 * 4
    if trouble == "pause":
        decisions.pause(life.campaign, operator)
        life.moment = MONDAY + timedelta(hours=3)
        decisions.resume(life.campaign, operator, life.now())
    elif trouble == "down":
        life.provider.is_down = True
        life.until(MONDAY + timedelta(minutes=70))
        assert Batch.objects.filter(status="prepared").count() == 1
        life.provider.is_down = False
    else:
        suppress([str(JOHANNESBURG + n) for n in (8, 20, 39)], "manual")

    life.until(MONDAY + timedelta(hours=7))

    check_pace(life, 12)
    assert life.campaign.status == "closed"
    assert sum(life.texted().values()) == (37 if trouble == "opt_out" else 40)


@pytest.mark.postgresql
def test_the_gate_keeps_to_the_pace_itself(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    life = begin({JOHANNESBURG: 20}, pace=10)
    life.until(MONDAY + timedelta(minutes=1))
    first = Attempt.objects.get()
    # As if a second file had been created too early.
    monkeypatch.setattr(portions, "_room", lambda campaign, now: (10, None))
    jobs.create_batches(life.campaign.pk)
    assert life.campaign.batches.filter(status="prepared").count() == 1
    life.sweep()
    batch = life.campaign.batches.get(number=2)
    assert (batch.status, batch.reason) == ("prepared", "pace")
    batch = transition(transition(batch, "uploading"), "prepared")
    batch = transition(batch, "uploading")

    for minutes, passes in ((60, False), (62, True)):
        at = first.started_at + timedelta(minutes=minutes)
        assert (gate.gate(batch, Staged(), "a-name", at) is not None) is passes
        if not passes:
            assert (batch.status, batch.reason, batch.due_at) == ("prepared", "pace", first.started_at + PACE_PERIOD)
            batch = transition(batch, "uploading")


@pytest.mark.postgresql
def test_a_corrected_rest_keeps_to_the_pace_of_what_went_before(begin: Begin, operator: User, approver: User) -> None:
    life = begin({JOHANNESBURG: 30}, pace=20)
    life.until(MONDAY + timedelta(minutes=5))
    decisions.pause(life.campaign, operator)
    rest = follow_up.correct_the_rest(life.campaign, operator, life.now())
    approve(freeze(rest, operator, life.now()), approver, life.now())
    life.campaign = Campaign.objects.get(pk=rest.pk)

    life.until(MONDAY + timedelta(hours=3))

    assert life.campaign.status == "closed"
    assert [rows for _, rows in life.gates()] == [20, 10]
    check_pace(life, 20)


@pytest.mark.postgresql
def test_hours_pace_and_canary_together(begin: Begin, operator: User) -> None:
    life = begin({JOHANNESBURG: 30, NEW_YORK: 10}, pace=20, canary=3, window=hours("08:00", "09:30"))
    life.until(MONDAY + timedelta(minutes=20))
    assert sum(life.texted().values()) == 3
    decisions.release_canary(life.campaign, operator, life.now())

    life.until(MONDAY + timedelta(days=3))

    assert life.campaign.status == "closed"
    assert set(life.texted().values()) == {1}
    check_pace(life, 20)
    for batch in life.campaign.batches.all():
        zone = "America/New_York" if batch.campaign.recipients.filter(
            batch_number=batch.number, msisdn__startswith="1"
        ).exists() else "Africa/Johannesburg"  # fmt: skip
        for attempt in batch.attempts.all():
            assert "08:00" <= f"{attempt.started_at.astimezone(ZoneInfo(zone)):%H:%M}" < "09:30"


def test_early_files_start_within_the_hours_or_are_refused(
    begin: Begin, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ADAPTERS[GuardKind.KEY], "starts_later", True)
    start = {"is_early": True, "start_at": MONDAY + timedelta(hours=14), "window": hours("08:00", "20:00")}
    with pytest.raises(Refusal, match="not waiting for approval"):
        begin({JOHANNESBURG: 3, NEW_YORK: 2}, **start)

    campaign = Campaign.objects.get()
    assert (campaign.status, campaign.reason) == ("draft", "start_outside_window")
    assert campaign.sentence.startswith("For 3 recipients the start is outside the allowed hours")
    campaign.pace = 5
    with pytest.raises(Refusal, match="Uploading now"):
        audience_freeze.begin_freeze(campaign, operator, MONDAY)


def test_a_commit_is_not_made_after_the_hours(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    life = begin({JOHANNESBURG: 3}, at=MONDAY + timedelta(hours=11, minutes=59), window=hours("08:00", "20:00"))
    journalled = journal.intend

    def slowly(*arguments: Any) -> None:
        journalled(*arguments)
        life.moment = MONDAY + timedelta(hours=12)

    life.moment = MONDAY + timedelta(hours=11, minutes=59, seconds=50)
    monkeypatch.setattr(journal, "intend", slowly)
    life.sweep()
    monkeypatch.undo()
    monkeypatch.setattr(timezone, "now", life.now)

    assert life.texted() == {}
    batch = life.campaign.batches.get()
    assert (batch.status, batch.reason, batch.first_intent_at) == ("prepared", "woke_late", None)


@pytest.mark.parametrize("is_in_a_file", [True, False])
def test_hours_that_baton_does_not_know_any_more_stop_one_campaign_only(
    begin: Begin, is_in_a_file: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace = None if is_in_a_file else 1
    life = begin({JOHANNESBURG: 2}, pace=pace, window=hours("08:00", "20:00", zone="Africa/Johannesburg"))
    life.provider.is_down = is_in_a_file
    life.until(MONDAY + timedelta(minutes=1))
    # An update has renamed the zone.
    monkeypatch.setattr(windows, "_zone_names", lambda: frozenset({"UTC"}))
    life.moment = MONDAY + timedelta(minutes=5 if is_in_a_file else 62)

    life.sweep()

    stopped = life.campaign.batches.get() if is_in_a_file else life.campaign
    assert (stopped.status, stopped.reason) == ("held" if is_in_a_file else "paused", "window_invalid")
    assert stopped.sentence.startswith("“Africa/Johannesburg” is not a time zone")
