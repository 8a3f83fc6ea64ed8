"""Recognises outages: errors that the database, Redis or a full disk caused, and that end when they are back."""

import errno
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from enum import StrEnum

from django.conf import settings
from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError


class Outage(StrEnum):
    DATABASE = "database"
    REDIS = "redis"
    DISK = "disk"


FULL_DISK = {errno.ENOSPC, errno.EDQUOT}
#: With less than this many bytes free, SQLite and Valkey may report other errors than that the disk is full.
_NO_ROOM = 1_000_000
#: SQLite's result codes for a database that cannot be used at the moment.
_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
}
#: PostgreSQL's classes of such errors: connection, resources, intervention by an operator, system.
_POSTGRESQL = ("08", "53", "57", "58")
_POSTGRESQL_DISK_FULL = "53100"


def outage_of(error: BaseException | None) -> Outage | None:
    """The outage that caused ``error``, or None: then it is a fault of Baton or of what it was given."""
    found = {outage for each in _causes(error) if (outage := _outage(each))}
    if Outage.DISK in found or (found and is_disk_full()):
        return Outage.DISK
    return min(found, default=None)


def is_disk_full() -> bool:
    """Whether a disk of this host that Baton writes to has no room left."""
    return any(_free_bytes(str(path)) < _NO_ROOM for path in _places())


def _places() -> tuple[object, ...]:
    return settings.DATA, settings.MEDIA_ROOT, settings.JOURNAL_DIR, tempfile.gettempdir()


def _free_bytes(path: str) -> float:
    try:
        return shutil.disk_usage(path).free
    except OSError:
        # It is not mounted, or was not created yet.
        return float("inf")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _outage(error: BaseException) -> Outage | None:
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        return Outage.DISK
    if isinstance(error, RedisError):
        return Outage.REDIS
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    # The driver's own exception, which Django wraps.
    cause = error.__cause__
    code, state = getattr(cause, "sqlite_errorcode", None), getattr(cause, "sqlstate", None)
    if state == _POSTGRESQL_DISK_FULL or (code is not None and code & 0xFF == sqlite3.SQLITE_FULL):
        return Outage.DISK
    # Neither has a code when a connection fails. The low byte is the code without its details.
    is_away = code & 0xFF in _SQLITE if code is not None else state is None or state.startswith(_POSTGRESQL)
    return Outage.DATABASE if is_away else None
