"""Batches as a state machine: the promise holds whatever happens, and deliberate defects are detected."""

import os
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof.machine import STAGGERS, BatchLife, Figures

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(7200)]

PHASES = [Phase.generate, *([Phase.shrink] if os.environ.get("SHRINK") else [])]
#: The same examples in every run of the tests; ``make proof`` runs more, and different ones each time.
IN_EVERY_RUN = 48
#: The tests run on PostgreSQL once more, where each lock is a connection: a part of the examples is enough there.
ON_POSTGRESQL = connection.vendor == "postgresql"
EXAMPLES = int(os.environ.get("PROOF_EXAMPLES", 12 if ON_POSTGRESQL else IN_EVERY_RUN))


#: What a run must have covered to prove anything.
MUST_BE_MET = (
    "a process died",
    "batch superseded",
    "event decided",
    "event line_broke",
    "guard key",
    "guard rename",
    "guard none",
    "commits repeated",
    "repeats dropped by the provider",
    "event window_closed",
)
#: What only long runs must cover, because the planned sequences cover it too.
RARE = ("event opted_out", "committing again after it was dropped unread", *(f"stagger {kind}" for kind in STAGGERS))


def options(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=18,
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
        wanted = (*MUST_BE_MET, *(RARE if EXAMPLES > IN_EVERY_RUN else ()))
        assert not [met for met in wanted if not figures.met[met]], "the machine never reached some of it"
    print()
    print(f"{figures.examples:,} examples, 0 violations:")
    for met, count in sorted(figures.met.items()):
        print(f"  {count:>8,}  {met}")
