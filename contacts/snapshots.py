"""One view of the database for several queries, so that figures that are compared with each other belong together."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Within this block, every query sees the database as it was at the first one. The block must only read.

    It blocks no writer and waits for none. Inside a transaction that is already open, that transaction's isolation
    applies instead.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with _without_write_lock(), transaction.atomic():
            yield


@contextmanager
def _without_write_lock() -> Iterator[None]:
    """SQLite begins transactions as DEFERRED: IMMEDIATE, the mode in the settings, waits for the lock of writers."""
    sqlite: Any = connection
    # Reads the mode from the settings.
    sqlite.ensure_connection()
    mode, sqlite.transaction_mode = sqlite.transaction_mode, "DEFERRED"
    try:
        yield
    finally:
        sqlite.transaction_mode = mode
