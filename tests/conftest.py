"""What tests share: people, Valkey, workers, the sandbox, the browser, and the list of what Debian lacks."""

import importlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import django_rq
import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from pytest_django import Settings
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from config import supervisor
from config import valkey as embedded
from providers.sandbox.server import Sandbox
from tests import debian
from tests import postgresql as private_postgresql
from tests.supervised import Baton
from tests.waiting import wait_until

roles = importlib.import_module("campaigns.migrations.0001_initial")

PASSWORD = "correct horse battery"


# -- what Debian lacks ---------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(program): skipped where Debian lacks the program")
    config.addinivalue_line("markers", "browser: drives a real browser")
    config.addinivalue_line("markers", "both_databases: runs a program of its own on the database of this run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if connection.vendor == "postgresql":
        # What never asks a database is tested once, on the run with SQLite.
        asking = [item for item in items if asks_database(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(asking)])
        items[:] = asking
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("browser")
            item.add_marker(debian.needs("chromium"))


def asks_database(item: pytest.Item) -> bool:
    """Whether the test, or a fixture of its, or a program that it runs, has a database."""
    if item.get_closest_marker("both_databases"):
        return True
    fixtures = getattr(item, "fixturenames", ())
    return "db" in fixtures or "transactional_db" in fixtures or item.get_closest_marker("django_db") is not None


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        debian.require(mark.args[0], item.nodeid)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    lacking = {name: len(tests) for name, tests in debian.lacking.items()}
    if debian.find("postgresql") is None:
        lacking.setdefault("postgresql", 0)
    if not lacking:
        return
    terminalreporter.section("not tested, because Debian lacks something")
    for name, count in sorted(lacking.items()):
        what = f"{count} tests" if count else "all tests once more on PostgreSQL"
        terminalreporter.line(f"{name}: {what}")
    packages = " ".join(sorted(debian.PACKAGES[name] for name in lacking))
    terminalreporter.line(f"sudo apt-get install {packages}")


# -- people --------------------------------------------------------------------------------------------------------


class MakeUser(Protocol):
    def __call__(self, role: str, username: str = "") -> User: ...


@pytest.fixture
def make_user(db: None) -> MakeUser:
    """Makes a person in one of the four groups; the password of all of them is PASSWORD."""
    # A transactional test before this one has emptied every table, what migrations made included.
    if not Group.objects.exists():
        roles.make_roles(apps, connection.schema_editor())

    def make(role: str, username: str = "") -> User:
        username = username or role
        user = User.objects.create_user(username, f"{username}@example.org", PASSWORD)
        user.groups.add(Group.objects.get(name=role))
        return user

    return make


@pytest.fixture
def viewer(make_user: MakeUser) -> User:
    return make_user("viewer")


@pytest.fixture
def operator(make_user: MakeUser) -> User:
    return make_user("operator")


@pytest.fixture
def approver(make_user: MakeUser) -> User:
    return make_user("approver")


@pytest.fixture
def administrator(make_user: MakeUser) -> User:
    return make_user("administrator")


@pytest.fixture
def logged_in() -> Callable[[User], Client]:
    """A browser-less client with a person logged in."""

    def log_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return log_in


# -- Valkey and workers --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """The real embedded Valkey on this run's private socket, where the settings look for it; yields its URL."""
    embedded.make_private(django_settings.RUN_DIR)
    data = django_settings.DATA / "valkey"
    data.mkdir(exist_ok=True)
    log = (django_settings.DATA / "valkey.log").open("ab")
    process = subprocess.Popen(
        embedded.command(django_settings.VALKEY_SOCKET, data), stdout=log, stderr=log, start_new_session=True
    )
    wait_until(lambda: embedded.answers(django_settings.REDIS_URL), "Valkey answers")
    yield django_settings.REDIS_URL
    process.terminate()
    process.wait(timeout=20)
    log.close()
    django_settings.VALKEY_SOCKET.unlink(missing_ok=True)
    django_settings.RUN_DIR.rmdir()


@pytest.fixture
def valkey(valkey_server: str) -> Iterator[Redis]:
    """An empty Valkey that the queues of the settings use; yields a connection to it."""
    client = Redis.from_url(valkey_server)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def drain(valkey: Redis) -> Callable[[], int]:
    """Runs all jobs that wait, and those they cause, here in this process; returns how many there were."""

    def run() -> int:
        queues = [django_rq.get_queue(name) for name in django_settings.QUEUE_TIMEOUTS]
        before = sum(queue.finished_job_registry.count + queue.failed_job_registry.count for queue in queues)
        SimpleWorker(queues, connection=queues[0].connection, serializer=JSONSerializer).work(burst=True)
        return sum(queue.finished_job_registry.count + queue.failed_job_registry.count for queue in queues) - before

    return run


StartWorker = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def worker(valkey: Redis, transactional_db: None, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts real worker processes on the test's database, one for each queue named; they end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*queues: str) -> subprocess.Popen[bytes]:
        options = ["--serializer", "rq.serializers.JSONSerializer", "--worker-class", "config.worker.TiedWorker"]
        log = (tmp_path / f"worker-{'-'.join(queues)}.log").open("ab")
        process = subprocess.Popen(
            supervisor.manage("rqworker", *queues, *options),
            env={**os.environ, **worker_environment()},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
    for process in started:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def worker_environment() -> dict[str, str]:
    """What a process needs to work on this test's database, Valkey and files."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "BATON_TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "ALLOW_PRIVATE_HOSTS": "1",
    }


# -- servers -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sandbox(tmp_path: Path, settings: Settings) -> Iterator[Sandbox]:
    """The pretend SMSPortal in a process of its own, looking into its folders every 0.2 s."""
    settings.ALLOW_PRIVATE_HOSTS = True
    with Sandbox(tmp_path / "sandbox") as running:
        settings.SANDBOX_URL = running.control_url
        yield running


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> Iterator[str]:
    """A PostgreSQL cluster of this run's own; yields its DATABASE_URL."""
    with private_postgresql.cluster(debian.require("postgresql", request.node.nodeid)) as url:
        yield url


@pytest.fixture
def baton() -> Iterator[Baton]:
    data = Path(tempfile.mkdtemp(prefix="baton-supervisor-")).resolve()
    running = Baton(data)
    yield running
    running.kill_everything()
    shutil.rmtree(data, ignore_errors=True)
    shutil.rmtree(running.socket.parent, ignore_errors=True)


# -- browser -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium; as root it runs without its own sandbox, and it looks up nothing on the network."""
    # Playwright's event loop lives in this thread, where Django would otherwise refuse the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    return {
        **browser_type_launch_args,
        "executable_path": debian.find("chromium"),
        "args": ["--no-sandbox", "--disable-gpu", "--disable-quic", *quiet],
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "locale": "en-GB", "timezone_id": "Africa/Johannesburg"}
