"""Which errors are outages, and the page that explains one."""

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.files.base import ContentFile
from django.db import InterfaceError, OperationalError, ProgrammingError
from redis.exceptions import ConnectionError as RedisConnectionError

from config.storage import EvidenceStorage
from contacts import journals
from contacts.outages import Outage, outage_of


def wrapped(cause: BaseException, by: type[Exception] = OperationalError) -> Exception:
    """The driver's exception as Django raises it."""
    error = by(str(cause))
    error.__cause__ = cause
    return error


def of_sqlite(statement: str, path: str = ":memory:") -> Exception:
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite3.connect(path).execute(statement)
    return wrapped(caught.value)


def full() -> Exception:
    small = sqlite3.connect(":memory:")
    small.execute("PRAGMA max_page_count = 1")
    with pytest.raises(sqlite3.OperationalError) as caught:
        small.execute("CREATE TABLE a (b)")
    return wrapped(caught.value)


CASES = [
    (OSError(errno.ENOSPC, "No space left on device"), Outage.DISK),
    (wrapped(OSError(errno.EDQUOT, "Disk quota exceeded"), ValueError), Outage.DISK),
    (full(), Outage.DISK),
    (wrapped(psycopg.errors.DiskFull("could not extend file")), Outage.DISK),
    (of_sqlite("SELECT 1 FROM sqlite_master", "/nowhere/baton.sqlite3"), Outage.DATABASE),
    (wrapped(psycopg.OperationalError("connection refused")), Outage.DATABASE),
    (wrapped(psycopg.errors.AdminShutdown("terminating connection")), Outage.DATABASE),
    (wrapped(psycopg.errors.TooManyConnections("sorry, too many clients already")), Outage.DATABASE),
    (wrapped(psycopg.InterfaceError("connection already closed"), InterfaceError), Outage.DATABASE),
    (OperationalError("server closed the connection"), Outage.DATABASE),
    (RedisConnectionError("refused"), Outage.REDIS),
    # Faults of Baton's own.
    (of_sqlite("SELECT 1 FROM nothing"), None),
    (wrapped(psycopg.errors.UndefinedTable("nothing"), ProgrammingError), None),
    (wrapped(psycopg.errors.DeadlockDetected("deadlock")), None),
    (OSError(errno.ENOENT, "No such file"), None),
    (ValueError("x"), None),
    (None, None),
]


@pytest.mark.parametrize(("error", "outage"), CASES)
def test_it_tells_outages_from_faults(error: Exception | None, outage: Outage | None) -> None:
    assert outage_of(error) is outage


def test_a_file_that_does_not_fit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a full disk: the first part is written, the second is not."""
    storage = EvidenceStorage(location=tmp_path)

    class Long(ContentFile):
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            yield b"half"
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        storage.save("evidence/a", Long(b"half and half"))
    assert list(tmp_path.rglob("*.*")) == []
    assert not storage.exists("evidence/a")
    storage.save("evidence/a", ContentFile(b"whole"))
    # The file of somebody else is left alone.
    with pytest.raises(FileExistsError):
        storage.save("evidence/a", ContentFile(b"another"))
    assert storage.open("evidence/a").read() == b"whole"

    journal, write = tmp_path / "journal" / "a.jsonl", journals.os.write
    journals.append(journal, b"first\n")
    written: list[int] = []

    def write_half(descriptor: int, lines: bytes) -> int:
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(write(descriptor, lines[: len(lines) // 2]))
        return written[0]

    monkeypatch.setattr(journals.os, "write", write_half)
    with pytest.raises(OSError, match="No space left"):
        journals.append(journal, b"second\nthird\n")
    monkeypatch.undo()
    assert journal.read_bytes() == b"first\n"
    journals.append(journal, b"fourth\n")
    assert journal.read_bytes() == b"first\nfourth\n"
