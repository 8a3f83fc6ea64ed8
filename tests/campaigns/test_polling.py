"""When Baton polls again: soon after a hand-over, then less and less often, and again at a start time."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone

from campaigns import timing
from campaigns.lifecycle import transition
from campaigns.models import Batch, Campaign
from campaigns.results import poll, schedule, settle
from providers.adapters import smsportal
from providers.base import Interpretation, ProviderState
from providers.errors import Unreachable
from providers.limits import Limits
from providers.models import Account
from tests.campaigns.conftest import Clock, MakeCampaign

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

NOW = timezone.now()


@pytest.fixture
def early(account: Account, make_running: MakeCampaign) -> Batch:
    """A batch handed over now, for a start in three days."""
    campaign = make_running(account, start_at=NOW + timedelta(days=3), is_early=True)
    batch = transition(campaign.batches.get(), "uploading")
    transition(batch, "committing", first_intent_at=NOW)
    return transition(batch, "handed_over", handed_over_at=NOW, poll_at=NOW + timedelta(seconds=2))


def polls(batch: Batch, since: datetime, until: datetime) -> list[datetime]:
    """The times at which a batch that does not change would be polled."""
    found = [since]
    while (following := schedule.next_poll(batch, found[-1])) and following < until:
        found.append(following)
    return found


def test_without_a_start_ahead_the_longest_pause_is_two_minutes(early: Batch) -> None:
    early.campaign.is_early = False

    found = polls(early, NOW, NOW + timedelta(hours=3))

    assert found[1] - NOW == timedelta(seconds=2)
    assert max(later - earlier for earlier, later in pairwise(found)) == timedelta(minutes=2)


def test_with_a_start_ahead_it_is_polled_soon_then_seldom_and_at_the_start(early: Batch) -> None:
    start = NOW + timedelta(days=3)

    before = polls(early, NOW, start + timedelta(microseconds=1))
    after = polls(early, start, start + timedelta(minutes=10))

    assert len([poll for poll in before if poll < NOW + timedelta(minutes=10)]) > 15
    assert len(before) < 70
    assert before[-1] == start
    assert max(later - earlier for earlier, later in pairwise(before)) <= timedelta(hours=6)
    assert after[1] - start == timedelta(seconds=2)
    assert max(later - earlier for earlier, later in pairwise(after)) <= timedelta(minutes=2)


def test_a_batch_settled_before_its_start_is_polled_until_three_days_after_it(early: Batch) -> None:
    settle.settle(early, Interpretation(ProviderState.ACCEPTED, "processed"), NOW + timedelta(seconds=10))

    assert early.poll_until == NOW + timedelta(days=6)
    start = NOW + timedelta(days=3)
    assert start in polls(early, NOW + timedelta(seconds=10), start + timedelta(seconds=1))


def test_silence_before_the_start_needs_no_decision(early: Batch) -> None:
    settle.give_up_if_silent(early, NOW + timedelta(days=3))
    assert early.status == "handed_over"

    settle.give_up_if_silent(early, NOW + timedelta(days=3, minutes=16))
    assert (early.status, early.reason) == ("unclear", "silent")


def test_a_batch_taken_at_the_last_poll_is_polled_until_it_ends(account: Account, make_running: MakeCampaign) -> None:
    batch = transition(make_running(account).batches.get(), "uploading")
    transition(batch, "committing", first_intent_at=NOW)
    transition(batch, "unclear", reason="no_evidence", poll_at=NOW, poll_until=NOW + timing.POLL_AFTER_END)
    last = NOW + timing.POLL_AFTER_END - timedelta(minutes=1)
    settle.settle(batch, Interpretation(ProviderState.PROCESSING, "working"), last)
    assert batch.status == "processing"

    settle.settle(batch, Interpretation(ProviderState.PROCESSING, "working"), last + timedelta(minutes=5))
    assert batch.poll_at is not None

    settle.settle(batch, Interpretation(ProviderState.ABSENT), last + timedelta(hours=7))
    assert (batch.status, batch.reason) == ("unclear", "silent")
    assert batch.poll_at is not None


def test_a_batch_unclear_before_its_start_is_polled_until_three_days_after_it(early: Batch) -> None:
    asked = schedule.unclear_fields(early, NOW)

    assert asked["poll_until"] == NOW + timedelta(days=6)


def test_a_note_becomes_one_line_of_the_history_and_no_alarm(early: Batch) -> None:
    found = Interpretation(ProviderState.ACCEPTED, "logged", note="The log has two uploads.")

    settle.settle(early, found, NOW + timedelta(seconds=5))
    settle.settle(early, found, NOW + timedelta(seconds=10))

    assert list(early.events.filter(reason="note").values_list("sentence", flat=True)) == ["The log has two uploads."]
    early.refresh_from_db()
    assert (early.status, early.alarm) == ("accepted", "")


@pytest.mark.parametrize(("ending", "status"), [("unclear", "unclear"), ("none", "unclear"), ("done", "processing")])
def test_an_interrupted_upload_that_was_dropped_while_processing_is_unclear_at_once(
    early: Batch, ending: str, status: str
) -> None:
    """Its report came only after the provider began processing; a whole attempt may still arrive."""
    early.attempts.create(number=1, name="one.zip", started_at=NOW, ending=ending)
    settle.settle(early, Interpretation(ProviderState.PROCESSING, "errors_waiting"), NOW + timedelta(seconds=5))
    said = "The interrupted upload arrived incomplete and SMSPortal dropped it."

    settle.settle(early, Interpretation(ProviderState.ABSENT, "File.Corrupt", said), NOW + timedelta(seconds=10))

    assert early.status == status
    if status == "unclear":
        assert early.sentence == said
        settle.settle(early, Interpretation(ProviderState.ACCEPTED, "processed"), NOW + timedelta(seconds=15))
        assert early.status == "accepted"


@pytest.fixture
def silent(account: Account, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """Three files that were handed over an hour ago, with no observation since."""
    monkeypatch.setattr(smsportal.Adapter, "limits", Limits(rows=2, bytes=1_000_000, values=6, connections=2))
    campaign = make_running(account)
    since = clock() - timedelta(hours=1)
    for batch in campaign.batches.all():
        transition(batch, "uploading")
        transition(batch, "committing", first_intent_at=since)
        transition(batch, "handed_over", handed_over_at=since, poll_at=since)
    return campaign


def settle_the_first(campaign: Campaign) -> None:
    """Settle the batch as another worker would, at the same time."""
    transition(campaign.batches.get(number=1), "accepted", settled_at=timezone.now())


def test_a_failed_poll_is_put_off_for_all_though_another_worker_has_settled_one(
    silent: Campaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(account: Account) -> Any:
        settle_the_first(silent)
        raise Unreachable("unreachable", "Nobody answers.")

    monkeypatch.setattr(poll, "connect", fail)

    poll.collect(silent.account.pk, clock, clock() + timedelta(seconds=60))

    found = dict(silent.batches.values_list("number", "status"))
    assert found == {1: "accepted", 2: "unclear", 3: "unclear"}
    assert not Batch.objects.due_for_poll(clock()).exists()


def test_an_error_with_a_batch_another_worker_settled_stops_no_other_poll(
    silent: Campaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_error(batch: Batch, remote: Any, now: datetime) -> Interpretation:
        settle_the_first(silent)
        raise ValueError("not readable")

    monkeypatch.setattr(poll, "poll", raise_error)
    batch = silent.batches.select_related("campaign", "account").get(number=1)

    poll.poll_safely(batch, None, clock())

    assert silent.batches.get(number=1).status == "accepted"
