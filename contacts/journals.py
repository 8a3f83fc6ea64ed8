"""How the journals are written: files of whole lines outside the database, each line durable before work goes on."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path


def append(path: Path, lines: bytes, written: Callable[[], None] = lambda: None) -> None:
    """Append ``lines``, each with its end, to a journal of this host, and return once they are durable.

    Processes take turns. ``written`` is called when the lines are in the file and not yet durable. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # Another process of this host may be in the middle of its lines.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        if not size:
            _keep_entry(path)
        # A line that a crash cut short must not swallow the next one.
        is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        rest = memoryview(b"\n" + lines if is_torn else lines)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        # Nobody else need wait for the disk.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        written()
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep_entry(path: Path) -> None:
    """Make durable that there is a file of this name."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
