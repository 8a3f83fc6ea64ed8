"""A late worker, a slow poll or a restored database undoes nothing that others did."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns import decisions, jobs
from campaigns.handover import batches, commit, gate, journal
from campaigns.handover.session import RemoteSession
from campaigns.lifecycle import StaleTransition, transition
from campaigns.models import Batch, Campaign, Recipient, RecipientOutcome
from campaigns.results import balance, poll, settle
from campaigns.results.evidence import evidence_fingerprint, payload_of, plain_attempt
from contacts.errors import Refusal
from contacts.models import ContactList
from contacts.suppression import is_suppressed, suppress
from providers import points
from providers.adapters.smsportal import Adapter
from providers.base import Ending, Interpretation, Observation, Outcome, Payload, ProviderState, Receipt, Result, Staged
from providers.errors import Refused, Unclear, Unreachable
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, default_options, hand_over, in_thread, until_closed

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

At = Callable[[str, Callable[[], Any]], None]


@pytest.fixture
def at() -> Iterator[At]:
    """Runs an action once, when a point is first reached: ``at("commit:begin", action)``."""

    def once(point: str, action: Callable[[], Any]) -> None:
        def listener(reached: str) -> None:
            if reached == point:
                points.listen(None)
                action()

        points.listen(listener)

    yield once
    points.listen(None)


def batch_of(campaign: Campaign) -> Batch:
    """The campaign's only batch, as another worker would read it."""
    return Batch.objects.select_related("campaign__account", "account").get(campaign=campaign)


def texted(sandbox: Sandbox, provider: str = "smsportal") -> Counter[str]:
    return Counter(line["msisdn"] for line in sandbox.messages(provider))


def make_unclear(batch: Batch, clock: Clock) -> Batch:
    transition(batch, "uploading")
    transition(batch, "committing", first_intent_at=clock())
    return transition(batch, "unclear", reason="no_evidence", sentence="The connection broke.", due_at=None)


def restore_to(batch: Batch, status: str) -> None:
    """As if an older copy of the database were back, from when the batch was ``status`` and nothing was committed."""
    batch.attempts.all().delete()
    batch.events.all().delete()
    Batch.objects.filter(pk=batch.pk).update(
        status=status, first_intent_at=None, handed_over_at=None, poll_at=None, due_at=timezone.now()
    )


# -- what the journal knows and the restored database does not


def test_a_leftover_of_a_cancelled_campaign_is_polled_when_the_journal_knows_it(
    sandbox_account: Account, make_running: MakeCampaign, clock: Clock, operator: User
) -> None:
    campaign = make_running(sandbox_account)
    hand_over(campaign, clock)
    restore_to(batch_of(campaign), "uploading")

    decisions.cancel(campaign, operator)
    jobs._cancel_leftovers()

    batch = batch_of(campaign)
    assert (batch.status, batch.attempts.count()) == ("committing", 1)


def test_a_held_batch_that_a_person_cancels_is_polled_when_the_journal_knows_it(
    sandbox_account: Account, make_running: MakeCampaign, clock: Clock, approver: User
) -> None:
    campaign = make_running(sandbox_account)
    hand_over(campaign, clock)
    restore_to(batch_of(campaign), "held")

    decisions.cancel_batch(batch_of(campaign), approver, "Not wanted any more.")

    batch = batch_of(campaign)
    assert (batch.status, batch.attempts.count()) == ("committing", 1)


# -- workers that were stopped while another took over


@pytest.mark.parametrize(
    ("trouble", "becomes"),
    [
        (Unreachable("lost", "The line was lost."), "committing"),
        (Refused("login_refused", "The login was refused.", account=True), "unclear"),
    ],
    ids=["unreachable", "refused"],
)
def test_a_late_refusal_does_not_overrule_a_later_attempt(
    account_at: Callable[..., Account],
    make_list: Callable[..., ContactList],
    make_running: MakeCampaign,
    sandbox: Sandbox,
    clock: Clock,
    trouble: Refused | Unreachable,
    becomes: str,
) -> None:
    account = account_at("gatewayapi")
    campaign = make_running(account, make_list(count=3), options=default_options(account))
    batch = batch_of(campaign)
    payload = payload_of(batch)
    transition(batch, "uploading")
    with RemoteSession(account) as remote_session:
        name = account.adapter.attempt_name(payload, 1)
        staged = account.adapter.stage(remote_session.remote(), payload, name)
        stopped = gate.gate(batch, staged, name, clock())
        assert stopped is not None
        journal.intend(batch, 1, name, clock())
        # Another worker repeats the rename, and its answer is lost.
        taken_over = batch_of(campaign)
        later = gate.gate(taken_over, staged, name, clock(), repeated=True)
        assert later is not None
        journal.intend(taken_over, 2, name, clock())
        account.adapter.commit(remote_session.remote(), payload, plain_attempt(later))
        commit._end_attempt(later, Ending.UNCLEAR, clock(), Unclear("rename_broken", "The answer was lost."))

    commit.commit_did_not_arrive(batch, stopped, trouble, clock())

    assert batch_of(campaign).status == becomes
    assert [line["attempt"] for line in journal.intents(batch.stem)] == [1, 2]
    account.refresh_from_db()
    account.start()
    clock.forward(seconds=10)
    until_closed(campaign, clock)
    assert sorted(texted(sandbox, "gatewayapi").values()) == [1, 1, 1]


def test_a_worker_that_was_stopped_just_before_the_commit_commits_nothing(
    sandbox_account: Account, make_running: MakeCampaign, sandbox: Sandbox, clock: Clock, at: At
) -> None:
    campaign = make_running(sandbox_account)
    at("commit:begin", lambda: clock.forward(hours=72))

    hand_over(campaign, clock)

    batch = batch_of(campaign)
    assert (batch.status, batch.reason, batch.first_intent_at) == ("prepared", "woke_late", None)
    assert journal.intents(batch.stem) == []
    assert not texted(sandbox)


def test_an_answer_is_kept_when_another_has_taken_the_batch_over(
    sandbox_account: Account, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_running(sandbox_account)
    commit = Adapter.commit

    def slow(self: Adapter, remote: Any, payload: Payload, attempt: Any) -> Receipt:
        receipt = commit(self, remote, payload, attempt)
        transition(batch_of(campaign), "unclear", reason="no_evidence", sentence="Another gave it up.", due_at=None)
        return receipt

    monkeypatch.setattr(Adapter, "commit", slow)

    hand_over(campaign, clock)

    batch = batch_of(campaign)
    assert (batch.status, batch.attempts.get().ending) == ("unclear", "done")


def test_nothing_is_repeated_that_another_has_settled(
    account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    campaign = make_running(account)
    batch = transition(batch_of(campaign), "uploading")
    assert gate.gate(batch, Staged(), "first", clock())
    transition(batch_of(campaign), "accepted", settled_at=clock())

    with pytest.raises(StaleTransition):
        gate.gate(batch, Staged(), "second", clock(), repeated=True)

    assert [attempt.name for attempt in batch.attempts.all()] == ["first"]


def test_an_intent_that_the_account_refused_is_withdrawn_and_its_time_cleared(
    sandbox_account: Account, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_running(sandbox_account)

    def refuse(*arguments: Any) -> Receipt:
        raise Refused("folder_forbidden", "The folder is closed.", account=True)

    monkeypatch.setattr(Adapter, "commit", refuse)

    hand_over(campaign, clock)

    batch = batch_of(campaign)
    assert (batch.status, batch.first_intent_at) == ("prepared", None)
    assert journal.intents(batch.stem) == []


# -- polls and decisions at the same time


def test_a_poll_that_began_before_a_decision_settles_nobody_after_it(
    sandbox_account: Account, make_running: MakeCampaign, sandbox: Sandbox, clock: Clock, approver: User
) -> None:
    campaign = make_running(sandbox_account)
    batch = make_unclear(batch_of(campaign), clock)
    polled_at = batch_of(campaign)
    decisions.decide(
        batch, approver, "again", "The provider knows nothing of it.", clock(), seen=evidence_fingerprint(batch)
    )
    one = Recipient.objects.of_batch(batch).order_by("msisdn").values_list("msisdn", flat=True)[0]

    seen = Interpretation(ProviderState.UNKNOWN, outcomes=(Outcome(one, Result.ACCEPTED, "id"),), unclear=True)
    settle.settle(polled_at, seen, clock())

    assert not batch.outcomes.exists()
    assert not balance.audit(Campaign.objects.get(pk=campaign.pk)).mismatch
    # So an opt-out that arrives now takes effect in the new generation.
    suppress([one], "manual")
    until_closed(campaign, clock)
    assert sorted(texted(sandbox).values()) == [1, 1, 1, 1]
    assert one not in texted(sandbox)


@pytest.mark.parametrize("status", ["handed_over", "processing"])
def test_two_polls_at_once_count_an_outcome_once(
    account: Account, make_running: MakeCampaign, clock: Clock, at: At, status: str
) -> None:
    campaign = make_running(account)
    batch = transition(batch_of(campaign), "uploading")
    transition(batch, "committing", first_intent_at=clock())
    transition(batch, "handed_over", handed_over_at=clock(), poll_at=clock())
    if status == "processing":
        transition(batch, "processing")
    one, other = batch_of(campaign), batch_of(campaign)
    person = Recipient.objects.of_batch(batch)[0].msisdn
    seen = Interpretation(ProviderState.PROCESSING, outcomes=(Outcome(person, Result.ROW_ERROR, "id"),))
    at("settle:begin", lambda: settle.settle(other, seen, clock()))

    settle.settle(one, seen, clock())

    batch = batch_of(campaign)
    assert (batch.status, batch.alarm) == ("processing", "")
    assert batch.row_errors == batch.outcomes.count() == 1


def test_a_refused_decision_does_not_extend_the_time_limit(
    account: Account, make_running: MakeCampaign, clock: Clock, approver: User
) -> None:
    campaign = make_running(account)
    batch = make_unclear(batch_of(campaign), clock)
    Campaign.objects.update(approval_hash="0" * 64)

    with pytest.raises(Refusal):
        decisions.decide(
            batch, approver, "again", "The provider knows nothing of it.", clock(), seen=evidence_fingerprint(batch)
        )

    assert Campaign.objects.get().resumed_at == campaign.resumed_at


@pytest.mark.django_db(transaction=True)
def test_a_campaign_is_cancelled_while_one_of_its_batches_is_rebuilt(
    account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    operator: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = make_running(account)
    suppress(["27825550101"], "manual")
    rest = ExitStack()
    supersede_transition = batches.transition

    def cancel_meanwhile(row: Any, *words: Any, **fields: Any) -> Any:
        moved = supersede_transition(row, *words, **fields)
        rest.enter_context(in_thread(lambda: decisions.cancel(Campaign.objects.get(pk=campaign.pk), operator)))
        time.sleep(0.5)
        return moved

    monkeypatch.setattr(batches, "transition", cancel_meanwhile)
    with rest:
        batches.supersede(batch_of(campaign), clock(), reason="opted_out", sentence="Made anew.")

    assert Campaign.objects.get().status == "cancelled"
    assert set(Batch.objects.values_list("status", flat=True)) == {"superseded", "cancelled"}
    assert balance.audit(Campaign.objects.get()).balanced


def test_an_opt_out_counts_also_where_the_file_had_other_bytes(
    account: Account, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make_unclear(batch_of(make_running(account)), clock)
    Batch.objects.update(reason=settle.RESTORED_OTHER_BYTES)
    opted_out = Outcome("27825550101", Result.ROW_ERROR, "MSISDN.Optout", "Opted out.", True, "report.txt", 1)
    monkeypatch.setattr(Adapter, "poll", lambda *rest: Observation(clock(), ("ftp.example.org",)))
    accepted = Interpretation(ProviderState.ACCEPTED, outcomes=(opted_out,))
    monkeypatch.setattr(Adapter, "interpret", lambda *rest: accepted)
    monkeypatch.setattr(Adapter, "reader", lambda *rest: None)

    poll.poll(batch_of(batch.campaign), None, clock())

    assert is_suppressed("27825550101")
    assert (Batch.objects.get().status, RecipientOutcome.objects.count()) == ("unclear", 0)


def test_a_passed_test_starts_an_account_for_good_that_an_unclear_file_had_stopped(
    account: Account, make_running: MakeCampaign, clock: Clock, approver: User
) -> None:
    batch = make_unclear(batch_of(make_running(account)), clock)
    frozen = Interpretation(ProviderState.UNKNOWN, "frozen", "The account is frozen.", unclear=True, account=True)
    settle.settle(batch, frozen, clock())
    account.refresh_from_db()
    assert account.stopped_code == "frozen"

    account.start()
    settle.settle(batch_of(batch.campaign), frozen, clock())
    asked = batch_of(batch.campaign)
    decisions.decide(asked, approver, "handed_over", "They say it was.", clock(), seen=evidence_fingerprint(asked))
    settle.settle(batch_of(batch.campaign), frozen, clock())

    account.refresh_from_db()
    assert not account.is_stopped
