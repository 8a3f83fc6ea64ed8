"""Sequences that the machine found, replayed step by step. A strict xfail marks an open defect: once it is fixed,
remove the mark and let the machine do the same (``changes_texts``, ``restores``, ``decides_late``).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from campaigns import decisions
from campaigns.models import Batch, Campaign, Event
from providers.limits import GuardKind
from tests.proof.incidents import Incident
from tests.proof.machine import BatchLife

pytestmark = pytest.mark.django_db


@pytest.fixture
def begun(machine_type: type[BatchLife]) -> Iterator[BatchLife]:
    """One campaign of five people, with a provider that remembers every key, before its batches are created."""
    with started_machine(machine_type, GuardKind.KEY) as machine:
        yield machine


@contextmanager
def started_machine(machine_type: type[BatchLife], guard: GuardKind, stagger: str = "") -> Iterator[BatchLife]:
    """One campaign of five people, with a provider of that guard, before its batches are created."""
    machine_type.guards = (guard,)
    machine = machine_type()
    machine.begin(choice=0, both=False, behaviour="good", copied=False, stagger=stagger)
    try:
        yield machine
    finally:
        machine.is_broken = True
        machine.teardown()


def sweep_repeatedly(machine: BatchLife, times: int, *, seconds: int) -> None:
    """The sweep runs this many times, each so many seconds later."""
    for _ in range(times):
        machine.soon(seconds=seconds, incident=None)


def unclear_for_days(machine: BatchLife) -> Batch:
    """A batch of which the provider showed nothing until Baton stopped polling."""
    machine.soon(seconds=0, incident=None)
    machine.provider_changes(behaviour="hiding")
    machine.provider_changes(behaviour="row_error")
    machine.soon(seconds=1, incident=None)
    for _ in range(3):
        machine.later(minutes=4500, incident=None)
    return Batch.objects.filter(status="unclear").earliest("pk")


def test_a_text_changed_and_put_back_is_never_texted(begun: BatchLife) -> None:
    begun.soon(seconds=0, incident=None)
    begun.the_text_is_changed_behind_the_approval(which=0)
    begun.somebody_opts_out(person=0)
    sweep_repeatedly(begun, 2, seconds=1)
    begun.the_texts_are_put_back()
    campaign = Campaign.objects.get(pk=begun.campaign_ids[0])
    if campaign.status == "paused":
        decisions.resume(campaign, begun.setup.approver, begun.clock())
    begun.soon(seconds=1, incident=None)

    begun.check()


def test_a_file_is_created_again_without_somebody_who_opted_out(begun: BatchLife) -> None:
    begun.run("create_batches", begun.campaign_ids[0])
    begun.somebody_opts_out(person=0)
    sweep_repeatedly(begun, 3, seconds=61)

    assert Event.objects.filter(batch__isnull=False, reason="opted_out").exists()
    begun.check()


def test_a_file_that_was_dropped_unread_is_handed_over_again(begun: BatchLife) -> None:
    begun.run("create_batches", begun.campaign_ids[0])
    begun.files_are_read_early(incident=None)
    begun.provider_changes(behaviour="good")
    sweep_repeatedly(begun, 3, seconds=61)

    again = Event.objects.filter(from_status__in=("handed_over", "processing"), to_status="committing")
    assert again.exists()
    assert begun.provider.ledger
    begun.check()


def test_a_batch_that_a_person_marks_as_handed_over_is_polled(begun: BatchLife) -> None:
    batch = unclear_for_days(begun)
    begun.decide(batch, "handed_over")
    sweep_repeatedly(begun, 2, seconds=61)

    begun.check()


def test_a_copy_from_before_the_batches_texts_nobody_again(begun: BatchLife) -> None:
    begun.the_database_is_copied()
    begun.soon(seconds=0, incident=None)
    begun.somebody_opts_out(person=1)
    sweep_repeatedly(begun, 3, seconds=1)
    begun.somebody_opts_back_in(person=1)
    begun.an_older_copy_is_restored(which=0)
    sweep_repeatedly(begun, 3, seconds=1)

    begun.check()


@pytest.mark.parametrize("guard", list(GuardKind))
def test_a_copy_from_before_the_batches_texts_nobody_in_an_additional_file(
    machine_type: type[BatchLife], guard: GuardKind
) -> None:
    with started_machine(machine_type, guard) as machine:
        machine.the_database_is_copied()
        machine.somebody_opts_out(person=1)
        sweep_repeatedly(machine, 4, seconds=3)
        machine.somebody_opts_back_in(person=1)
        machine.an_older_copy_is_restored(which=0)
        sweep_repeatedly(machine, 6, seconds=61)

        machine.check()
        assert Campaign.objects.get(pk=machine.campaign_ids[0]).reason == "restored"


@pytest.mark.parametrize("guard", [GuardKind.KEY, GuardKind.RENAME])
@pytest.mark.parametrize("was_made_anew", [False, True])
def test_a_copy_from_within_a_commit_repeats_nothing_that_was_withdrawn(
    machine_type: type[BatchLife], guard: GuardKind, was_made_anew: bool
) -> None:
    with started_machine(machine_type, guard) as machine:
        machine.run("create_batches", machine.campaign_ids[0])
        machine.run("hand_over", machine.account_id, Incident("commit", 0, "copied", 0))
        machine.somebody_opts_out(person=0)
        if was_made_anew:
            sweep_repeatedly(machine, 4, seconds=3)
        machine.an_older_copy_is_restored(which=0)
        sweep_repeatedly(machine, 6, seconds=61)

        machine.check()
        assert machine.copies
        assert Batch.objects.filter(status="unclear", reason="restored").count() == 1


def test_after_a_restore_a_repeat_has_a_number_of_its_own(begun: BatchLife) -> None:
    begun.soon(seconds=0, incident=None)
    begun.the_database_is_copied()
    begun.run("hand_over", begun.account_id, Incident("commit", 0, "unreachable", 0))
    begun.later(minutes=2, incident=Incident("commit", 0, "die", 0))
    begun.an_older_copy_is_restored(which=0)
    sweep_repeatedly(begun, 4, seconds=61)

    begun.check()


def test_bytes_that_nobody_was_texted_are_never_accepted(begun: BatchLife) -> None:
    begun.the_database_is_copied()
    sweep_repeatedly(begun, 3, seconds=3)
    begun.somebody_opts_out(person=0)
    begun.an_older_copy_is_restored(which=0)
    sweep_repeatedly(begun, 4, seconds=61)

    begun.check()


def test_a_batch_in_the_journal_is_not_cancelled_unseen(begun: BatchLife) -> None:
    begun.soon(seconds=0, incident=None)
    begun.the_database_is_copied()
    sweep_repeatedly(begun, 2, seconds=3)
    begun.an_older_copy_is_restored(which=0)
    begun.person("cancel", begun.campaign_ids[0])
    sweep_repeatedly(begun, 3, seconds=61)

    assert begun.provider.ledger
    assert not Batch.objects.filter(status="cancelled").exists()


def test_a_file_that_was_damaged_after_the_hand_over_is_unclear(begun: BatchLife) -> None:
    begun.soon(seconds=0, incident=None)
    begun.provider_changes(behaviour="hiding")
    begun.soon(seconds=3, incident=None)
    for batch in Batch.objects.all():
        with batch.payload.open("rb+") as handle:
            handle.write(b"x")
    for _ in range(3):
        begun.later(minutes=130, incident=None)
    begun.stumbles.clear()

    assert not Batch.objects.filter(status="handed_over").exists()
