"""After an older copy of the database is restored the journal is ahead, and Baton polls before any commit."""

import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from campaigns.handover import journal, restore
from campaigns.models import Attempt, Batch, Campaign, Event
from contacts.models import Suppression
from contacts.suppression import suppress
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, hand_over, until_closed

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def test_a_batch_in_the_journal_is_polled_and_not_handed_over_again(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    campaign = make_running(sandbox_account)
    before: Any = Batch.objects.filter(campaign=campaign).values().get()
    hand_over(campaign, clock)
    # As if the copy had been made just after the batches were created.
    Event.objects.filter(batch__isnull=False).delete()
    Attempt.objects.all().delete()
    Batch.objects.filter(pk=before["id"]).update(**before)

    until_closed(campaign, clock)

    assert len(sandbox.messages()) == 5
    batch = campaign.batches.get()
    assert (batch.status, batch.attempts.count()) == ("accepted", 1)


@pytest.mark.parametrize("opted_out", [[], ["27825550102"]])
def test_a_batch_only_in_the_journal_is_not_repeated_to_somebody_who_opted_out_since(
    sandbox: Sandbox,
    account_at: Callable[..., Account],
    make_running: MakeCampaign,
    clock: Clock,
    opted_out: list[str],
) -> None:
    campaign = make_running(account_at("bulksms"))
    batch = campaign.batches.get()
    journal.intend(batch, 1, batch.name, clock())
    suppress(opted_out, "manual", "by phone")

    for _ in range(5):
        hand_over(campaign, clock)
        clock.forward(seconds=70)

    batch.refresh_from_db()
    assert (batch.status == "unclear", len(sandbox.messages())) == ((True, 0) if opted_out else (False, 5))


def test_a_new_campaign_never_gets_an_id_the_journal_names(
    account: Account, make_running: MakeCampaign, make_campaign: MakeCampaign, clock: Clock
) -> None:
    campaign = make_running(account)
    batch = campaign.batches.get()
    batch.campaign = Campaign(pk=campaign.pk + 1000)
    journal.intend(batch, 1, "name.zip", clock())

    restore.replay_journal()

    assert make_campaign(account, *campaign.ordered_lists(), name="After the restore").pk == campaign.pk + 1001


def test_forgotten_opt_outs_are_recorded_again(db: None) -> None:
    suppress(["27825550102"], "manual", "by phone")
    Suppression.objects.all()._raw_delete("default")

    assert restore.replay_journal()[0] == 1
    assert Suppression.objects.get().note == "by phone"
    assert restore.replay_journal()[0] == 0


@pytest.fixture
def journalled(account: Account, make_running: MakeCampaign, clock: Clock) -> tuple[Batch, Path]:
    """A batch with one intent, and the journal that contains it."""
    batch = make_running(account).batches.get()
    journal.intend(batch, 1, "one.zip", clock())
    [path] = settings.JOURNAL_DIR.glob("intents-*.jsonl")
    return batch, path


def test_a_line_truncated_by_a_crash_hides_no_other(journalled: tuple[Batch, Path], clock: Clock) -> None:
    batch, path = journalled
    with path.open("ab") as handle:
        handle.write(b'{"at": "2026')

    journal.intend(batch, 2, "two.zip", clock())

    assert [line["attempt"] for line in journal.intents(batch.stem)] == [1, 2]


def test_a_line_that_the_system_takes_in_pieces_is_written_whole(
    account: Account, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make_running(account).batches.get()
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:20]))

    journal.intend(batch, 1, "one.zip", clock())

    assert [line["name"] for line in journal.intents(batch.stem)] == ["one.zip"]


def test_a_line_waits_for_the_one_that_another_process_is_writing(journalled: tuple[Batch, Path], clock: Clock) -> None:
    batch, path = journalled
    with path.open("ab", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(b'{"at": "2026-01-05T08:00:00+00:00", "intent"')
        writing = threading.Thread(target=journal.intend, args=(batch, 2, "two.zip", clock()))
        writing.start()
        writing.join(0.3)
        assert writing.is_alive()
        other.write(b': "c9-b0001", "attempt": 1}\n')
    writing.join(20)

    assert [line["attempt"] for line in journal.intents(batch.stem)] == [1, 2]
    assert [line["attempt"] for line in journal.intents("c9-b0001")] == [1]


def test_a_withdrawn_intent_is_no_intent(account: Account, make_running: MakeCampaign, clock: Clock) -> None:
    batch = make_running(account).batches.get()
    journal.intend(batch, 1, "one.zip", clock())

    journal.withdraw(batch, 1, clock())

    assert journal.intents(batch.stem) == []
    assert Campaign.objects.count() == 1
