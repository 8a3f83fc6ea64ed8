"""Chains as a state machine: whatever happens, each number is texted at most once in a chain."""

from typing import Any

import pytest
from django.db.models import Q
from hypothesis.stateful import run_state_machine_as_test

from campaigns import chain, follow_up
from campaigns.handover import journal
from campaigns.models import Campaign, CampaignPerson
from tests.proof import machine
from tests.proof.chains import ChainRules
from tests.proof.machine import BatchLife, Figures
from tests.proof.test_state_machine import EXAMPLES, IN_EVERY_RUN, PHASES, is_found, options

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(7200)]

MUST_BE_MET = ("follow_up", "correct", "follow-ups begun", "files of follow-ups", "a process died", "commits repeated")


@pytest.fixture
def chain_type(machine_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch) -> type[BatchLife]:
    """The machine with follow-ups; copies of the database have their people too."""
    monkeypatch.setattr(machine, "COPIED", (*machine.COPIED, CampaignPerson, Campaign.editors.through))
    return type("ChainLife", (ChainRules, machine_type), {})


def test_a_few_chains_break_nothing(chain_type: type[BatchLife]) -> None:
    run_state_machine_as_test(chain_type, settings=options(6, phases=PHASES))


@pytest.mark.slow
@pytest.mark.postgresql
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


@pytest.mark.slow
def test_a_chain_that_forgets_who_was_reached_is_found(
    chain_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (chain, follow_up):
        monkeypatch.setattr(module, "may_have_been_reached", lambda: Q(pk__in=[]))

    is_found(chain_type, "texted twice in a chain")


@pytest.mark.slow
def test_a_journal_that_knows_no_chains_is_found(chain_type: type[BatchLife], monkeypatch: pytest.MonkeyPatch) -> None:
    batches_of_chain: Any = journal.batches_of_chain

    def batches_of_the_first(root: int) -> Any:
        return {stem: sums for stem, sums in batches_of_chain(root).items() if stem.startswith(f"c{root}-")}

    monkeypatch.setattr(journal, "batches_of_chain", batches_of_the_first)

    is_found(chain_type, "texted twice in a chain", restores=True)
