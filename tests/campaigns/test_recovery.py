"""After a crash Baton acts on evidence, never on its absence, and nobody is texted twice."""

import errno
import json
from collections import Counter
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from campaigns import decisions, jobs, lifecycle
from campaigns.audience import freeze as audience_freeze
from campaigns.handover import drain, journal
from campaigns.lifecycle import transition
from campaigns.models import Batch, Campaign
from campaigns.results import balance
from campaigns.results.evidence import evidence_fingerprint
from contacts.models import ContactList
from providers import points
from providers.adapters.smsportal import Adapter
from providers.base import Interpretation, ProviderState, Receipt
from providers.errors import Refused, Unclear, Unreachable
from providers.locks import hold
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import (
    Clock,
    MakeCampaign,
    approve,
    collect,
    default_options,
    freeze,
    hand_over,
    until_closed,
)

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


class Died(BaseException):
    """Like a kill: nothing between here and the end of the process runs."""


@pytest.fixture
def die(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the process die at the next call of an adapter's method, before or after the real call."""

    def arrange(when: str) -> None:
        real = Adapter.commit

        def commit(self: Adapter, *arguments: Any) -> Receipt:
            monkeypatch.setattr(Adapter, "commit", real)
            if when == "after":
                real(self, *arguments)
            raise Died

        monkeypatch.setattr(Adapter, "commit", commit)

    return arrange


def died(campaign: Campaign, clock: Clock) -> Batch:
    with pytest.raises(Died):
        hand_over(campaign, clock)
    batch = campaign.batches.get()
    assert batch.status == "committing"
    return batch


def once_each(sandbox: Sandbox) -> bool:
    texted = Counter(message["msisdn"] for message in sandbox.messages())
    return len(texted) == 5 and set(texted.values()) == {1}


def test_a_commit_whose_answer_was_lost_is_found_and_not_repeated(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock, die: Callable[[str], None]
) -> None:
    campaign = make_running(sandbox_account)
    die("after")
    died(campaign, clock)

    until_closed(campaign, clock)

    assert once_each(sandbox)
    assert campaign.batches.get().attempts.count() == 1
    assert balance.audit(campaign).outcomes["accepted"] == 5


def test_a_commit_that_never_began_is_repeated_under_its_guard(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock, die: Callable[[str], None]
) -> None:
    campaign = make_running(sandbox_account)
    die("before")
    batch = died(campaign, clock)

    hand_over(campaign, clock)
    assert campaign.batches.get().attempts.count() == 1  # It is too early for another attempt.
    clock.forward(seconds=61)
    until_closed(campaign, clock)

    assert once_each(sandbox)
    assert batch.attempts.count() == 2
    names = list(batch.attempts.values_list("name", flat=True))
    assert len(set(names)) == 2


def test_a_repeat_of_what_had_arrived_is_dropped_by_the_provider(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    die: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worst case: the file arrived, every poll before the repeat misses it, and the guard must hold."""
    campaign = make_running(sandbox_account)
    die("after")
    batch = died(campaign, clock)
    poll = Adapter.poll

    def blind(self: Adapter, remote: Any, payload: Any, attempts: Any, now: Any) -> Any:
        seen = poll(self, remote, payload, attempts, now)
        return type(seen)(seen_at=seen.seen_at, hosts=seen.hosts)

    monkeypatch.setattr(Adapter, "poll", blind)
    hand_over(campaign, clock)
    clock.forward(seconds=61)
    hand_over(campaign, clock)
    monkeypatch.setattr(Adapter, "poll", poll)
    assert batch.attempts.count() == 2
    until_closed(campaign, clock)

    assert once_each(sandbox)
    assert campaign.batches.get().status == "accepted"


def test_a_worker_that_died_while_uploading_committed_nothing(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = make_running(sandbox_account)
    stage = Adapter.stage

    def dying(*arguments: Any) -> Any:
        raise Died

    monkeypatch.setattr(Adapter, "stage", dying)
    with pytest.raises(Died):
        hand_over(campaign, clock)
    assert campaign.batches.get().status == "uploading"
    monkeypatch.setattr(Adapter, "stage", stage)

    until_closed(campaign, clock)

    assert once_each(sandbox)


def test_without_evidence_a_paused_campaign_only_polls_and_then_becomes_unclear(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    die: Callable[[str], None],
    operator: User,
) -> None:
    campaign = make_running(sandbox_account)
    die("before")
    died(campaign, clock)
    decisions.pause(campaign, operator)

    clock.forward(seconds=61)
    hand_over(campaign, clock)
    assert campaign.batches.get().status == "committing"
    clock.forward(minutes=31)
    hand_over(campaign, clock)

    batch = campaign.batches.get()
    assert batch.status == "unclear"
    assert batch.evidence.exists()
    assert sandbox.messages() == []


def test_a_cancelled_campaign_never_repeats(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    die: Callable[[str], None],
    operator: User,
) -> None:
    campaign = make_running(sandbox_account)
    die("before")
    died(campaign, clock)
    decisions.cancel(campaign, operator)

    clock.forward(seconds=61)
    hand_over(campaign, clock)

    assert campaign.batches.get().status == "unclear"
    assert sandbox.messages() == []


def test_unclear_is_resolved_by_evidence_by_itself(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock, die: Callable[[str], None]
) -> None:
    sandbox.fault("smsportal:silent")
    campaign = make_running(sandbox_account)
    hand_over(campaign, clock)
    collect(campaign, clock)
    clock.forward(minutes=16)
    collect(campaign, clock)
    assert campaign.batches.get().status == "unclear"
    assert balance.audit(campaign).outcomes["open"] == 5

    sandbox.clear()
    clock.forward(minutes=3)
    until_closed(campaign, clock)

    assert once_each(sandbox)


def test_an_unclear_batch_is_handed_over_again_only_by_a_person(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    die: Callable[[str], None],
    approver: User,
    operator: User,
) -> None:
    campaign = make_running(sandbox_account)
    die("before")
    died(campaign, clock)
    decisions.pause(campaign, operator)
    clock.forward(minutes=31)
    hand_over(campaign, clock)
    decisions.resume(campaign, operator, clock())

    batch = campaign.batches.get()
    decisions.decide(batch, approver, "again", "The folder was empty.", clock(), seen=evidence_fingerprint(batch))
    until_closed(campaign, clock)

    assert once_each(sandbox)
    assert list(campaign.batches.values_list("generation", "status")) == [(1, "superseded"), (2, "accepted")]
    assert balance.audit(campaign).balanced


@pytest.mark.parametrize(
    ("trouble", "status", "stopped"),
    [
        (Unreachable("no_line", "The server could not be reached."), "prepared", False),
        (Refused("too_big", "The file was refused."), "held", False),
        (Refused("no_folder", "The folder is missing.", account=True), "prepared", True),
        (Unclear("line_broke", "The line broke."), "committing", False),
    ],
)
def test_each_kind_of_error_has_its_transition(
    sandbox_account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
    status: str,
    stopped: bool,
) -> None:
    def refuse(*arguments: Any) -> Any:
        raise trouble

    monkeypatch.setattr(Adapter, "commit", refuse)
    campaign = make_running(sandbox_account)

    hand_over(campaign, clock)

    sandbox_account.refresh_from_db()
    assert campaign.batches.get().status == status
    assert sandbox_account.is_stopped is stopped


def test_a_refusal_after_an_attempt_that_may_have_arrived_is_unclear(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    die: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = make_running(sandbox_account)
    die("before")
    died(campaign, clock)

    def refuse(*arguments: Any) -> Any:
        raise Refused("too_big", "The file was refused.")

    monkeypatch.setattr(Adapter, "commit", refuse)
    clock.forward(seconds=61)
    hand_over(campaign, clock)

    assert campaign.batches.get().status == "unclear"


def test_who_holds_the_batch_keeps_others_away(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    campaign = make_running(sandbox_account)
    batch = campaign.batches.get()
    with hold(lifecycle.batch_lock_name(batch.pk)):
        hand_over(campaign, clock)

    assert campaign.batches.get().status == "prepared"
    assert sandbox.messages() == []


def test_each_intent_is_in_the_journal_before_the_commit(
    sandbox_account: Account, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    def commit(*arguments: Any) -> Receipt:
        for path in settings.JOURNAL_DIR.glob("intents-*.jsonl"):
            seen.extend(json.loads(line) for line in path.read_text().splitlines())
        return Receipt()

    monkeypatch.setattr(Adapter, "commit", commit)
    campaign = make_running(sandbox_account)

    hand_over(campaign, clock)

    batch = campaign.batches.get()
    assert [(line["intent"], line["attempt"], line["sha256"]) for line in seen] == [(batch.stem, 1, batch.sha256)]
    assert seen[0]["at"] == batch.attempts.get().started_at.isoformat()


def test_a_late_start_is_held_for_a_decision(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User, clock: Clock, valkey: Any
) -> None:
    campaign = approve(freeze(make_campaign(account, start_at=clock() + timedelta(minutes=5)), operator), approver)
    clock.forward(minutes=36)

    jobs.sweep(clock())

    campaign.refresh_from_db()
    assert (campaign.status, campaign.reason) == ("held", "start_missed")
    decisions.confirm_start(campaign, approver, None, clock())
    jobs.sweep(clock())
    campaign.refresh_from_db()
    assert campaign.status == "approved"


def test_a_campaign_that_cannot_hand_over_is_paused_by_the_sweep(
    account: Account, make_running: MakeCampaign, clock: Clock, valkey: Any
) -> None:
    campaign = make_running(account)
    account.stop("login_refused", "The login was refused.")
    clock.forward(minutes=31)

    jobs.sweep(clock())

    campaign.refresh_from_db()
    assert (campaign.status, campaign.reason) == ("paused", "no_progress")


def test_an_error_with_one_batch_does_not_delay_the_others(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = make_running(sandbox_account, name="First")
    second = make_running(sandbox_account, *first.ordered_lists(), name="Second")
    commit, number = Adapter.commit, "27825550100"

    def fail(self: Adapter, remote: Any, payload: Any, attempt: Any) -> Receipt:
        if payload.stem.startswith(f"c{first.pk}-"):
            raise KeyError(number)
        return commit(self, remote, payload, attempt)

    monkeypatch.setattr(Adapter, "commit", fail)
    hand_over(first, clock)
    hand_over(second, clock)

    assert second.batches.get().status == "handed_over"
    assert first.batches.get().status == "committing"
    assert "KeyError" in caplog.text
    assert number not in caplog.text


def test_unreadable_evidence_is_reported_and_polled_again_later(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = make_running(sandbox_account)
    hand_over(campaign, clock)
    read = Adapter.interpret

    def fail(*arguments: Any) -> Any:
        raise ValueError

    monkeypatch.setattr(Adapter, "interpret", fail)
    monkeypatch.setattr(Adapter, "reader", lambda *rest: None)
    clock.forward(seconds=5)
    collect(campaign, clock)
    assert "could not interpret" in campaign.batches.get().alarm
    monkeypatch.setattr(Adapter, "interpret", read)
    clock.forward(minutes=6)

    until_closed(campaign, clock)

    assert once_each(sandbox)


def test_unreadable_evidence_after_a_lost_answer_is_unclear(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    die: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = make_running(sandbox_account)
    die("after")
    died(campaign, clock)

    def fail(*arguments: Any) -> Any:
        raise ValueError

    monkeypatch.setattr(Adapter, "interpret", fail)
    monkeypatch.setattr(Adapter, "reader", lambda *rest: None)
    for _ in range(20):
        clock.forward(minutes=1)
        hand_over(campaign, clock)

    batch = campaign.batches.get()
    assert (batch.status, batch.reason) == ("unclear", "unreadable")
    assert "See the log" in batch.sentence
    assert batch.evidence.exists()


def test_a_journal_that_cannot_be_written_stops_the_commit(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_running: MakeCampaign,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = make_running(sandbox_account)
    append = journal._append

    def full(line: dict[str, Any]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal, "_append", full)
    hand_over(campaign, clock)

    batch = campaign.batches.get()
    assert (batch.status, batch.reason) == ("prepared", "journal_not_written")
    assert "No space left on device" in batch.sentence
    assert sandbox.messages() == []

    monkeypatch.setattr(journal, "_append", append)
    clock.forward(minutes=1)
    until_closed(campaign, clock)
    assert once_each(sandbox)


def test_what_may_be_with_the_provider_is_due_before_everything_else(
    account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    campaign = make_running(account)
    batch = campaign.batches.get()
    transition(batch, "uploading")
    transition(batch, "committing", due_at=clock())
    for number in range(300, 550):
        other = copy(batch)
        other.pk, other.status, other.number, other.stem, other.key = None, "prepared", number, f"stem{number}", number
        other.save(force_insert=True)
    Batch.objects.filter(pk=batch.pk).update(number=900)

    assert drain.due_batches(account, clock())[0] == batch
    account.stop("login_refused", "The login was refused.")
    assert drain.due_batches(account, clock()) == [batch]


def test_a_failed_freeze_returns_to_draft(
    account: Account,
    make_campaign: MakeCampaign,
    operator: User,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    valkey: Any,
) -> None:
    campaign = make_campaign(account)
    audience_freeze.begin_freeze(campaign, operator, clock())

    def fail(*arguments: Any) -> Any:
        raise KeyError

    monkeypatch.setattr(audience_freeze, "measure_texts", fail)
    with pytest.raises(KeyError):
        jobs.freeze(campaign.pk)

    campaign.refresh_from_db()
    assert (campaign.status, campaign.reason) == ("draft", "freeze_failed")
    assert not campaign.recipients.exists()


def test_a_stopped_account_waits_with_what_may_have_arrived(
    account_at: Callable[..., Account],
    make_list: Callable[..., ContactList],
    make_running: MakeCampaign,
    sandbox: Sandbox,
    clock: Clock,
) -> None:
    account = account_at("bulksms")
    campaign = make_running(account, make_list(count=3), options=default_options(account))
    sandbox.fault("bulksms:drop-before-answer", 1)
    hand_over(campaign, clock)
    account.stop("no_credit", "There are not enough credits.")
    for _ in range(5):
        clock.forward(seconds=30)
        hand_over(campaign, clock)
    assert campaign.batches.get().status == "committing"

    account.start()
    until_closed(campaign, clock)
    assert len(sandbox.messages("bulksms")) == 3


def test_an_account_that_is_refused_by_the_result_is_stopped(
    account_at: Callable[..., Account],
    make_list: Callable[..., ContactList],
    make_running: MakeCampaign,
    sandbox: Sandbox,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = account_at("smsportal")
    campaign = make_running(account, make_list(count=3), options=default_options(account))
    read = Adapter.interpret

    def refuse_account(*words: Any) -> Interpretation:
        interpretation = read(*words)
        return replace(interpretation, account=interpretation.state is ProviderState.REJECTED)

    monkeypatch.setattr(Adapter, "interpret", refuse_account)
    monkeypatch.setattr(Adapter, "reader", lambda *rest: None)
    sandbox.fault("smsportal:insufficient-credits", 1)
    until_closed(campaign, clock)
    account.refresh_from_db()
    assert account.stopped_code == "InsufficientCredits"
    assert campaign.events.filter(reason="account_stopped").count() == 1


def test_a_worker_that_sleeps_between_gate_and_commit_passes_the_gate_again(
    sandbox_account: Account, make_running: MakeCampaign, sandbox: Sandbox, clock: Clock
) -> None:
    campaign = make_running(sandbox_account)
    slept: list[str] = []

    def sleep_once(point: str) -> None:
        if point == "intent:journalled" and not slept:
            slept.append(point)
            clock.forward(minutes=5)

    points.listen(sleep_once)
    try:
        hand_over(campaign, clock)
    finally:
        points.listen(None)
    batch = campaign.batches.get()
    assert (batch.status, batch.reason, batch.first_intent_at) == ("prepared", "woke_late", None)
    assert journal.intents(batch.stem) == []

    until_closed(campaign, clock)
    assert [attempt.ending for attempt in batch.attempts.order_by("number")] == ["unreachable", "done"]
    assert len(sandbox.messages()) == 5
