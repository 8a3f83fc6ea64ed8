"""Two hosts hand over one campaign, and one is killed: nobody is texted twice, nobody is forgotten, the books balance.

A host here is a supervisor on a data directory of its own, as ``make run ROLES=handover`` starts it.
"""

import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from campaigns.lifecycle import batch_lock_name
from campaigns.models import Attempt, Batch, Campaign
from campaigns.results import balance
from contacts.models import ContactList
from providers import identity, locks, registry
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import MakeCampaign
from tests.hosts import shared_environment
from tests.supervised import Baton, own_baton
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="several hosts need PostgreSQL"),
    pytest.mark.timeout(600),
]

FILES, ROWS = 40, 5


@pytest.fixture
def campaign(
    transactional_db: None,
    sandbox_account: Account,
    make_list: Callable[..., ContactList],
    make_running: MakeCampaign,
    monkeypatch: pytest.MonkeyPatch,
) -> Campaign:
    """A running campaign of many small files."""
    adapter = registry.all_adapters()["smsportal"]
    monkeypatch.setattr(adapter, "limits", replace(adapter.limits, rows=ROWS))
    return make_running(sandbox_account, make_list(count=FILES * ROWS))


@pytest.mark.usefixtures("valkey")
def test_one_of_two_hosts_is_killed_and_a_stranger_is_refused(campaign: Campaign, sandbox: Sandbox) -> None:
    # Each file takes half a second, so that both hosts are in the middle of one when the first is killed.
    sandbox.fault("smsportal:slow")
    identity.verify()
    campaign.account.stop("not_yet", "Both hosts start first.")
    environment: dict[str, Any] = {**shared_environment(), "ROLES": "handover"}
    gone = campaign.batches.exclude(handed_over_at=None)
    with own_baton() as first, own_baton() as second, own_baton() as stranger:
        for name, host in (("first", first), ("second", second)):
            host.start(**{**environment, "DATABASE_URL": f"{environment['DATABASE_URL']}?application_name={name}"})
            wait_until(partial(_is_ready_or_ended, host), "the host is ready", 240)
            assert not host.ended(), host.said()
            assert not any("gunicorn" in command for command in host.pids().values())
        campaign.account.start()
        # The account has two connections, and each host one worker for them.
        wait_until(
            lambda: gone.exists() and all(_is_inside_a_file(name, campaign) for name in ("first", "second")),
            "both hosts are in the middle of a file",
            120,
        )
        first.signal(signal.SIGKILL)
        wait_until(first.is_gone, "every process of the first host has ended", 20)
        assert campaign.batches.filter(handed_over_at=None).exists()

        _assert_refused(stranger, environment)

        wait_until(lambda: not campaign.batches.exclude(status="accepted").exists(), "all are accepted", 300)
        wait_until(lambda: Campaign.objects.get(pk=campaign.pk).status == "closed", "the campaign has ended", 60)
        second.signal(signal.SIGTERM)
        assert second.exit_code(150) == 0

    texted = Counter(message["msisdn"] for message in sandbox.messages())
    assert Counter(texted.values()) == {1: FILES * ROWS}
    assert Batch.objects.count() == FILES
    # The first host was handing over files when it was killed: another worker took them over.
    died_before_commit = campaign.events.filter(reason="worker_died")
    died_within_commit = Attempt.objects.filter(batch__campaign=campaign, ended_at=None)
    assert died_before_commit.exists() or died_within_commit.exists()
    campaign.refresh_from_db()
    books = balance.of(campaign)
    assert not books.mismatch
    assert books.outcomes["accepted"] == FILES * ROWS


def _is_ready_or_ended(host: Baton) -> bool:
    return "ready: handover" in host.said() or host.ended()


def _is_inside_a_file(host: str, campaign: Campaign) -> bool:
    """Whether a worker of the host holds the lock of a batch that it has begun to hand over."""
    begun = campaign.batches.filter(status__in=("uploading", "committing")).values_list("pk", flat=True)
    keys = {locks._key_of(batch_lock_name(pk)) for pk in begun}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {locks._HELD_KEY} FROM pg_locks JOIN pg_stat_activity USING (pid)"
            f" WHERE {locks._IS_OURS} AND application_name = %s",
            [host],
        )
        return any(key in keys for (key,) in cursor)


def _assert_refused(stranger: Baton, environment: dict[str, Any]) -> None:
    """A host that does not belong to the installation refuses to start, one reason after the other."""
    reasons = {
        "This database belongs to another installation key.": {"INSTALLATION_KEY": "another"},
        "is not that of this database": {"JOURNAL_DIR": str(stranger.data / "journal")},
    }
    for sentence, other in reasons.items():
        assert stranger.start(**{**environment, **other}).exit_code(240) == 1
        assert sentence in " ".join(stranger.said().split())
        stranger.output.write_text("")
    recorder = MigrationRecorder(connection)
    recorder.record_applied("contacts", "0999_from_the_future")
    assert stranger.start(**environment).exit_code(240) == 1
    recorder.record_unapplied("contacts", "0999_from_the_future")
    assert "contacts.0999_from_the_future: another host has a newer version" in " ".join(stranger.said().split())
    assert stranger.is_gone()
