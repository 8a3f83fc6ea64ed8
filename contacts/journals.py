"""Writes the journals: files of whole lines outside the database. Each line is durable before the caller continues."""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def append(path: Path, lines: bytes, written: Callable[[], None] = lambda: None) -> None:
    """Append ``lines``, each ending in a newline, to a journal of this host, and return once they are durable.

    Processes take turns. ``written`` is called when the lines are in the file but not yet durable. Raises OSError; if
    the lines do not fit on the disk, none of them is left in the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # Another process of this host may be writing.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        if not size:
            sync_folder(path)
        # The next line must not be appended to one that a crash cut short.
        is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        rest = memoryview(b"\n" + lines if is_torn else lines)
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            # The disk is full: to the caller, none of these lines are written.
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
        # Other processes need not wait for the disk.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        written()
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make the entry of a new or renamed file in its folder durable. Raises OSError."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
