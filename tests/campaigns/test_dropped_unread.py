"""SMSPortal drops a zip that it read while it was being written: the same file is handed over again, within limits."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns import decisions
from campaigns.handover.recovery import MOST_DROPPED_UPLOADS
from campaigns.lifecycle import record_event, transition
from campaigns.models import Batch, Campaign
from campaigns.results import balance, settle
from campaigns.results.evidence import evidence_fingerprint
from contacts.suppression import suppress
from providers.adapters.smsportal import Adapter
from providers.base import Interpretation, ProviderState
from providers.limits import Guard
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, collect, hand_over, until_closed
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db

NOW = timezone.now()
READ_EARLY = "SMSPortal read the file before its upload had ended, and dropped it."
DROPPED = Interpretation(ProviderState.ABSENT, "File.Corrupt", READ_EARLY, dropped=True)


def statuses(batch: Batch) -> list[str]:
    return list(batch.events.exclude(to_status="").values_list("to_status", flat=True))


def until_dropped(campaign: Campaign, clock: Clock, sandbox: Sandbox, attempts: int) -> Batch:
    """Hand over and poll until SMSPortal has dropped this attempt of the only batch; return the batch."""
    hand_over(campaign, clock)
    batch = campaign.batches.get()
    assert (batch.status, batch.attempts.count()) == ("handed_over", attempts)
    errors = f"{batch.stem}-a{attempts}.zip"
    wait_until(lambda: errors in sandbox.state()["providers"]["smsportal"]["accounts"][0]["files"]["Errors"], errors)
    clock.forward(seconds=5)
    collect(campaign, clock)
    batch.refresh_from_db()
    return batch


@pytest.mark.postgresql
def test_a_zip_that_was_read_while_it_was_written_is_handed_over_again_and_nobody_is_texted_twice(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    sandbox.fault("smsportal:eager", 1)
    sandbox.fault("smsportal:slow", 1)
    campaign = make_running(sandbox_account)

    batch = until_dropped(campaign, clock, sandbox, attempts=1)
    assert (batch.status, batch.reason, batch.handed_over_at) == ("committing", "File.Corrupt", None)
    assert READ_EARLY in batch.sentence
    first_intent_at = batch.first_intent_at
    hand_over(campaign, clock)
    assert batch.attempts.count() == 1  # It is too early for another attempt.
    clock.forward(seconds=61)
    until_closed(campaign, clock)

    batch.refresh_from_db()
    assert (batch.status, batch.alarm, batch.first_intent_at) == ("accepted", "", first_intent_at)
    assert list(batch.attempts.values_list("ending", flat=True)) == ["done", "done"]
    assert statuses(batch)[:5] == ["uploading", "committing", "handed_over", "committing", "handed_over"]
    assert Counter(message["msisdn"] for message in sandbox.messages()) == {str(27825550100 + n): 1 for n in range(5)}
    assert balance.audit(campaign).outcomes["accepted"] == 5


def test_a_file_that_is_dropped_each_time_is_for_a_person(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, approver: User, clock: Clock
) -> None:
    sandbox.fault("smsportal:corrupt")
    campaign = make_running(sandbox_account)
    for number in range(1, MOST_DROPPED_UPLOADS + 1):
        batch = until_dropped(campaign, clock, sandbox, attempts=number)
        assert batch.status == "committing"
        clock.forward(seconds=61)

    hand_over(campaign, clock)

    batch.refresh_from_db()
    assert (batch.status, batch.reason) == ("unclear", "File.Corrupt")
    assert batch.sentence == f"{READ_EARLY} This happened 3 times."
    sandbox.clear()
    decisions.decide(batch, approver, "again", "It is fixed.", clock(), seen=evidence_fingerprint(batch))
    until_closed(campaign, clock)
    assert len(sandbox.messages()) == 5


def cancelled(batch: Batch, operator: User, clock: Clock) -> None:
    decisions.cancel(batch.campaign, operator)


def expired(batch: Batch, operator: User, clock: Clock) -> None:
    Batch.objects.filter(pk=batch.pk).update(expires_at=clock())


def late(batch: Batch, operator: User, clock: Clock) -> None:
    clock.forward(minutes=30)


def changed(batch: Batch, operator: User, clock: Clock) -> None:
    Campaign.objects.filter(pk=batch.campaign_id).update(text="Something else.")


def opted_out(batch: Batch, operator: User, clock: Clock) -> None:
    suppress(["27825550102"], "manual")


def paused(batch: Batch, operator: User, clock: Clock) -> None:
    decisions.pause(batch.campaign, operator)


@pytest.mark.parametrize(
    ("meanwhile", "status", "attempts"),
    [
        (cancelled, "unclear", 1),
        (expired, "unclear", 1),
        (late, "unclear", 1),
        (changed, "unclear", 1),
        (paused, "committing", 1),
        # As for every repeat, the opt-outs of the first intent count.
        (opted_out, "handed_over", 2),
    ],
)
def test_a_repeat_passes_the_gate_again(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    operator: User,
    clock: Clock,
    meanwhile: Callable[[Batch, User, Clock], None],
    status: str,
    attempts: int,
) -> None:
    sandbox.fault("smsportal:corrupt", 1)
    campaign = make_running(sandbox_account)
    batch = until_dropped(campaign, clock, sandbox, attempts=1)
    clock.forward(seconds=61)
    meanwhile(batch, operator, clock)

    hand_over(campaign, clock)

    batch.refresh_from_db()
    assert (batch.status, batch.attempts.count()) == (status, attempts)
    if status == "unclear":
        assert (batch.reason, batch.sentence) == ("File.Corrupt", READ_EARLY)
        assert sandbox.messages() == []


@pytest.fixture
def batch(account: Account, make_running: MakeCampaign) -> Batch:
    """A batch that was handed over a minute ago."""
    since = NOW - timedelta(minutes=1)
    made = transition(make_running(account).batches.get(), "uploading")
    transition(made, "committing", first_intent_at=since)
    made.attempts.create(number=1, name="one.zip", started_at=since, ending="done")
    return transition(made, "handed_over", handed_over_at=since, poll_at=NOW)


@pytest.mark.parametrize("status", ["handed_over", "processing"])
def test_recovery_is_due_at_once(batch: Batch, status: str) -> None:
    if status == "processing":
        settle.settle(batch, Interpretation(ProviderState.PROCESSING, "errors_waiting"), NOW)

    settle.settle(batch, DROPPED, NOW)

    batch.refresh_from_db()
    assert (batch.status, batch.due_at, batch.handed_over_at, batch.poll_at) == ("committing", NOW, None, None)
    assert balance.of(batch.campaign).open == {"committing": 5}


@pytest.mark.parametrize(
    ("guard", "first_intent_at"),
    [
        (Guard.rename(), NOW),
        (Guard.none(), NOW),
        (Adapter.guard, None),
        (Adapter.guard, NOW - Adapter.guard.window),
    ],
    ids=["a rename", "no guard", "no intent", "the window is over"],
)
def test_without_a_guard_a_dropped_file_is_for_a_person(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, guard: Guard, first_intent_at: datetime | None
) -> None:
    monkeypatch.setattr(Adapter, "guard", guard)
    batch.first_intent_at = first_intent_at

    settle.settle(batch, DROPPED, NOW)

    assert (batch.status, batch.sentence) == ("unclear", READ_EARLY)


@pytest.mark.parametrize("reason", ["decided", "restored"])
def test_after_a_decision_or_a_restore_a_dropped_file_is_for_a_person(batch: Batch, reason: str) -> None:
    record_event(batch.campaign, reason, "It was handed over.", batch=batch)

    settle.settle(batch, DROPPED, NOW)

    assert batch.status == "unclear"


@pytest.mark.parametrize("status", ["accepted", "rejected"])
def test_a_settled_batch_is_not_handed_over_again(batch: Batch, status: str) -> None:
    transition(batch, status, settled_at=NOW)

    settle.settle(batch, DROPPED, NOW)

    assert batch.status == status


def test_a_poll_from_before_another_attempt_changes_nothing(batch: Batch) -> None:
    """Two polls show that the first attempt was dropped; the second is settled after the repeat was handed over."""
    as_polled_before = Batch.objects.select_related("campaign", "account").get(pk=batch.pk)
    settle.settle(batch, DROPPED, NOW)
    transition(batch, "handed_over", handed_over_at=NOW + timedelta(seconds=1))

    settle.settle(as_polled_before, DROPPED, NOW + timedelta(seconds=2))

    batch.refresh_from_db()
    assert batch.status == "handed_over"
