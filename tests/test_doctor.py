"""``manage.py doctor`` says what is wrong with an installation and what to do about it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings
from redis import Redis
from rq.serializers import JSONSerializer

from campaigns.models import Heartbeat
from campaigns.monitoring import signs
from config.worker import TiedWorker
from providers import identity
from providers.models import Account
from tests.campaigns.conftest import account, own_files
from tests.conftest import MakeUser

__all__ = ["account", "own_files"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, list[str]]]]:
    """Runs the command; returns its exit code and the sentences of each level."""

    def run(*options: str) -> tuple[int, dict[str, list[str]]]:
        code = 0
        try:
            call_command("doctor", "--json", *options)
        except SystemExit as end:
            code = int(end.code or 0)
        levels: dict[str, list[str]] = {"ok": [], "warning": [], "error": []}
        for finding in json.loads(capsys.readouterr().out)["findings"]:
            levels[finding["level"]].append(finding["sentence"])
        return code, levels

    return run


def test_a_running_installation_has_no_errors(
    doctor: Any, valkey: Redis, make_user: MakeUser, account: Account, settings: Settings, tmp_path: Path
) -> None:
    settings.DATA = tmp_path
    make_user("administrator")
    identity.verify()
    workers = [
        TiedWorker([name], connection=valkey, serializer=JSONSerializer, name=name) for name in settings.QUEUE_TIMEOUTS
    ]
    for worker in workers:
        worker.register_birth()
    now = timezone.now()
    signs.beat(Heartbeat.Process.CLOCK, now, now)
    signs.report_disks(now, now)
    settings.EMAIL_URL, settings.ALARM_EMAILS = "smtp://mail.example.org", ["ops@example.org"]

    code, levels = doctor("--send-test")
    assert (code, levels["error"]) == (0, [])
    assert "Email: the test message was sent." in levels["ok"]
    assert mail.outbox[0].to == ["ops@example.org"]
    for worker in workers:
        worker.register_death()


def test_everything_that_is_wrong_is_said_with_its_remedy(
    doctor: Any, account: Account, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.RQ_QUEUES["handover"], "URL", "unix:///nowhere/valkey.sock")
    settings.DATA = tmp_path / "data"
    (settings.DATA / "keys").mkdir(parents=True, mode=0o700)
    settings.DATA.chmod(0o755)
    settings.DEBUG = True
    settings.DISK_LOW_BYTES = 10**18
    settings.JOURNAL_DIR = Path("/nowhere/journal")
    settings.ACCOUNT_KEYS = ["A" * 43 + "="]
    code, levels = doctor()
    assert code == 1
    for part in (
        "DEBUG is on",
        "/nowhere/journal does not exist or cannot be written",
        f"Run: chmod go-rwx {settings.DATA}",
        "Make room.",
        "enter the account's password again",
        "There is no active administrator",
        "No monitor runs",
        "The clock has shown no sign of life",
        "Redis does not answer",
    ):
        assert any(part in sentence for sentence in levels["error"]), part
    for part in ("Alarms reach nobody", "No mail server is set", "BEHIND_TLS is off"):
        assert any(part in sentence for sentence in levels["warning"]), part
