"""Chains as a state machine: whatever happens, each number is texted at most once in a chain."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Q
from hypothesis.stateful import run_state_machine_as_test

from campaigns import chain, follow_up
from campaigns.handover import journal
from campaigns.models import Campaign, CampaignPerson
from providers.limits import GuardKind
from tests.proof import machine
from tests.proof.chains import ChainRules
from tests.proof.machine import BatchLife, Figures
from tests.proof.test_state_machine import EXAMPLES, IN_EVERY_RUN, PHASES, options

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(7200)]

MUST_BE_MET = ("follow_up", "correct", "follow-ups begun", "files of follow-ups")


@pytest.fixture
def chain_type(machine_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch) -> type[BatchLife]:
    """The machine with follow-ups; copies of the database have their people too."""
    monkeypatch.setattr(machine, "COPIED", (*machine.COPIED, CampaignPerson, Campaign.editors.through))
    return type("ChainLife", (ChainRules, machine_type), {})


def test_a_few_chains_break_nothing(chain_type: type[BatchLife]) -> None:
    run_state_machine_as_test(chain_type, settings=options(3, phases=PHASES))


@pytest.mark.slow
@pytest.mark.parametrize("restores", [False, True])
def test_nobody_is_texted_twice_in_a_chain(chain_type: type[BatchLife], figures: Figures, restores: bool) -> None:
    chain_type.restores = restores
    run_state_machine_as_test(chain_type, settings=options(EXAMPLES // 8, phases=PHASES))

    if EXAMPLES >= IN_EVERY_RUN:
        wanted = ("a copy was restored", "follow-ups begun") if restores else MUST_BE_MET
        assert not [met for met in wanted if not figures.met[met]], "the machine never reached some of it"
    print()
    print(f"{figures.examples:,} chains, 0 violations:")
    for met, count in sorted(figures.met.items()):
        print(f"  {count:>8,}  {met}")


@pytest.fixture
def begun(chain_type: type[BatchLife]) -> Iterator[BatchLife]:
    """One campaign of five people before its batches are created, and a copy of that database."""
    chain_type.guards = (GuardKind.KEY,)
    life = chain_type()
    life.begin(choice=0, both=False, behaviour="good", copied=True)
    yield life
    life.is_broken = True
    life.teardown()


def sweep_repeatedly(life: BatchLife) -> None:
    for _ in range(4):
        life.soon(seconds=3, incident=None)


def follow_up_and_check(life: BatchLife) -> None:
    """Text again everybody who can be, and check the chain against the ledger."""
    life.a_follow_up_is_made(which=0, is_begun=True)  # type: ignore[attr-defined]
    sweep_repeatedly(life)
    life.check()


def test_a_chain_that_forgets_who_was_reached_is_found(begun: BatchLife, monkeypatch: pytest.MonkeyPatch) -> None:
    begun.files_fail_and_are_followed_up(answer="row_error", which=0, incident=None)  # type: ignore[attr-defined]
    sweep_repeatedly(begun)
    begun.check()
    # The follow-up of the three who failed is over. Now everybody who failed counts as not reached by it.
    monkeypatch.setattr(chain, "may_have_been_reached", lambda: Q(pk__in=[]))
    monkeypatch.setattr(follow_up, "may_have_been_reached", lambda: Q(pk__in=[]))

    with pytest.raises(AssertionError, match="texted twice in a chain"):
        follow_up_and_check(begun)


def test_a_restored_database_texts_nobody_of_a_chain_twice(begun: BatchLife) -> None:
    begun.files_fail_and_are_followed_up(answer="reject", which=0, incident=None)  # type: ignore[attr-defined]
    sweep_repeatedly(begun)
    begun.an_older_copy_is_restored(which=0)
    sweep_repeatedly(begun)

    follow_up_and_check(begun)

    assert begun.met["refused follow_up: restored"]


def test_a_journal_that_knows_no_chains_is_found(begun: BatchLife, monkeypatch: pytest.MonkeyPatch) -> None:
    batches_of_chain: Any = journal.batches_of_chain

    def batches_of_the_first(root: int) -> Any:
        return {stem: sums for stem, sums in batches_of_chain(root).items() if stem.startswith(f"c{root}-")}

    monkeypatch.setattr(journal, "batches_of_chain", batches_of_the_first)
    begun.files_fail_and_are_followed_up(answer="reject", which=0, incident=None)  # type: ignore[attr-defined]
    sweep_repeatedly(begun)
    begun.an_older_copy_is_restored(which=0)
    sweep_repeatedly(begun)

    with pytest.raises(AssertionError, match="texted twice in a chain"):
        follow_up_and_check(begun)
