"""Named locks, held by the kernel or the database: taken without waiting, and released when the process ends.

With SQLite, a lock is a ``flock`` on a file in ``settings.LOCK_DIR`` (one host). With PostgreSQL, it is a session
advisory lock on its own connection (any number of hosts). Neither depends on a clock.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

import psycopg
from django.conf import settings
from django.db import connections

from providers import timing

if TYPE_CHECKING:
    from providers.models import Account


class Lock(Protocol):
    """A lock that this process holds."""

    name: str

    def still_held(self) -> bool:
        """Check again with the kernel or the database. False means stop: another process may hold the lock."""
        ...


class LockLost(Exception):
    """A lock is no longer held: another process may hold it."""


class FileLock:
    """A ``flock``: held for as long as the descriptor is open."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self.descriptor = descriptor

    def still_held(self) -> bool:
        return self.descriptor in _descriptors


#: A row of pg_locks that is a session lock of this module, and the key with which it was taken.
_IS_OURS = (
    "locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_HELD_KEY = "((classid::bigint << 32) | objid::bigint)"


class DatabaseLock:
    """A PostgreSQL session lock: held for as long as its connection lives."""

    def __init__(self, name: str, connection: psycopg.Connection, key: int) -> None:
        self.name = name
        self.connection = connection
        self.key = key

    def still_held(self) -> bool:
        try:
            row = self.connection.execute(
                f"SELECT 1 FROM pg_locks WHERE {_IS_OURS} AND pid = pg_backend_pid() AND {_HELD_KEY} = %s", [self.key]
            ).fetchone()
        except psycopg.Error:
            return False
        return row is not None


@contextmanager
def hold(name: str) -> Iterator[Lock | None]:
    """Hold the lock called ``name`` inside the block, or yield None at once if it is already held.

    A second ``hold`` of the same name in the same process yields None too. A child process does not inherit the lock,
    and the lock is free as soon as this process ends, however it ends. Raises Django's OperationalError if the database
    refuses the connection.
    """
    if connections["default"].vendor == "postgresql":
        with _hold_in_database(name) as lock:
            yield lock
    else:
        with _hold_in_kernel(name) as lock:
            yield lock


def is_free(name: str) -> bool:
    """Return whether nobody holds ``name`` right now.

    This takes the lock for an instant, so a ``hold`` at that very instant may yield None; its caller tries again later.
    """
    with hold(name) as lock:
        return lock is not None


def held_among(names: Iterable[str]) -> set[str]:
    """Those of ``names`` that somebody holds right now, this process included. With PostgreSQL, it takes one query."""
    if connections["default"].vendor != "postgresql":
        return {name for name in names if not is_free(name)}
    with connections["default"].cursor() as cursor:
        cursor.execute(f"SELECT {_HELD_KEY} FROM pg_locks WHERE {_IS_OURS}")
        held = {row[0] for row in cursor}
    return {name for name in names if _key_of(name) in held}


@contextmanager
def account_slot(account: "Account") -> Iterator[Lock | None]:
    """Hold one of the account's connection slots, or yield None if all of them are taken.

    Take one before connecting to an account's provider (hand over, collect, *Test connection*), so that the provider
    never gets more connections than ``adapter.limits.connections``.
    """
    with ExitStack() as stack:
        for number in range(1, account.adapter.limits.connections + 1):
            lock = stack.enter_context(hold(f"account-{account.pk}-slot-{number}"))
            if lock:
                yield lock
                return
        yield None


# Connections that hold no lock at the moment, inside a block of ``reuse_connections``, with their descriptors.
_unused: ContextVar[list[tuple[psycopg.Connection, int]] | None] = ContextVar("unused", default=None)


@contextmanager
def reuse_connections() -> Iterator[None]:
    """Inside the block, the connection of a lock that was released holds the next lock. All are closed at the end.

    With PostgreSQL, opening a connection takes as long as about ten queries. Locks that are held at the same time still
    have a connection each. With SQLite, the block changes nothing.
    """
    unused: list[tuple[psycopg.Connection, int]] = []
    before = _unused.set(unused)
    holder = os.getpid()
    try:
        yield
    finally:
        _unused.reset(before)
        if os.getpid() == holder:
            for connection, descriptor in unused:
                _close(connection, descriptor)


# Descriptors that keep a lock alive in this process, and those of unused connections. A forked child closes its copies:
# it holds no lock, and a lock must not live on in a child after its holder has ended.
_descriptors: set[int] = set()


def _forget_in_child() -> None:
    for descriptor in _descriptors:
        with suppress(OSError):
            os.close(descriptor)
    _descriptors.clear()
    if unused := _unused.get():
        unused.clear()


os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def _hold_in_kernel(name: str) -> Iterator[FileLock | None]:
    settings.LOCK_DIR.mkdir(parents=True, exist_ok=True)
    # The file is never removed: otherwise two processes could lock two different files with the same name.
    descriptor = os.open(settings.LOCK_DIR / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    holder = os.getpid()
    _descriptors.add(descriptor)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield FileLock(name, descriptor)
    finally:
        if os.getpid() == holder:
            _descriptors.discard(descriptor)
            # Closing is not enough: a program that is being started has a copy of the descriptor until its exec.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _key_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@contextmanager
def _hold_in_database(name: str) -> Iterator[DatabaseLock | None]:
    key, holder = _key_of(name), os.getpid()
    unused = _unused.get()
    connection, descriptor = unused.pop() if unused else _open()
    try:
        # Callers that try again after a database error catch Django's exceptions.
        with connections["default"].wrap_database_errors:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone()
        yield DatabaseLock(name, connection, key) if row and row[0] else None
    finally:
        if os.getpid() == holder:
            _release(connection, descriptor)


def _open() -> tuple[psycopg.Connection, int]:
    parameters = connections["default"].get_connection_params()
    with connections["default"].wrap_database_errors:
        connection = psycopg.connect(
            **{**parameters, "autocommit": True, "connect_timeout": timing.LOCK_CONNECT_SECONDS}
        )
    descriptor = connection.fileno()
    _descriptors.add(descriptor)
    return connection, descriptor


def _release(connection: psycopg.Connection, descriptor: int) -> None:
    """Release the connection's lock. Keep the connection for another lock, or close it."""
    unused, is_free = _unused.get(), False
    try:
        # Closing the connection releases the lock only once the server has noticed.
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock_all()")
            is_free = True
    finally:
        if is_free and unused is not None:
            unused.append((connection, descriptor))
        else:
            _close(connection, descriptor)


def _close(connection: psycopg.Connection, descriptor: int) -> None:
    _descriptors.discard(descriptor)
    connection.close()
