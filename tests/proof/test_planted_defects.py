"""The checks of the machine find defects: each is planted, and the shortest sequence that shows it is run."""

from types import ModuleType
from typing import Any

import pytest

from campaigns.handover import commit, drain, gate, recovery, unresolved
from campaigns.handover.limits import Verdict
from campaigns.handover.recovery import Decision, PollAgain, RepeatRename, Situation
from campaigns.handover.session import RemoteSession
from campaigns.lifecycle import transition
from campaigns.models import Batch
from campaigns.querysets import RecipientQuerySet
from campaigns.timing import Clock
from providers.limits import GuardKind
from providers.locks import Lock
from tests.proof.incidents import Incident
from tests.proof.machine import STAGGERS, BatchLife
from tests.proof.test_found_sequences import started_machine, sweep_repeatedly

pytestmark = pytest.mark.django_db


def lose_the_answer(machine: BatchLife) -> None:
    """A file arrives and nothing says so: the answer to its commit is lost, and no listing shows it."""
    machine.a_commit_is_cut_short(passing=2, action="die", is_hidden=True)


def always_repeat(situation: Situation) -> Decision:
    """A repeat without a guard."""
    return RepeatRename(otherwise=PollAgain(situation.now))


def start_over(batch: Batch, lock: Lock, session: RemoteSession, clock: Clock) -> None:
    """As a plain uploader does it: what was not seen to succeed is uploaded again."""
    transition(batch, "prepared", due_at=clock())


@pytest.mark.parametrize(
    ("module", "name", "defect"), [(recovery, "decide", always_repeat), (drain, "recover", start_over)]
)
def test_a_recovery_that_repeats_is_found(
    machine_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, defect: Any
) -> None:
    with started_machine(machine_type, GuardKind.NONE) as machine:
        lose_the_answer(machine)
        monkeypatch.setattr(module, name, defect)
        sweep_repeatedly(machine, 3, seconds=61)
        with pytest.raises(AssertionError, match="texted twice"):
            machine.check()


def test_a_gate_that_ignores_opt_outs_is_found(machine_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RecipientQuerySet, "opted_out", lambda recipients: recipients.none())
    with started_machine(machine_type, GuardKind.NONE) as machine:
        machine.somebody_opts_out(person=0)
        sweep_repeatedly(machine, 3, seconds=3)
        with pytest.raises(AssertionError, match="had opted out"):
            machine.check()


def test_a_gate_that_ignores_the_hours_is_found(machine_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch) -> None:
    with started_machine(machine_type, GuardKind.NONE, stagger="window") as machine:
        for campaign_id in machine.campaign_ids:
            machine.run("create_batches", campaign_id)
        for module in (drain, gate):
            monkeypatch.setattr(module, "verdict_on", lambda batch, campaign, now: Verdict(expires_at=None))
        # The hours end 20 minutes after the beginning.
        machine.later(minutes=31, incident=None)
        with pytest.raises(AssertionError, match="outside its hours"):
            machine.check()


def test_a_batch_without_a_due_time_is_found(machine_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (commit, drain, unresolved):
        monkeypatch.setattr(module, "retry_fields", lambda batch, now: {"due_at": None})
    with started_machine(machine_type, GuardKind.NONE) as machine:
        for campaign_id in machine.campaign_ids:
            machine.run("create_batches", campaign_id)
        machine.run("hand_over", machine.account_id, Incident("provider", 0, "unreachable", 0))
        with pytest.raises(AssertionError, match="is silent"):
            machine.check()


@pytest.mark.parametrize("stagger", ["", *STAGGERS])
def test_without_a_defect_nothing_is_found(machine_type: type[BatchLife], stagger: str) -> None:
    with started_machine(machine_type, GuardKind.NONE, stagger) as machine:
        machine.somebody_opts_out(person=0)
        for campaign_id in machine.campaign_ids:
            machine.run("create_batches", campaign_id)
        machine.run("hand_over", machine.account_id, Incident("provider", 0, "unreachable", 0))
        machine.check()
        lose_the_answer(machine)
        sweep_repeatedly(machine, 3, seconds=61)
        machine.later(minutes=31, incident=None)
        machine.check()
