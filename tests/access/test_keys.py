"""A database works only with the keys it was first used with: with others nothing starts, and an error says why."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import django_rq
import pytest
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import Client
from pytest_django import Settings

from config import startup, web_server
from config.worker import TiedWorker
from providers import identity, keys
from providers.models import KeyFingerprint
from tests import migrated
from tests.supervised import Baton

A, B, C = (Fernet.generate_key().decode() for _ in range(3))
OTHER = "This database belongs to another installation key."


@pytest.fixture(autouse=True)
def started() -> Iterator[None]:
    yield
    startup.unverified.clear()


@pytest.fixture
def known(db: None, settings: Settings) -> Settings:
    """A database that was first used with these keys."""
    KeyFingerprint.objects.all().delete()
    settings.INSTALLATION_KEY, settings.ACCOUNT_KEYS = "ours", [A]
    keys.verify()
    return settings


def test_the_same_keys_are_accepted_again(known: Settings) -> None:
    keys.verify()
    assert KeyFingerprint.objects.count() == 2


def test_what_is_stored_is_no_key(known: Settings) -> None:
    stored = " ".join(KeyFingerprint.objects.values_list("fingerprint", flat=True))
    assert "ours" not in stored
    assert A not in stored
    assert keys.fingerprint("account", A) != keys.fingerprint("installation", A)


def test_another_installation_key_is_refused(known: Settings) -> None:
    known.INSTALLATION_KEY = "theirs"
    with pytest.raises(keys.OtherKeys, match="another installation key"):
        keys.verify()
    known.INSTALLATION_KEY = "ours"
    keys.verify()


def test_another_account_key_is_refused(known: Settings) -> None:
    known.ACCOUNT_KEYS = [B]
    with pytest.raises(keys.OtherKeys, match="ACCOUNT_KEYS"):
        keys.verify()
    known.ACCOUNT_KEYS = [B, C]
    with pytest.raises(keys.OtherKeys):
        keys.verify()


def test_account_keys_are_rotated(known: Settings) -> None:
    for rotated in ([A, B], [B, A], [B], [C, B], [C]):
        known.ACCOUNT_KEYS = rotated
        keys.verify()


def test_keys_from_before_a_rotation_are_refused(known: Settings) -> None:
    known.ACCOUNT_KEYS = [B, A]
    keys.verify()
    # Passwords may have been stored with key B since.
    known.ACCOUNT_KEYS = [A]
    with pytest.raises(keys.OtherKeys):
        keys.verify()


def test_a_refused_start_changes_nothing(known: Settings) -> None:
    before = set(KeyFingerprint.objects.values_list("name", "fingerprint"))
    known.INSTALLATION_KEY, known.ACCOUNT_KEYS = "theirs", [B, A]
    with pytest.raises(keys.OtherKeys):
        keys.verify()
    assert set(KeyFingerprint.objects.values_list("name", "fingerprint")) == before


def test_web_and_workers_start_while_the_database_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise DatabaseError("host 10.0.0.7 refused the connection")

    monkeypatch.setattr(identity, "verify", broken)
    monkeypatch.setattr(connection, "close", lambda: None)
    startup.verify_installation()
    assert "was not checked: the database did not answer" in caplog.text
    assert "10.0.0.7" not in caplog.text


@pytest.fixture
def answer_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The database did not answer when this process started; from the call on it answers."""
    verify = keys.verify

    def broken() -> None:
        raise DatabaseError

    monkeypatch.setattr(keys, "verify", broken)
    # The connection of the test's transaction stays open.
    monkeypatch.setattr(connection, "close", lambda: None)
    startup.verify_installation()
    return lambda: monkeypatch.setattr(keys, "verify", verify)


def test_the_web_server_checks_before_its_first_page(
    known: Settings, client: Client, answer_later: Callable[[], None]
) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (503, b"no answer: database\n")
    answer = client.get("/login/")
    assert (answer.status_code, b"The database does not answer" in answer.content) == (503, True)
    answer_later()
    known.INSTALLATION_KEY = "theirs"
    for path in ("/login/", "/healthz"):
        answer = client.get(path)
        assert (answer.status_code, OTHER[:-1] in answer.content.decode()) == (503, True)
    known.INSTALLATION_KEY = "ours"
    assert client.get("/login/login/").status_code == 200
    assert not startup.unverified.is_set()


@pytest.mark.usefixtures("valkey")
@pytest.mark.parametrize("key", ["theirs", "ours"])
def test_a_worker_checks_before_its_first_job(
    known: Settings, monkeypatch: pytest.MonkeyPatch, answer_later: Callable[[], None], key: str
) -> None:
    known.INSTALLATION_KEY = key
    queue = django_rq.get_queue("results")
    queue.empty()
    job = queue.enqueue_job(queue.create_job("time.time"))
    worker = TiedWorker([queue], connection=queue.connection, serializer=queue.serializer)
    waited: list[bool] = []

    def wait(seconds: float) -> None:
        waited.append(job.get_status() == "queued")
        answer_later()

    monkeypatch.setattr("config.worker.time", SimpleNamespace(sleep=wait))
    if key == "theirs":
        with pytest.raises(SystemExit, match="another installation key"):
            worker.work(burst=True)
        assert job.get_status() == "queued"
    else:
        worker.work(burst=True)
        assert job.get_status() == "finished"
    assert waited == [True]
    queue.empty()


# -- the programs --------------------------------------------------------------------------------------------------


@pytest.fixture
def with_other_keys(known: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    known.INSTALLATION_KEY = "theirs"
    # The connection of the test's transaction stays open.
    monkeypatch.setattr(connection, "close", lambda: None)


@pytest.mark.usefixtures("with_other_keys")
@pytest.mark.parametrize(
    "command",
    [("sweep",), ("sweep", "--every", "1"), ("dry_run", "1", "--out", "nowhere")],
    ids=["sweep", "clock", "dry_run"],
)
def test_a_command_with_other_keys_is_refused(command: tuple[str, ...]) -> None:
    with pytest.raises(keys.OtherKeys):
        call_command(*command)
    assert not Path(django_settings.BASE_DIR, "nowhere").exists()


@pytest.mark.usefixtures("with_other_keys", "valkey")
def test_a_worker_with_other_keys_does_not_start() -> None:
    queue = django_rq.get_queue("results")
    with pytest.raises(keys.OtherKeys):
        TiedWorker([queue], connection=queue.connection).work(burst=True)


@pytest.mark.usefixtures("with_other_keys")
def test_the_web_server_with_other_keys_does_not_start() -> None:
    with pytest.raises(keys.OtherKeys):
        web_server.post_worker_init(None)


def run(data: Path, *command: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BATON_TEST_DATA")}
    environment = {**kept, "DATA": str(data), "DJANGO_SETTINGS_MODULE": "config.settings"}
    subprocess.run([sys.executable, *command], env=environment, cwd=django_settings.BASE_DIR, check=True)


@pytest.mark.slow
def test_after_the_keys_were_lost_nothing_is_started(baton: Baton) -> None:
    """The start makes new keys where the folder is empty, but the surviving database belongs to the earlier ones."""
    run(baton.data, "-m", "config.installation")
    migrated.copy_to(baton.database)
    run(baton.data, "-c", "import config.wsgi, config.web_server as server; server.post_worker_init(None)")
    for path in (baton.data / "keys").iterdir():
        path.unlink()

    baton.start()

    assert baton.exit_code(60) == 1
    assert OTHER in " ".join(baton.said().split())
    assert not (baton.data / "logs" / "web.log").exists()
    assert baton.pids() == {}
