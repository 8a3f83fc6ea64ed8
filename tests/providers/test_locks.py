import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from multiprocessing.synchronize import Event
from uuid import uuid4

import pytest
from django.db import OperationalError, connection

from providers import locks
from providers.models import Account

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

needs_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="only there a lock is a connection")


@pytest.fixture
def name() -> str:
    return f"test-{uuid4().hex}"


def test_a_lock_is_held_once(name: str) -> None:
    with locks.hold(name) as first:
        assert first is not None
        assert first.still_held()
        with locks.hold(name) as second:
            assert second is None
        assert not locks.is_free(name)
        assert first.still_held()
    assert not first.still_held()
    assert locks.is_free(name)


def test_names_do_not_disturb_each_other(name: str) -> None:
    with locks.hold(name), locks.hold(f"{name}-other") as other:
        assert other is not None


def test_it_is_free_after_an_exception_in_the_block(name: str) -> None:
    with pytest.raises(RuntimeError), locks.hold(name):
        raise RuntimeError
    assert locks.is_free(name)


def _hold_until_killed(name: str, holding: Event) -> None:
    with locks.hold(name) as lock:
        assert lock
        holding.set()
        signal.pause()


def test_a_killed_process_frees_its_lock(name: str) -> None:
    context = multiprocessing.get_context("fork")
    holding = context.Event()
    child = context.Process(target=_hold_until_killed, args=(name, holding))
    child.start()
    assert holding.wait(20)
    assert not locks.is_free(name)
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    child.join(20)
    assert _comes_free(name)


def _fork_a_sleeper_and_die(name: str, sleeper: "multiprocessing.Queue[int]") -> None:
    with locks.hold(name):
        pid = os.fork()
        if pid == 0:
            signal.pause()
            os._exit(0)
        sleeper.put(pid)
        sleeper.close()
        sleeper.join_thread()
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_forked_child_does_not_keep_the_lock_alive(name: str) -> None:
    context = multiprocessing.get_context("fork")
    sleeper: multiprocessing.Queue[int] = context.Queue()
    child = context.Process(target=_fork_a_sleeper_and_die, args=(name, sleeper))
    child.start()
    pid = sleeper.get(timeout=20)
    child.join()
    try:
        assert _comes_free(name)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_program_that_is_started_does_not_inherit_the_lock(name: str) -> None:
    with locks.hold(name):
        tell = (
            "import os;"
            "paths = (f'/proc/self/fd/{n}' for n in range(3, 200));"
            "print(*(os.readlink(path) for path in paths if os.path.exists(path)))"
        )
        mine = {os.readlink(f"/proc/self/fd/{number}") for number in locks._descriptors}
        program = subprocess.run(
            [sys.executable, "-c", tell], capture_output=True, text=True, close_fds=False, check=True
        )
    assert mine
    assert not mine & set(program.stdout.split())


@needs_postgresql
def test_an_unreachable_database_raises_djangos_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = {**connection.get_connection_params(), "port": 9}
    monkeypatch.setattr(connection, "get_connection_params", lambda: nobody)

    with pytest.raises(OperationalError), locks.hold(name):
        pass


@needs_postgresql
def test_a_released_locks_connection_holds_the_next_one(name: str) -> None:
    with locks.hold(f"{name}-outside") as outside, locks.reuse_connections():
        with locks.hold(name) as first, locks.hold(f"{name}-other") as other:
            pids = {_pid(lock) for lock in (outside, first, other)}
            assert len(pids) == 3
        assert locks.is_free(name)
        with locks.hold(f"{name}-next") as following:
            assert _pid(following) in pids
            assert not locks.is_free(f"{name}-next")
            pid = os.fork()
            if pid == 0:
                # The child has none of these connections: it opens its own, and does not get the lock.
                with locks.hold(f"{name}-next") as taken:
                    os._exit(taken is not None)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            assert following is not None
            assert following.still_held()
    assert not locks._descriptors


@needs_postgresql
def test_a_connection_that_broke_while_unused_is_an_error_once(name: str) -> None:
    with locks.reuse_connections():
        with locks.hold(name) as lock:
            pid = _pid(lock)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(OperationalError), locks.hold(name):
            pass
        with locks.hold(name) as lock:
            assert lock is not None
            assert _pid(lock) != pid
    assert not locks._descriptors


def _pid(lock: locks.Lock | None) -> int:
    """The id of the server's process that holds the lock."""
    assert isinstance(lock, locks.DatabaseLock)
    return lock.connection.info.backend_pid


def test_an_account_gives_as_many_slots_as_it_may_have_connections() -> None:
    account = Account.objects.create(name="Main", provider="smsportal")
    connections = account.adapter.limits.connections
    with ExitStack() as held:
        for _ in range(connections):
            assert held.enter_context(locks.account_slot(account)) is not None
        with locks.account_slot(account) as one_too_many:
            assert one_too_many is None
    with locks.account_slot(account) as again:
        assert again is not None


def _comes_free(name: str) -> bool:
    # The kernel and the database notice a death within moments.
    for _ in range(100):
        if locks.is_free(name):
            return True
        time.sleep(0.05)
    return False
