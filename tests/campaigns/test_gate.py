"""The gate honours every opt-out committed before the intent, and lets nothing unapproved pass."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

import contacts.suppression
from campaigns import decisions
from campaigns.handover import commit, gate
from campaigns.lifecycle import StaleTransition, transition
from campaigns.models import Attempt, Batch, Campaign
from contacts.suppression import suppress
from providers.base import Staged
from providers.errors import Unreachable
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, in_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture
def uploading(account: Account, make_running: MakeCampaign) -> Batch:
    batch = make_running(account).batches.get()
    return transition(batch, "uploading")


def pass_gate(batch: Batch) -> Attempt | None:
    return gate.gate(batch, Staged(), "a-name.zip", timezone.now())


def test_an_opt_out_before_the_gate_is_honoured(uploading: Batch) -> None:
    suppress(["27825550102"], "manual")

    assert pass_gate(uploading) is None

    assert not Attempt.objects.exists()


def test_a_gate_waits_for_an_opt_out_that_is_being_committed(uploading: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    writing, may_commit = threading.Event(), threading.Event()
    journal = contacts.suppression._journal

    def slow_journal(lines: list[dict[str, Any]]) -> None:
        journal(lines)
        writing.set()
        assert may_commit.wait(20)

    monkeypatch.setattr(contacts.suppression, "_journal", slow_journal)
    passed: list[Attempt | None] = []
    with in_thread(lambda: suppress(["27825550102"], "manual")):
        assert writing.wait(20)
        with in_thread(lambda: passed.append(pass_gate(uploading))):
            time.sleep(0.5)
            assert passed == []  # The gate waits for the opt-out's transaction.
            may_commit.set()

    assert passed == [None]


def test_an_opt_out_waits_for_a_gate_that_is_being_passed(uploading: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, may_go_on = threading.Event(), threading.Event()
    verdict = gate._verdict

    def slow_verdict(*arguments: Any) -> Any:
        inside.set()
        assert may_go_on.wait(20)
        return verdict(*arguments)

    monkeypatch.setattr(gate, "_verdict", slow_verdict)
    passed: list[Attempt | None] = []
    recorded: list[bool] = []

    def opt_out() -> None:
        suppress(["27825550102"], "manual")
        # The intent must be committed by the time the opt-out is: the opt-out is provably the later of the two.
        recorded.append(Attempt.objects.exists())

    with in_thread(lambda: passed.append(pass_gate(uploading))):
        assert inside.wait(20)
        with in_thread(opt_out):
            time.sleep(0.5)
            assert recorded == []  # The opt-out waits for the gate's transaction.
            may_go_on.set()

    assert passed[0] is not None
    assert recorded == [True]


def test_at_any_instant_an_opt_out_is_honoured_or_later(
    account: Account, make_running: MakeCampaign, make_list: Callable[..., Any]
) -> None:
    chance = random.Random(7)
    people = make_list()
    honoured = later = 0
    for turn in range(30):
        campaign = make_running(account, people, name=f"Turn {turn}")
        batch = transition(campaign.batches.get(), "uploading")
        passed: list[Attempt | None] = []
        intent_was_there: list[bool] = []
        gate_delay, opt_out_delay = chance.random() / 50, chance.random() / 50

        def opt_out(delay: float = opt_out_delay, batch: Batch = batch, seen: list[bool] = intent_was_there) -> None:
            time.sleep(delay)
            suppress(["27825550102"], "manual")
            seen.append(Attempt.objects.filter(batch=batch).exists())

        def gate(delay: float = gate_delay, batch: Batch = batch, result: list[Any] = passed) -> None:
            time.sleep(delay)
            result.append(pass_gate(batch))

        with in_thread(opt_out), in_thread(gate):
            pass
        if passed[0] is None:
            honoured += 1
        else:
            later += 1
            assert intent_was_there == [True], "an opt-out committed before the intent was not honoured"
        contacts.suppression.opt_back_in("27825550102", "test")
    assert honoured + later == 30


def test_a_paused_campaign_does_not_pass(uploading: Batch, operator: User) -> None:
    decisions.pause(uploading.campaign, operator)

    assert pass_gate(uploading) is None

    uploading.refresh_from_db()
    assert (uploading.status, uploading.reason) == ("prepared", "not_running")


def test_a_cancelled_campaign_cancels_the_batch(uploading: Batch, operator: User) -> None:
    decisions.cancel(uploading.campaign, operator)

    assert pass_gate(uploading) is None

    uploading.refresh_from_db()
    assert uploading.status == "cancelled"


@pytest.mark.parametrize(
    "change",
    [{"text": "Something else"}, {"sender": "OTHER"}, {"options": {"max_errors": 3}}, {"audience_digest": "0"}],
)
def test_what_was_not_approved_does_not_pass_and_pauses_the_campaign(uploading: Batch, change: dict[str, Any]) -> None:
    Campaign.objects.update(**change)

    assert pass_gate(uploading) is None

    uploading.refresh_from_db()
    uploading.campaign.refresh_from_db()
    assert uploading.status == "prepared"
    assert (uploading.campaign.status, uploading.campaign.reason) == ("paused", "approval_differs")


def test_another_login_does_not_pass(uploading: Batch) -> None:
    account = uploading.account
    account.settings = account.settings | {"username": "somebody else"}
    account.save()

    assert pass_gate(uploading) is None


def test_bytes_that_differ_are_held(uploading: Batch) -> None:
    with uploading.payload.open("rb+") as handle:
        handle.write(b"x")

    assert pass_gate(uploading) is None

    uploading.refresh_from_db()
    assert (uploading.status, uploading.reason) == ("held", "bytes_differ")


def test_a_batch_past_its_time_is_held(uploading: Batch) -> None:
    Batch.objects.update(expires_at=timezone.now())
    uploading.refresh_from_db()

    assert pass_gate(uploading) is None

    uploading.refresh_from_db()
    assert (uploading.status, uploading.reason) == ("held", "expired")


def test_the_intent_is_stored_with_its_attempt(uploading: Batch) -> None:
    attempt = pass_gate(uploading)

    assert attempt is not None
    uploading.refresh_from_db()
    assert uploading.status == "committing"
    assert uploading.first_intent_at == attempt.started_at
    assert (attempt.number, attempt.name, attempt.ending) == (1, "a-name.zip", "none")


def test_no_other_attempt_is_stored_while_an_intent_is_withdrawn(
    uploading: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pass_gate(uploading)
    assert first is not None
    taken_over = Batch.objects.select_related("campaign__account", "account").get(pk=uploading.pk)
    end, started = commit._end_attempt, ExitStack()
    refused: list[StaleTransition] = []

    def repeat() -> None:
        try:
            gate.gate(taken_over, Staged(), "another-name.zip", timezone.now(), repeated=True)
        except StaleTransition as error:
            refused.append(error)

    def end_slowly(*rest: Any, **options: Any) -> None:
        end(*rest, **options)
        started.enter_context(in_thread(repeat))
        time.sleep(0.5)

    monkeypatch.setattr(commit, "_end_attempt", end_slowly)
    with started:
        commit.commit_did_not_arrive(uploading, first, Unreachable("no_line", "No line."), timezone.now())

    assert len(refused) == 1
    assert Attempt.objects.count() == 1
    assert Batch.objects.get(pk=uploading.pk).status == "prepared"
