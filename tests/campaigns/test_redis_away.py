"""Redis is stopped: what only needs the database works, a line says what waits, and the sweep enqueues it later."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from redis import Redis

from campaigns import exporting, jobs
from campaigns.management.commands.monitor import look
from campaigns.models import Campaign, Export
from config import settings as product_settings
from config import valkey as embedded
from contacts import browsing
from contacts.models import ContactList, Import, Suppression
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign
from tests.conftest import PASSWORD, worker_environment
from tests.small_disk import small_disk
from tests.waiting import wait_until

LogIn = Callable[[User], Client]


class Server:
    """A Valkey of the test's own, with its data in ``data``."""

    def __init__(self, socket: Path, data: Path) -> None:
        self.socket, self.data = socket, data
        self.url = f"unix://{socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(embedded.command(self.socket, self.data), stdout=subprocess.DEVNULL)
        wait_until(lambda: embedded.answers(self.url), "Valkey answers")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None


@pytest.fixture
def server(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The Valkey of all queues and of the product's cache."""
    (tmp_path / "valkey").mkdir()
    own = Server(tmp_path / "v.sock", tmp_path / "valkey")
    for queue in django_settings.RQ_QUEUES.values():
        monkeypatch.setitem(queue, "URL", own.url)
    default = {**product_settings.CACHES["default"], "LOCATION": own.url}
    settings.CACHES = {"default": default}
    own.start()
    yield own
    own.stop()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_pages_work_and_the_sweep_enqueues_what_waited(
    server: Server,
    account: Account,
    make_list: Callable[..., ContactList],
    make_campaign: MakeCampaign,
    make_running: MakeCampaign,
    operator: User,
    logged_in: LogIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browsing, "COUNTED_EACH_TIME", 1)
    draft, chosen = make_campaign(account), make_list("Long", 5)
    running = make_running(account, make_list("More", 5, 27825551100))
    client = logged_in(operator)
    client.raise_request_exception = False
    assert cache.get("nothing") is None

    server.stop()

    monkeypatch.setattr("campaigns.monitoring.signs.shutil.disk_usage", lambda path: _Usage)
    look(timezone.now())
    pages = ("/campaigns/", "/templates/", "/contacts/", f"/contacts/{chosen.pk}/", "/contacts/opt-outs/", "/replies/")
    for path in (*pages, "/accounts/", "/notices/", "/contacts/imports/", "/system/", f"/campaigns/{running.pk}/"):
        page = client.get(path, follow=True)
        assert (path, page.status_code) == (path, 200)
        assert "<strong>Redis does not answer.</strong>" in page.content.decode(), path
    assert "Redis does not answer" in client.get("/").content.decode()
    refused = Client(raise_request_exception=False).post("/login/login/", {"login": "operator", "password": PASSWORD})
    assert refused.status_code == 503
    assert "Nobody can log in" in refused.content.decode()

    client.post("/contacts/opt-outs/add/", {"phone": "082 555 0777", "country": "ZA"})
    assert Suppression.objects.count() == 1
    sheet = SimpleUploadedFile("a.csv", b"Cell no.\n0825550100\n")
    client.post("/contacts/upload/", {"list": chosen.pk, "file": sheet})
    import_ = Import.objects.get()
    client.post(f"/contacts/imports/{import_.pk}/columns/", {"column-0": "phone"})
    jobs.audience_freeze.begin_freeze(draft, operator, timezone.now())
    jobs.queues.enqueue_once(jobs.freeze, draft.pk)
    export = Export.objects.create(
        campaign=running, format="csv", filter={}, created_by=operator, created_at=timezone.now()
    )
    monkeypatch.setattr(exporting, "CHUNK", 1)
    assert client.get(f"/exports/{export.pk}/").status_code == 200
    jobs.write_export(export.pk)
    export.refresh_from_db()
    assert export.status == "done"
    assert not sum(jobs.sweep(timezone.now()).values())

    worker = start_worker(server, tmp_path)
    time.sleep(1)
    server.start()
    try:
        assert jobs.sweep(timezone.now())["freeze"] == 1
        wait_until(lambda: Campaign.objects.get(pk=draft.pk).status == "frozen", "it is frozen", 90)
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()


class _Usage:
    free = total = 10**12


def start_worker(server: Server, logs: Path) -> subprocess.Popen[bytes]:
    program = (
        "import django; django.setup(); from django.conf import settings; import django_rq\n"
        f"for queue in settings.RQ_QUEUES.values(): queue['URL'] = {server.url!r}\n"
        "from django.core.management import call_command\n"
        "call_command('rqworker', 'campaigns', 'imports', serializer='rq.serializers.JSONSerializer',"
        " worker_class='config.worker.TiedWorker')"
    )
    log = (logs / "worker.log").open("wb")
    environment = {**os.environ, **worker_environment()}
    return subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=log, stderr=log, cwd=django_settings.BASE_DIR
    )


@pytest.mark.slow
def test_a_worker_survives_the_full_disk_of_redis(server: Server, tmp_path: Path) -> None:
    server.stop()
    with small_disk(tmp_path / "small", 4) as disk:
        server.data = disk.path
        server.start()
        client = Redis.from_url(server.url)
        disk.fill()
        wait_until(lambda: refuses(client), "it refuses to store", 20)
        worker = start_worker(server, tmp_path)
        wait_until(lambda: b"waits for Redis: ResponseError" in (tmp_path / "worker.log").read_bytes(), "waits", 60)
        disk.free()
        wait_until(lambda: client.smembers("rq:workers"), "the worker works", 30)
        worker.kill()
        worker.wait()
        client.close()
        server.stop()


def refuses(client: Redis) -> bool:
    try:
        client.set("a", "b" * 5000)
    except Exception as error:
        return "No space left" in str(error)
    return False
