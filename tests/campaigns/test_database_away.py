"""PostgreSQL is stopped in the middle of a hand-over: pages say so, and everything continues by itself afterwards."""

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from redis import Redis

from campaigns.models import Campaign, Heartbeat
from campaigns.results import balance
from config.processes import lasting
from contacts.models import ContactList, Suppression
from providers import identity, registry
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests import debian, postgresql
from tests.campaigns.conftest import MakeCampaign, journal_lines
from tests.hosts import RQ_OPTIONS, environment_of, shared_environment
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgresql,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="it stops PostgreSQL"),
    pytest.mark.timeout(400),
]

FILES, ROWS = 12, 5
LogIn = Callable[[User], Client]


@pytest.fixture
def server(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[postgresql.Cluster]:
    """The test's database, on a PostgreSQL of its own that can be stopped."""
    program = debian.require("postgresql", request.node.nodeid)
    here = connection.settings_dict
    before = dict(here)
    with postgresql.controlled_cluster(program) as running:
        there = urlsplit(running.url)
        tools = Path(program).parent
        source = shared_environment()["DATABASE_URL"]
        dump = subprocess.run([tools / "pg_dump", source], check=True, capture_output=True)
        subprocess.run([tools / "psql", "-q", running.url], input=dump.stdout, check=True, capture_output=True)
        connection.close()
        here.update(HOST=there.hostname, PORT=there.port, PASSWORD=there.password, NAME="postgres")
        yield running
        connection.close()
        here.update(before)


@pytest.fixture
def processes(server: postgresql.Cluster, valkey: Redis, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A worker of all queues and the clock, for the test to start; they end with it."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def start(processes: list[subprocess.Popen[bytes]], data: Path) -> None:
    environment = {**environment_of(data), "BACKUP_KEY": django_settings.BACKUP_KEY}
    for arguments in (["rqworker", *django_settings.QUEUE_TIMEOUTS, *RQ_OPTIONS], ["sweep", "--every", "1"]):
        log = (data / f"{arguments[0]}.log").open("wb")
        processes.append(subprocess.Popen(lasting(*arguments), env=environment, stdout=log, stderr=log))


@pytest.mark.usefixtures("server")
def test_pages_say_so_and_everything_continues(
    server: postgresql.Cluster,
    processes: list[subprocess.Popen[bytes]],
    sandbox: Sandbox,
    sandbox_account: Account,
    make_list: Callable[..., ContactList],
    make_running: MakeCampaign,
    operator: User,
    logged_in: LogIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter = registry.all_adapters()["smsportal"]
    monkeypatch.setattr(adapter, "limits", replace(adapter.limits, rows=ROWS))
    campaign = make_running(sandbox_account, make_list(count=FILES * ROWS))
    sandbox.fault("smsportal:slow")
    client = logged_in(operator)
    client.raise_request_exception = False
    data = tmp_path / "host"
    data.mkdir()
    identity.verify()
    start(processes, data)
    wait_until(lambda: campaign.batches.exclude(handed_over_at=None).count() >= 2, "some files are handed over", 120)
    connection.close()
    before = len(journal_lines("suppressions"))

    server.stop()

    for path in ("/", "/campaigns/", "/contacts/", "/contacts/opt-outs/", "/replies/", "/accounts/", "/system/"):
        page = client.get(path)
        assert (path, page.status_code, page.headers.get("Refresh")) == (path, 503, "15")
        assert "The database does not answer" in page.content.decode()
        assert "What is safe" in page.content.decode()
    part = client.get("/", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    opt_out = {"phone": "082 555 0777", "country": "ZA"}
    refused = client.post("/contacts/opt-outs/add/", opt_out)
    assert (refused.status_code, "Refresh" in refused.headers) == (503, False)
    assert "What you just did was not finished." in refused.content.decode()
    assert len(journal_lines("suppressions")) == before
    assert Client().get("/health/live").status_code == 200
    assert Client().get("/health/ready").json()["checks"]["database"] is False
    wait_until(lambda: b"waits for the database" in (data / "sweep.log").read_bytes(), "the clock has noticed", 30)

    server.start()

    assert client.post("/contacts/opt-outs/add/", opt_out).status_code == 302
    assert Suppression.objects.count() == len(journal_lines("suppressions")) - before == 1
    wait_until(lambda: Campaign.objects.get(pk=campaign.pk).status == "closed", "the campaign has ended", 240)
    assert [process.poll() for process in processes] == [None, None]
    assert Heartbeat.objects.filter(process=Heartbeat.Process.CLOCK).exists()
    texted = Counter(message["msisdn"] for message in sandbox.messages())
    assert Counter(texted.values()) == {1: FILES * ROWS}
    books = balance.of(Campaign.objects.get(pk=campaign.pk))
    assert (books.mismatch, books.outcomes["accepted"]) == ("", FILES * ROWS)
