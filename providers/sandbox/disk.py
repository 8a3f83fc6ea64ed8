"""Writes files that must survive a power cut, and files that nobody else may read."""

import os
from pathlib import Path


def write_durably(path: Path, body: bytes) -> None:
    """Replace ``path`` with ``body`` atomically; it is on the disk when this returns."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_secret(path: Path, body: bytes) -> None:
    """Make a file with mode 0600. Raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(body)
