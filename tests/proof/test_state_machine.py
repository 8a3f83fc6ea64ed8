"""Batches as a state machine: the promise holds whatever happens, and deliberate defects are detected."""

import os
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from campaigns.handover import commit, drain, gate, recovery, unresolved
from campaigns.handover.limits import Verdict
from campaigns.handover.recovery import Decision, PollAgain, RepeatRename, Situation
from campaigns.handover.session import RemoteSession
from campaigns.lifecycle import transition
from campaigns.models import Batch
from campaigns.querysets import RecipientQuerySet
from campaigns.timing import Clock
from providers.base import GuardKind
from providers.locks import Lock
from tests.proof.machine import BatchLife, Figures

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(7200)]

PHASES = [Phase.generate, *([Phase.shrink] if os.environ.get("SHRINK") else [])]
#: The same examples in every run of the tests; ``make proof`` runs more, and different ones each time.
IN_EVERY_RUN = 200
#: The tests run on PostgreSQL once more, where each lock is a connection: a part of the examples is enough there.
ON_POSTGRESQL = connection.vendor == "postgresql"
EXAMPLES = int(os.environ.get("PROOF_EXAMPLES", 50 if ON_POSTGRESQL else IN_EVERY_RUN))


#: What a run must have covered to prove anything.
MUST_BE_MET = (
    "a process died",
    "batch superseded",
    "event decided",
    "event line_broke",
    "event opted_out",
    "guard key",
    "guard rename",
    "guard none",
    "commits repeated",
    "repeats dropped by the provider",
    "committing again after it was dropped unread",
    "stagger window",
    "stagger pace",
    "stagger canary",
    "event window_closed",
)


def options(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=18,
        deadline=None,
        database=None,
        derandomize="PROOF_EXAMPLES" not in os.environ,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def test_a_dozen_examples_break_nothing(machine_type: type[BatchLife]) -> None:
    run_state_machine_as_test(machine_type, settings=options(12, phases=PHASES))


@pytest.mark.slow
@pytest.mark.postgresql
def test_the_promise_holds_when_older_copies_come_back(machine_type: type[BatchLife], figures: Figures) -> None:
    run_state_machine_as_test(machine_type, settings=options(EXAMPLES // 4, phases=PHASES))

    assert figures.met["a copy was restored"] or EXAMPLES < IN_EVERY_RUN, "no older copy ever came back"


@pytest.mark.slow
@pytest.mark.postgresql
def test_the_promise_holds_whatever_happens(machine_type: type[BatchLife], figures: Figures) -> None:
    machine_type.restores = False
    run_state_machine_as_test(machine_type, settings=options(EXAMPLES, phases=PHASES))

    if EXAMPLES >= IN_EVERY_RUN:
        assert not [met for met in MUST_BE_MET if not figures.met[met]], "the machine never reached some of it"
    print()
    print(f"{figures.examples:,} examples, 0 violations:")
    for met, count in sorted(figures.met.items()):
        print(f"  {count:>8,}  {met}")


def is_found(machine_type: type[BatchLife], words: str, *guards: GuardKind) -> None:
    """The machine finds the violation within a few hundred examples."""
    # None of these depends on older copies, and examples without them are much shorter.
    machine_type.restores = False
    machine_type.guards = guards or machine_type.guards
    few = options(400, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError, match=words):
        run_state_machine_as_test(machine_type, settings=few)


@pytest.mark.slow
def test_a_repeat_without_a_guard_is_found(machine_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch) -> None:
    def always_repeat(situation: Situation) -> Decision:
        return RepeatRename(otherwise=PollAgain(situation.now))

    monkeypatch.setattr(recovery, "decide", always_repeat)

    # Repeats without end never come to rest either; here the texts count.
    monkeypatch.setattr(machine_type, "come_to_rest", lambda life: None)

    # Which violation the first repeat leads to depends on the examples.
    is_found(machine_type, "texted twice|was texted", GuardKind.NONE)


@pytest.mark.slow
def test_a_recovery_that_starts_over_is_found(machine_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch) -> None:
    """As a plain uploader does it: what was not seen to succeed is uploaded again."""

    def start_over(batch: Batch, lock: Lock, session: RemoteSession, clock: Clock) -> None:
        transition(batch, "prepared", due_at=clock())

    monkeypatch.setattr(drain, "recover", start_over)
    # The texts count, which the steps show; coming to rest takes most of the time of an example.
    monkeypatch.setattr(machine_type, "come_to_rest", lambda life: None)

    is_found(machine_type, "texted")


@pytest.mark.slow
def test_a_gate_that_ignores_opt_outs_is_found(machine_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RecipientQuerySet, "opted_out", lambda recipients: recipients.none())

    is_found(machine_type, "had opted out")


@pytest.mark.slow
def test_a_gate_that_ignores_the_hours_is_found(machine_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (drain, gate):
        monkeypatch.setattr(module, "verdict_on", lambda batch, campaign, now: Verdict(expires_at=None))
    monkeypatch.setattr(machine_type, "come_to_rest", lambda life: None)

    is_found(machine_type, "outside its hours|in the hour from")


@pytest.mark.slow
def test_a_batch_without_a_due_time_is_found(machine_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (commit, drain, unresolved):
        monkeypatch.setattr(module, "retry_fields", lambda batch, now: {"due_at": None})

    is_found(machine_type, "is silent")
