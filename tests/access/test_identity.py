"""A host works only with the journal directory, the files and the schema of the database's installation."""

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from config import schema
from providers import identity, keys
from providers.locks import hold
from providers.models import KeyFingerprint

pytestmark = pytest.mark.django_db


@pytest.fixture
def known(settings: Settings, tmp_path: Path) -> Settings:
    """A host of an installation that has started before."""
    settings.JOURNAL_DIR, settings.MEDIA_ROOT = tmp_path / "journal", tmp_path / "files"
    KeyFingerprint.objects.all().delete()
    identity.verify()
    return settings


def test_the_first_start_records_what_later_ones_are_compared_with(known: Settings) -> None:
    identity.verify()
    stored = dict(KeyFingerprint.objects.values_list("name", "fingerprint"))
    assert set(stored) == {"installation", "account", "journal", "files"}
    assert (known.JOURNAL_DIR / "installation-id").read_text().strip() == stored["journal"]
    assert default_storage.open("installation-id").read().decode().strip() == stored["files"]


@pytest.mark.parametrize(("setting", "name"), [("JOURNAL_DIR", "journal"), ("MEDIA_ROOT", "files")])
def test_another_place_is_refused_and_not_taken_for_ours(
    known: Settings, tmp_path: Path, setting: str, name: str
) -> None:
    ours = getattr(known, setting)
    setattr(known, setting, tmp_path / "another")
    with pytest.raises(identity.OtherPlace, match=r"another is not that of this database: its file .* is missing"):
        identity.verify()
    (tmp_path / "another").mkdir(exist_ok=True)
    (tmp_path / "another" / "installation-id").write_text("theirs\n")
    with pytest.raises(identity.OtherPlace, match="has theirs, and the database expects "):
        identity.verify()
    # What the sentence says to do if the directory is lost for good.
    expected = KeyFingerprint.objects.get(name=name).fingerprint
    (tmp_path / "another" / "installation-id").write_text(f"{expected}\n")
    identity.verify()
    setattr(known, setting, ours)
    identity.verify()


def test_a_directory_with_journals_keeps_its_id_when_the_database_is_new(known: Settings) -> None:
    before = (known.JOURNAL_DIR / "installation-id").read_text()
    KeyFingerprint.objects.all().delete()
    identity.verify()
    assert (known.JOURNAL_DIR / "installation-id").read_text() == before
    assert KeyFingerprint.objects.get(name="journal").fingerprint == before.strip()


def test_a_newer_schema_is_refused_by_every_start(known: Settings) -> None:
    MigrationRecorder(connection).record_applied("contacts", "0999_from_the_future")
    for start in (identity.verify, identity.verify_before_migrating, lambda: call_command("sweep")):
        with pytest.raises(identity.OtherSchema, match=r"newer than this version.*contacts\.0999_from_the_future"):
            start()


def test_an_older_schema_is_refused_by_workers_and_migrated_only_when_no_other_host_works(
    known: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = ["campaigns.0002_more"]
    monkeypatch.setattr(identity, "missing_migrations", lambda: lacking)
    with pytest.raises(identity.OtherSchema, match=r"older than this version of Baton: it lacks campaigns\.0002_more"):
        identity.verify()
    migrated: list[str] = []

    def migrate(command: str, **_: object) -> None:
        migrated.append(command)
        lacking.clear()

    monkeypatch.setattr(schema, "call_command", migrate)
    with hold(schema.CLOCK_LOCK), pytest.raises(SystemExit, match="another host is working on it"):
        schema.main()
    assert migrated == []
    monkeypatch.setenv("ROLES", "handover")
    with pytest.raises(
        SystemExit, match=r"lacks campaigns\.0002_more\. This host shares the database .*manage\.py migrate"
    ):
        schema.main()
    assert migrated == []
    monkeypatch.delenv("ROLES")
    schema.main()
    assert migrated == ["migrate"]


def test_a_host_with_other_keys_does_not_migrate(known: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    known.INSTALLATION_KEY = "theirs"
    monkeypatch.setattr(identity, "missing_migrations", lambda: ["campaigns.0002_more"])
    with pytest.raises(SystemExit, match="another installation key"):
        schema.main()


def test_of_two_first_starts_the_second_one_is_compared_with_the_first(
    known: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    KeyFingerprint.objects.all().delete()
    known.INSTALLATION_KEY = "theirs"
    compare, first = keys._compare, known.ACCOUNT_KEYS

    def and_meanwhile_the_other_host_starts(stored: dict[str, str]) -> None:
        compare(stored)
        monkeypatch.setattr(keys, "_compare", compare)
        known.INSTALLATION_KEY, known.ACCOUNT_KEYS = "ours", first
        keys.verify()
        known.INSTALLATION_KEY = "theirs"

    monkeypatch.setattr(keys, "_compare", and_meanwhile_the_other_host_starts)
    with pytest.raises(keys.OtherKeys):
        keys.verify()
    known.INSTALLATION_KEY = "ours"
    keys.verify()


def test_a_storage_that_does_not_answer_is_no_other_storage(known: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> ContentFile:
        raise ConnectionResetError

    monkeypatch.setattr(default_storage, "open", silent)
    with pytest.raises(OSError, match="does not answer"):
        identity.verify()
