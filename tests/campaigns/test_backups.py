"""A backup is restored while hand-overs went on since: nobody is texted twice, and nothing about it can be read."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from audit.models import AuditEntry
from campaigns.handover import restore
from campaigns.models import Batch, Campaign
from campaigns.results import balance
from config.backup import creating, database
from config.backup.workspace import PREFIX, workspace
from config.preflight import only_supervisor
from contacts.models import ContactList, Suppression
from contacts.suppression import suppress
from providers import identity, registry
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, hand_over, until_closed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

FILES, ROWS = 4, 5
PHONE, OPTED_OUT = "27825550100", "27825550199"


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Iterator[None]:
    """What a restore keeps of the database that it replaced."""
    yield
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {database.REPLACED} CASCADE")
        return
    for path in Path(django_settings.DATA).glob(f"*.{database.REPLACED}*"):
        path.unlink()


def backup(directory: Path) -> Path:
    call_command("backup", str(directory))
    return max(directory.glob(creating.PATTERN))


def test_a_backup_more_hand_overs_a_restore_and_nobody_is_texted_twice(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_list: Callable[..., ContactList],
    make_running: MakeCampaign,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    adapter = registry.all_adapters()["smsportal"]
    monkeypatch.setattr(adapter, "limits", replace(adapter.limits, rows=ROWS))
    campaign = make_running(sandbox_account, make_list(count=FILES * ROWS))
    later = campaign.batches.filter(number__gt=1)
    later.update(due_at=clock() + timedelta(days=1))
    hand_over(campaign, clock)
    later.update(due_at=clock())

    path = backup(tmp_path / "backups")
    hand_over(campaign, clock)
    suppress([OPTED_OUT], "manual", "by phone")
    forgotten = make_running(sandbox_account, make_list("Others", 3, 27825550500), name="After the backup")
    handed_over = set(Batch.objects.exclude(handed_over_at=None).values_list("stem", flat=True))
    assert len(handed_over) == FILES
    payload = Path(django_settings.MEDIA_ROOT, str(campaign.batches.get(number=2).payload))
    payload.unlink()
    evidence = Path(django_settings.MEDIA_ROOT, "evidence-of-later")
    evidence.write_text("stays")

    assert AuditEntry.objects.get(object_repr="backup").changes_dict["file"] == ["", path.name]
    call_command("restore", str(path))

    assert AuditEntry.objects.get(object_repr="restore").changes_dict["file"] == ["", path.name]
    assert not Campaign.objects.filter(pk=forgotten.pk).exists()
    assert Batch.objects.exclude(handed_over_at=None).count() == 1
    assert payload.exists()
    assert evidence.exists()
    identity.verify()
    restore.replay_journal()
    assert Suppression.objects.get().msisdn == OPTED_OUT
    campaign = until_closed(Campaign.objects.get(pk=campaign.pk), clock)
    texted = Counter(line["msisdn"] for line in sandbox.messages())
    assert len(texted) == FILES * ROWS
    assert set(texted.values()) == {1}
    assert balance.audit(campaign).balanced


def test_without_the_journals_every_account_is_stopped_and_ids_are_left_unused(
    running: Campaign, make_campaign: MakeCampaign, tmp_path: Path
) -> None:
    path = backup(tmp_path / "backups")
    shutil.rmtree(django_settings.JOURNAL_DIR)
    with pytest.raises(CommandError, match="is not that of the backup, so nobody could tell what was handed over"):
        call_command("restore", str(path))

    call_command("restore", str(path), "--journal-lost")

    identity.verify()
    account = Account.objects.get()
    assert account.stopped_code == "journal_lost"
    assert "Cancel each campaign that was running" in account.stopped_sentence
    assert make_campaign(account, ContactList.objects.get()).pk > running.pk + restore.UNUSED_IDS
    with pytest.raises(CommandError, match="is not lost"):
        call_command("restore", str(path), "--journal-lost")


def test_nobody_reads_a_backup_without_its_key_and_no_key_is_in_it(running: Campaign, tmp_path: Path) -> None:
    path = backup(tmp_path / "backups")
    found = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    names: set[str] = set()
    with creating.opened(path) as archive:
        for member in archive:
            names.add(member.name)
            content: Any = archive.extractfile(member)
            plain = content.read()
            if member.name == creating.DATABASE:
                assert PHONE.encode() in plain
            for key in (django_settings.SECRET_KEY, django_settings.INSTALLATION_KEY, django_settings.BACKUP_KEY):
                assert key.encode() not in plain
    assert {creating.DATABASE, creating.MANIFEST, f"{creating.FILES}/installation-id"} <= names
    assert f"{creating.FILES}/{running.batches.get().payload}" in names
    assert PHONE.encode() not in found
    assert not list(tmp_path.glob("backups/*.incomplete"))


def test_a_restore_is_refused_before_anything_changes(running: Campaign, settings: Settings, tmp_path: Path) -> None:
    path = backup(tmp_path / "backups")
    running.name = "As it is now"
    running.save()

    def refusal(match: str) -> None:
        with pytest.raises(CommandError, match=match):
            call_command("restore", str(path))
        assert Campaign.objects.get().name == "As it is now"

    Path(settings.LOCK_DIR).mkdir(exist_ok=True)
    with only_supervisor(Path(settings.LOCK_DIR)):
        refusal("Baton is already running on")
    ours = settings.INSTALLATION_KEY
    settings.INSTALLATION_KEY = "another"
    refusal("belongs to another installation key")
    settings.INSTALLATION_KEY = ours
    settings.BACKUP_KEY, ours = "another", settings.BACKUP_KEY
    refusal("encrypted with another key")
    settings.BACKUP_KEY = ours
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    refusal("damaged or incomplete")


def test_of_a_newer_version_or_another_kind_of_database_nothing_is_restored(
    running: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = creating.manifest_of
    for changed, match in (
        ({"migrations": ["campaigns.9999_later"]}, "a newer version of Baton, which has campaigns.9999_later"),
        ({"database": "oracle"}, "is of a database on oracle"),
    ):
        monkeypatch.setattr(creating, "manifest_of", lambda now, changed=changed: manifest(now) | changed)
        path = backup(tmp_path / str(len(match)))
        with pytest.raises(CommandError, match=match):
            call_command("restore", str(path))


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_what_a_killed_command_left_is_removed(command: str, settings: Settings, tmp_path: Path) -> None:
    identity.verify()
    path = backup(tmp_path / "backups")
    left = Path(settings.DATA, f"{PREFIX}killed")
    left.mkdir()
    (left / "database").touch()
    draft = path.with_suffix(creating.INCOMPLETE)
    draft.touch()
    with workspace() as folder:
        assert not left.exists()
        assert folder.stat().st_mode & 0o777 == 0o700
        with pytest.raises(CommandError, match="Another backup or restore is running here"):
            call_command(command, str(path if command == "restore" else path.parent))
        assert folder.exists()
    left.mkdir()
    call_command(command, str(path if command == "restore" else path.parent))
    assert not left.exists()
    assert draft.exists() == (command == "restore")


def test_only_the_newest_backups_are_kept(db: None, tmp_path: Path) -> None:
    identity.verify()
    made = [creating.create(tmp_path, datetime(2026, 1, day, tzinfo=UTC)) for day in (3, 1, 2)]
    (tmp_path / "baton-notes.txt").touch()
    assert creating.remove_older(tmp_path, 2) == [made[1]]
    assert creating.remove_older(tmp_path, 2) == []
    assert len(list(tmp_path.glob("baton-*"))) == 3
