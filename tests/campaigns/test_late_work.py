"""Late work (Baton was off, its clock jumped, the provider was down) needs a decision and never just starts."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns import decisions, jobs, timing
from campaigns.handover import batches
from campaigns.handover.drain import drain as drain_account
from campaigns.lifecycle import transition
from campaigns.models import Batch, Campaign
from campaigns.results.evidence import evidence_fingerprint
from contacts import queues
from contacts.errors import Refusal
from contacts.models import ContactList
from providers.adapters.smsportal import Adapter
from providers.base import Receipt, Staged
from providers.limits import Limits
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, approve, default_options, freeze, hand_over
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

Drain = Callable[[], int]
Later = Callable[..., None]
WEEKEND = {"hours": 60}


@pytest.fixture
def later() -> Iterator[Later]:
    """Moves the clock of this whole process: ``later(hours=60)``; waiting jobs stay in their queues."""
    travels: list[time_machine.travel] = []

    def move_clock(**by: float) -> None:
        travels.append(time_machine.travel(timezone.now() + timedelta(**by), tick=True))
        travels[-1].start()

    yield move_clock
    for travel in reversed(travels):
        travel.stop()


def sweep_and_work(drain: Drain) -> None:
    """What happens after a start: the clock sweeps, and workers run the waiting jobs."""
    jobs.sweep(timezone.now())
    drain()


def texted(sandbox: Sandbox) -> Counter[str]:
    return Counter(line["msisdn"] for line in sandbox.messages())


def until_closed(campaign: Campaign, drain: Drain) -> None:
    """Run the jobs until the campaign is closed; the clock advances between them, so that no due time is waited for."""
    with ExitStack() as travels:

        def has_closed() -> bool:
            sweep_and_work(drain)
            campaign.refresh_from_db()
            travels.enter_context(time_machine.travel(timezone.now() + timedelta(seconds=2), tick=True))
            return campaign.status == "closed"

        wait_until(has_closed, "the campaign closes")


# -- before the first batches are created


@pytest.mark.parametrize("waits", ["nothing", "batching"])
def test_a_start_missed_over_a_weekend_is_held_for_a_decision(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_campaign: MakeCampaign,
    operator: User,
    approver: User,
    drain: Drain,
    later: Later,
    waits: str,
) -> None:
    start = timezone.now() + timedelta(minutes=5)
    campaign = approve(freeze(make_campaign(sandbox_account, start_at=start), operator), approver)
    if waits == "batching":
        queues.enqueue_once(jobs.create_batches, campaign.pk)
    later(**WEEKEND)
    drain()

    sweep_and_work(drain)

    campaign.refresh_from_db()
    assert (campaign.status, campaign.reason) == ("held", "start_missed")
    assert campaign.sentence == "Its start was missed by 2 days."
    assert not campaign.batches.exists()
    assert texted(sandbox) == {}
    decisions.confirm_start(campaign, approver, None, timezone.now())
    until_closed(campaign, drain)
    assert set(texted(sandbox).values()) == {1}


def test_an_approval_lasts_seven_days_or_until_the_start_and_its_time_limit(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User
) -> None:
    now = timezone.now()
    lists: list[ContactList] = []
    for days, lasts in ((2, timedelta(days=7)), (10, timedelta(days=10, minutes=30))):
        campaign = make_campaign(account, *lists, name=f"In {days} days", start_at=now + timedelta(days=days))
        lists = campaign.ordered_lists()
        assert approve(freeze(campaign, operator), approver, now).approval_expires_at == now + lasts


def test_a_new_start_does_not_revive_an_approval_that_expired(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_campaign: MakeCampaign,
    operator: User,
    approver: User,
    drain: Drain,
    later: Later,
) -> None:
    start = timezone.now() + timedelta(hours=1)
    campaign = approve(freeze(make_campaign(sandbox_account, start_at=start), operator), approver)
    later(days=8)
    sweep_and_work(drain)
    campaign.refresh_from_db()
    assert campaign.status == "held"

    decisions.confirm_start(campaign, approver, None, timezone.now())

    assert (campaign.status, campaign.approved_by) == ("frozen", None)
    assert "Approve the campaign again" in campaign.sentence
    sweep_and_work(drain)
    assert texted(sandbox) == {}
    approve(campaign, approver)
    until_closed(campaign, drain)
    assert set(texted(sandbox).values()) == {1}


# -- while the campaign runs


@pytest.mark.parametrize("left", ["prepared", "uploading"])
@pytest.mark.parametrize("first", ["the sweep", "a waiting job"])
def test_what_was_not_committed_before_a_weekend_waits_for_a_person(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    approver: User,
    drain: Drain,
    later: Later,
    left: str,
    first: str,
) -> None:
    campaign = make_running(sandbox_account)
    if left == "uploading":
        transition(campaign.batches.get(), "uploading")
    if first == "a waiting job":
        queues.enqueue_once(jobs.hand_over, sandbox_account.pk)
    later(**WEEKEND)
    if first == "a waiting job":
        drain()

    sweep_and_work(drain)
    sweep_and_work(drain)

    campaign.refresh_from_db()
    assert (campaign.status, campaign.reason) == ("paused", "no_progress")
    assert campaign.sentence == "Nothing could be handed over for 2 days."
    assert campaign.batches.get().status == "prepared"
    assert texted(sandbox) == {}
    decisions.resume(campaign, approver, timezone.now())
    until_closed(campaign, drain)
    assert set(texted(sandbox).values()) == {1}


def test_batching_interrupted_by_a_weekend_does_not_continue_by_itself(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_campaign: MakeCampaign,
    operator: User,
    approver: User,
    drain: Drain,
    later: Later,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Adapter, "limits", Limits(rows=2, bytes=1_000_000, connections=2))
    campaign = approve(freeze(make_campaign(sandbox_account), operator), approver)
    store = batches._store

    def dying(*arguments: Any) -> None:
        store(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "_store", dying)
    with pytest.raises(KeyboardInterrupt):
        batches.create_batches(campaign.pk, timezone.now())
    monkeypatch.setattr(batches, "_store", store)
    later(**WEEKEND)
    queues.enqueue_once(jobs.create_batches, campaign.pk)
    drain()

    sweep_and_work(drain)

    campaign.refresh_from_db()
    assert (campaign.status, campaign.reason) == ("paused", "no_progress")
    assert texted(sandbox) == {}


@pytest.mark.parametrize("arrived", [True, False])
def test_a_commit_under_way_before_a_weekend_is_polled_and_never_repeated(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    drain: Drain,
    later: Later,
    monkeypatch: pytest.MonkeyPatch,
    arrived: bool,
) -> None:
    campaign = make_running(sandbox_account)
    commit = Adapter.commit

    def dying(self: Adapter, *arguments: Any) -> Receipt:
        if arrived:
            commit(self, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(Adapter, "commit", dying)
    with pytest.raises(KeyboardInterrupt):
        hand_over(campaign, Clock())
    monkeypatch.setattr(Adapter, "commit", commit)
    later(**WEEKEND)

    if arrived:
        until_closed(campaign, drain)
        assert set(texted(sandbox).values()) == {1}
    else:
        sweep_and_work(drain)
        assert texted(sandbox) == {}
    batch = campaign.batches.get()
    assert batch.attempts.count() == 1
    assert batch.status == ("accepted" if arrived else "unclear")
    assert arrived or (batch.sentence and batch.evidence.exists())


def test_what_was_handed_over_before_a_weekend_is_settled_after_it(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, drain: Drain, later: Later
) -> None:
    campaign = make_running(sandbox_account)
    hand_over(campaign, Clock())
    wait_until(lambda: bool(sandbox.messages()), "the provider takes it")
    later(**WEEKEND)

    sweep_and_work(drain)

    campaign.refresh_from_db()
    assert campaign.status == "closed"
    assert set(texted(sandbox).values()) == {1}


@pytest.mark.parametrize("fault", ["nobody answers", "bulksms:status:40"])
def test_failed_attempts_are_no_progress(
    sandbox: Sandbox,
    account_at: Callable[..., Account],
    make_running: MakeCampaign,
    drain: Drain,
    later: Later,
    fault: str,
) -> None:
    """Each attempt passes the gate and is withdrawn; when the provider is back hours later, a person decides first."""
    account = account_at("bulksms")
    campaign = make_running(account, options=default_options(account))
    if fault == "nobody answers":
        sandbox.stop()
    else:
        sandbox.fault(fault)
    for _ in range(4):
        sweep_and_work(drain)
        later(minutes=11)
    if fault == "nobody answers":
        sandbox.start()
    else:
        sandbox.clear()

    sweep_and_work(drain)

    campaign.refresh_from_db()
    assert (campaign.status, campaign.reason) == ("paused", "no_progress")
    assert "Last error: " in campaign.sentence
    assert texted(sandbox) == {}


def test_the_pause_names_the_cause_of_the_last_attempt(
    account: Account, make_running: MakeCampaign, valkey: Any, later: Later
) -> None:
    campaign = make_running(account)
    batch = campaign.batches.get()
    for sentence in ("The line broke.", f"127.0.0.1 does not answer as an FTP server. {'It hung up. ' * 30}"):
        transition(transition(batch, "uploading"), "prepared", reason="unreachable", sentence=sentence)
    transition(transition(batch, "uploading"), "prepared", reason="not_running", sentence="The campaign is paused.")
    # The next attempt has begun, and the file shows nothing of the one before.
    transition(batch, "uploading")
    later(minutes=31)

    jobs.sweep(timezone.now())

    campaign.refresh_from_db()
    words = "Nothing could be handed over for 31 minutes. Last error: 127.0.0.1 does not answer as an FTP server. It"
    assert campaign.sentence.startswith(words)
    assert len(campaign.sentence) < 300


def test_a_cause_from_before_the_time_limit_began_is_not_named(
    account: Account, make_running: MakeCampaign, valkey: Any, later: Later
) -> None:
    campaign = make_running(account)
    transition(
        transition(campaign.batches.get(), "uploading"), "prepared", reason="unreachable", sentence="The line broke."
    )
    later(minutes=10)
    Campaign.objects.update(resumed_at=timezone.now())
    later(minutes=31)

    jobs.sweep(timezone.now())

    campaign.refresh_from_db()
    assert campaign.sentence == "Nothing could be handed over for 31 minutes."


def test_with_an_early_hand_over_the_time_limit_begins_with_the_approval(
    account: Account, make_running: MakeCampaign, valkey: Any, later: Later
) -> None:
    """If Baton asked only at the start time, cancelling would be the only choice left."""
    campaign = make_running(account, start_at=timezone.now() + timedelta(days=3), is_early=True)
    account.stop("login_refused", "The login was refused.")
    later(minutes=31)

    jobs.sweep(timezone.now())

    campaign.refresh_from_db()
    assert campaign.reason == "no_progress"
    assert campaign.sentence.endswith("SMSPortal main is stopped: The login was refused.")


@pytest.mark.parametrize("word", ["released", "again"])
def test_a_batch_released_an_hour_later_is_not_late(
    account: Account, make_running: MakeCampaign, approver: User, valkey: Any, later: Later, word: str
) -> None:
    campaign = make_running(account)
    batch = transition(campaign.batches.get(), "uploading")
    if word == "released":
        transition(batch, "held", reason="bytes_differ")
    else:
        transition(batch, "committing", first_intent_at=timezone.now())
        transition(batch, "unclear")
    later(hours=1)

    if word == "released":
        decisions.release(batch, approver, "It is well.", timezone.now())
    else:
        decisions.decide(
            batch, approver, "again", "The folder was empty.", timezone.now(), seen=evidence_fingerprint(batch)
        )
    jobs.sweep(timezone.now())

    campaign.refresh_from_db()
    assert campaign.status == "running"
    later(minutes=31)
    jobs.sweep(timezone.now())
    campaign.refresh_from_db()
    assert campaign.status == "paused"


def test_a_batch_past_the_campaigns_end_is_held_and_can_only_be_cancelled(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, approver: User, later: Later
) -> None:
    campaign = make_running(sandbox_account, end_at=timezone.now() + timedelta(hours=2))
    later(**WEEKEND)

    hand_over(campaign, Clock())

    batch = campaign.batches.get()
    assert (batch.status, batch.sentence) == ("held", "The time for handing it over has passed.")
    with pytest.raises(Refusal, match="can only be cancelled"):
        decisions.release(batch, approver, "Please.", timezone.now())
    assert texted(sandbox) == {}


# -- a clock that is set back


def test_a_clock_set_back_two_days_stops_nothing(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, drain: Drain, later: Later
) -> None:
    """Due times written by a fast clock are two days ahead once the clock is corrected."""
    waiting = make_running(sandbox_account, name="Waiting")
    people = waiting.ordered_lists()
    taken = make_running(sandbox_account, *people, name="Taken")
    ahead = timezone.now() + timedelta(hours=48)
    Batch.objects.filter(campaign=waiting).update(due_at=ahead, failures=1)
    Campaign.objects.update(started_at=ahead, effective_start_at=ahead)
    [batch] = taken.batches.all()
    drain_account(sandbox_account.pk, Clock(), timezone.now() + timedelta(seconds=20))
    Batch.objects.filter(pk=batch.pk).update(handed_over_at=ahead, poll_at=ahead)

    for campaign in (waiting, taken):
        until_closed(campaign, drain)

    assert set(texted(sandbox).values()) == {2}
    assert Batch.objects.filter(attempts__number__gt=1).count() == 0


@pytest.mark.parametrize(
    ("lapse", "words"),
    [
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=31, seconds=59), "31 minutes"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (timedelta(hours=60), "2 days"),
    ],
)
def test_lateness_is_described_briefly(lapse: timedelta, words: str) -> None:
    assert timing.duration_in_words(lapse) == words


# -- while it is being handed over


def test_what_was_being_uploaded_when_the_machine_slept_does_not_pass_the_gate(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    later: Later,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = make_running(sandbox_account)
    stage = Adapter.stage

    def sleeping(self: Adapter, *arguments: Any) -> Staged:
        later(hours=48)
        return stage(self, *arguments)

    monkeypatch.setattr(Adapter, "stage", sleeping)

    hand_over(campaign, Clock())

    assert (campaign.status, campaign.reason) == ("paused", "no_progress")
    assert campaign.batches.get().status == "prepared"
    assert not campaign.batches.get().attempts.exists()
    assert texted(sandbox) == {}


def test_after_the_clock_was_set_back_no_guard_is_relied_on(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_running(sandbox_account)
    ahead = timezone.now() + timedelta(hours=48)

    def dying(*arguments: Any) -> Receipt:
        raise KeyboardInterrupt

    commit = Adapter.commit
    monkeypatch.setattr(Adapter, "commit", dying)
    with pytest.raises(KeyboardInterrupt):
        hand_over(campaign, Clock())
    monkeypatch.setattr(Adapter, "commit", commit)
    batch = campaign.batches.get()
    Batch.objects.update(first_intent_at=ahead)
    batch.attempts.update(started_at=ahead)

    hand_over(campaign, Clock())

    batch.refresh_from_db()
    assert (batch.status, batch.reason) == ("unclear", "clock_set_back")
    assert texted(sandbox) == {}
