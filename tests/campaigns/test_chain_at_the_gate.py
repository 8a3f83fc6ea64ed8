"""What is learnt about a chain after the freeze of a follow-up counts until its intent is stored."""

import threading
import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns import chain
from campaigns.handover import batches, drain, gate, journal, restore
from campaigns.lifecycle import transition
from campaigns.models import Attempt, Batch, Campaign
from campaigns.results import balance, settle
from providers.base import Interpretation, Outcome, ProviderState, Result, Staged
from providers.models import Account
from tests.campaigns.conftest import Clock, MakeCampaign, approve, freeze, in_thread
from tests.campaigns.test_chain import add, follow

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

NUMBERS = [str(27825550100 + number) for number in range(5)]
ALARM = "The provider accepted it after all."


class Session:
    """A connection of a drain that is never used."""

    def __init__(self) -> None:
        self.verified_campaigns: set[int] = set()


@pytest.fixture
def rejected(account: Account, make_running: MakeCampaign) -> Batch:
    """The only batch of a closed campaign of five people; the provider rejected it."""
    campaign = make_running(account)
    batch = campaign.batches.get()
    Batch.objects.filter(pk=batch.pk).update(status="rejected", settled_at=timezone.now())
    Campaign.objects.filter(pk=campaign.pk).update(status="closed")
    batch.refresh_from_db()
    return batch


@pytest.fixture
def again(rejected: Batch, operator: User, approver: User) -> Campaign:
    """An approved follow-up of all five."""
    campaign = follow(rejected.campaign)
    add(campaign, *NUMBERS, value1="Thandi")
    return approve(freeze(campaign, operator), approver)


@pytest.fixture
def running(again: Campaign) -> Campaign:
    batches.create_batches(again.pk, timezone.now())
    again.refresh_from_db()
    return again


def accept_one(batch: Batch, msisdn: str = NUMBERS[0]) -> None:
    """Late evidence: one of a rejected file was accepted."""
    outcome = Outcome(msisdn, Result.ACCEPTED, "ok", "Accepted.", False, "report.txt", 1)
    settle.write_outcomes(batch, [outcome])


def test_who_is_accepted_before_the_batches_are_created_is_left_out(rejected: Batch, again: Campaign) -> None:
    accept_one(rejected)

    batches.create_batches(again.pk, timezone.now())

    again.refresh_from_db()
    assert again.reached_later == 1
    assert again.batches.get().rows == 4
    assert again.recipients.get(msisdn=NUMBERS[0]).excluded_reason == "reached_later"
    books = balance.audit(again)
    assert (books.balanced, books.excluded) == (True, {"reached_later": 1})


def test_a_batch_is_rebuilt_without_who_is_accepted_before_the_gate(
    rejected: Batch, running: Campaign, clock: Clock
) -> None:
    accept_one(rejected)

    list(drain.begin(running.batches.get(), None, Session(), clock))  # type: ignore[arg-type]

    found = list(running.batches.order_by("generation").values_list("status", "reason", "rows"))
    assert found == [("superseded", "reached_later", 5), ("prepared", "", 4)]
    running.refresh_from_db()
    assert running.reached_later == 1
    assert balance.audit(running).balanced


def test_an_alarm_about_the_rejection_stops_the_whole_batch(rejected: Batch, running: Campaign, clock: Clock) -> None:
    batch = transition(running.batches.get(), "uploading")
    settle.raise_alarm(rejected, "contradiction", ALARM)

    assert gate.gate(batch, Staged(), "a.zip", clock()) is None
    drain.rebuild_batch(batch, clock)

    assert not Attempt.objects.filter(batch=batch).exists()
    assert batch.status == "cancelled"
    assert settle.close_if_done(running.pk, clock())
    books = balance.audit(Campaign.objects.get(pk=running.pk))
    assert (books.balanced, books.excluded, books.batched) == (True, {"reached_later": 5}, 0)


def test_a_repeated_gate_counts_on_the_first_intent(rejected: Batch, running: Campaign, clock: Clock) -> None:
    batch = transition(running.batches.get(), "uploading")
    assert gate.gate(batch, Staged(), "a.zip", clock())
    settle.raise_alarm(rejected, "contradiction", ALARM)

    assert gate.gate(batch, Staged(), "b.zip", clock(), repeated=True)


def test_a_number_that_failed_and_was_accepted_later_is_in_no_follow_up(rejected: Batch) -> None:
    failed = Outcome(NUMBERS[0], Result.ROW_ERROR, "0x1", "Failed.", False, "report.txt", 1)
    settle.write_outcomes(rejected, [failed])
    assert chain.not_reached(rejected.campaign).count() == 5

    accept_one(rejected)

    rejected.refresh_from_db()
    assert rejected.alarm
    assert rejected.outcomes.get().result == "row_error"
    assert not chain.not_reached(rejected.campaign).exists()


def test_a_file_seen_after_a_person_decided_that_it_was_rejected_raises_an_alarm(rejected: Batch) -> None:
    settle.warn_of_rejected(rejected, Interpretation(ProviderState.TAKEN))
    assert not rejected.alarm

    rejected.reason = "decided"
    settle.warn_of_rejected(rejected, Interpretation(ProviderState.ABSENT))
    assert not rejected.alarm
    settle.warn_of_rejected(rejected, Interpretation(ProviderState.TAKEN))

    assert rejected.alarm
    assert not chain.not_reached(rejected.campaign).exists()


def test_a_follow_up_that_a_restored_database_forgot_holds_back_its_chain(
    rejected: Batch, running: Campaign, operator: User, approver: User, clock: Clock
) -> None:
    batch = running.batches.get()
    journal.intend(batch, 1, "one.zip", clock())
    assert not restore.journal_is_ahead(rejected.campaign)
    # As if the copy had been made before the follow-up.
    batch.events.all().delete()
    running.events.all().delete()
    batch.delete()
    running.delete()

    second = follow(rejected.campaign)
    add(second, *NUMBERS, value1="Thandi")
    approve(freeze(second, operator), approver)
    batches.create_batches(second.pk, clock())
    batch = second.batches.select_related("campaign").get()
    list(drain.begin(batch, None, Session(), clock))  # type: ignore[arg-type]

    second.refresh_from_db()
    assert (second.status, second.reason) == ("paused", "restored")
    # What is still to be handed over of the first campaign may be for the same people.
    assert restore.journal_is_ahead(rejected.campaign)


@pytest.mark.django_db(transaction=True)
def test_a_gate_waits_for_evidence_that_is_being_settled(
    rejected: Batch, running: Campaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, may_commit = threading.Event(), threading.Event()
    advance = settle._advance

    def slow_advance(*arguments: Any) -> None:
        advance(*arguments)
        writing.set()
        assert may_commit.wait(20)

    monkeypatch.setattr(settle, "_advance", slow_advance)
    batch = transition(running.batches.get(), "uploading")
    passed: list[Attempt | None] = []
    accepted = Interpretation(ProviderState.ACCEPTED)
    with in_thread(lambda: settle.settle(rejected, accepted, clock())):
        assert writing.wait(20)
        with in_thread(lambda: passed.append(gate.gate(batch, Staged(), "a.zip", clock()))):
            time.sleep(0.5)
            assert passed == []  # The gate waits for the transaction that settles the first campaign.
            may_commit.set()

    assert passed == [None]
