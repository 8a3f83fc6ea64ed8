"""Shared fixtures: people, Valkey, workers, the sandbox, the browser, and the list of missing Debian packages."""

import gc
import importlib
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import django_rq
import hypothesis
import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.base import SessionBase
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from django.test import Client
from pytest_django import Settings
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from audit import triggers
from config import processes
from config import valkey as embedded
from contacts import queues
from providers.sandbox.server import Sandbox
from tests import debian, migrated
from tests import postgresql as private_postgresql
from tests.hosts import RQ_OPTIONS
from tests.supervised import Baton, own_baton
from tests.waiting import wait_until

roles = importlib.import_module("campaigns.migrations.0001_initial")

PASSWORD = "correct horse battery"
#: What ``unnamed_marks`` found among all tests, including those that are deselected.
UNNAMED_MARKS = pytest.StashKey[list[str]]()

# A slow example on a busy machine is not an error. All else stays as in Hypothesis's profile, which depends on CI.
hypothesis.settings.register_profile("without a deadline", hypothesis.settings(deadline=None))
hypothesis.settings.load_profile("without a deadline")


# -- missing Debian packages ---------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """The potentially longest tests come first, so that no worker is left with one of them at the end."""
    config.stash[UNNAMED_MARKS] = list(unnamed_marks(items))
    items.sort(key=_time_limit, reverse=True)
    # pytest-django moves tests without its database to the end. The longest are among these: they start processes.
    yield
    items.sort(key=lambda item: 0 if _uses_database(item) else _time_limit(item), reverse=True)


def _time_limit(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else 0


def _uses_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    return bool(fixtures) or item.get_closest_marker("django_db") is not None


def unnamed_marks(items: list[pytest.Item]) -> Iterator[str]:
    """Files with a test that has a mark by which the Makefile chooses files, but without the name of that mark."""
    for mark in ("slow", "postgresql"):
        for path in sorted({item.path for item in items if item.get_closest_marker(mark)}):
            if not re.search(rf"\b{mark}\b", path.read_text()):
                yield f"{path}: {mark}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        debian.require(mark.args[0], item.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist tells the controller, which writes the summary, which programs its tests lacked."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["lacking"] = {name: sorted(tests) for name, tests in debian.lacking.items()}


def pytest_testnodedown(node: Any) -> None:
    for name, tests in getattr(node, "workeroutput", {}).get("lacking", {}).items():
        debian.lacking.setdefault(name, set()).update(tests)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not debian.lacking:
        return
    terminalreporter.section("not tested, because a Debian package is missing")
    for name, tests in sorted(debian.lacking.items()):
        terminalreporter.line(f"{name}: {len(tests)} tests")
    packages = " ".join(sorted(debian.PACKAGES[name] for name in debian.lacking))
    terminalreporter.line(f"sudo apt-get install {packages}")


def pytest_collection_finish() -> None:
    """Thousands of tests and modules live to the end, so the garbage collector need not search them again and again."""
    gc.collect()
    gc.freeze()


# -- database ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Put a migrated database where pytest-django would otherwise migrate an empty one."""
    if connection.vendor == "sqlite":
        migrated.copy_to(Path(connection.settings_dict["TEST"]["NAME"]))


@pytest.fixture(scope="session")
def django_db_keepdb(request: pytest.FixtureRequest) -> bool:
    """Whether pytest-django uses the database that is there; the data directory of the tests is removed at the end."""
    return connection.vendor == "sqlite" or bool(request.config.getvalue("reuse_db"))


@pytest.fixture(scope="session", autouse=True)
def empties_the_audit_trail() -> None:
    """Between transactional tests all tables are emptied, which the triggers of the audit trail refuse."""
    flush = BaseDatabaseOperations.execute_sql_flush

    def flush_without_triggers(self: BaseDatabaseOperations, sql_list: Iterable[str]) -> None:
        if self.connection.vendor == "postgresql":
            flush(self, [quick_deletes(self)])
            return
        triggers.remove(self.connection)
        flush(self, sql_list)
        triggers.install(self.connection)

    BaseDatabaseOperations.execute_sql_flush = flush_without_triggers  # type: ignore[method-assign]


def quick_deletes(operations: BaseDatabaseOperations) -> str:
    """Statements that empty all tables of PostgreSQL without firing triggers or foreign keys; only a superuser may.

    TRUNCATE makes new files for every table and index, which takes 150 ms of processor time instead of 3.
    """
    tables = operations.connection.introspection.django_table_names(only_existing=True, include_views=False)
    deletes = (f"DELETE FROM {operations.quote_name(table)}" for table in tables)
    return "; ".join(("SET LOCAL session_replication_role = replica", *deletes))


# -- people --------------------------------------------------------------------------------------------------------


class MakeUser(Protocol):
    def __call__(self, role: str, username: str = "") -> User: ...


@pytest.fixture
def make_user(db: None) -> MakeUser:
    """Makes a person in one of the four groups; the password of all of them is PASSWORD."""
    # An earlier transactional test has emptied every table, including the rows that migrations made.
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
    """A Django test client with a person logged in."""

    def log_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return log_in


def age_login(session: SessionBase, minutes: int) -> None:
    """Make the password of this session so many minutes older; after 15 minutes, a decision asks for it again."""
    for record in session["account_authentication_methods"]:
        record["at"] -= minutes * 60
    session.save()


def signed_in(user: User, minutes: int = 16) -> Client:
    """A test client with a person who entered the password so many minutes ago."""
    client = Client()
    response = client.post("/login/login/", {"login": user.username, "password": PASSWORD})
    assert response.status_code == 302
    age_login(client.session, minutes)
    return client


def retyped(client: Client, response: object) -> object:
    """Enter the password again where it is required, and return."""
    return client.post(response.headers["Location"], {"password": PASSWORD}, follow=True)  # type: ignore[attr-defined]


# -- Valkey and workers --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """The real embedded Valkey on this run's private socket, where the settings expect it; yields its URL."""
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
    """An empty Valkey with the queues of the settings; yields a connection to it."""
    client = Redis.from_url(valkey_server)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def drain(valkey: Redis) -> Callable[[], int]:
    """Runs all waiting jobs, and those they enqueue, in this process; returns how many there were."""

    def run() -> int:
        queues = [django_rq.get_queue(name) for name in django_settings.QUEUE_TIMEOUTS]
        before = sum(queue.finished_job_registry.count + queue.failed_job_registry.count for queue in queues)
        SimpleWorker(queues, connection=queues[0].connection, serializer=JSONSerializer).work(burst=True)
        return sum(queue.finished_job_registry.count + queue.failed_job_registry.count for queue in queues) - before

    return run


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The jobs enqueued for workers, each with the id of its row. No worker runs them."""
    calls: list[tuple[str, int]] = []

    def enqueue_once(wanted: queues.Job, pk: int) -> bool:
        calls.append((wanted.__name__, pk))
        return True

    monkeypatch.setattr(queues, "enqueue_once", enqueue_once)
    return calls


StartWorker = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def worker(valkey: Redis, transactional_db: None, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts real worker processes on the test's database, one for each queue named; they end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*queues: str) -> subprocess.Popen[bytes]:
        log = (tmp_path / f"worker-{'-'.join(queues)}.log").open("ab")
        process = subprocess.Popen(
            processes.lasting("rqworker", *queues, *RQ_OPTIONS),
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
    """The environment a process needs to work on this test's database, Valkey and files."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "BATON_TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "ALLOW_PRIVATE_HOSTS": "1",
    }


# -- servers -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sandbox(tmp_path: Path, settings: Settings) -> Iterator[Sandbox]:
    """The SMSPortal sandbox in a process of its own; it checks its folders every 0.1 s."""
    settings.ALLOW_PRIVATE_HOSTS = True
    with Sandbox(tmp_path / "sandbox", every=0.1) as running:
        settings.SANDBOX_URL = running.control_url
        yield running


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> Iterator[str]:
    """A PostgreSQL cluster of this run's own; yields its DATABASE_URL."""
    with private_postgresql.cluster(debian.require("postgresql", request.node.nodeid)) as url:
        yield url


@pytest.fixture
def baton() -> Iterator[Baton]:
    with own_baton() as running:
        yield running


# -- browser -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium; as root it runs without its own sandbox, and it looks up nothing on the network."""
    # Playwright's event loop runs in this thread, where Django would otherwise refuse the database.
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
