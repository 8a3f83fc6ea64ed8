"""A small file system that a test can fill."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted file system of a few megabytes at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Leave not a byte."""
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            for size in (1_000_000, 4096, 1):
                with suppress(OSError):
                    while True:
                        filler.write(bytes(size))

    def free(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a file system at ``path`` for the block; skips the test where this machine does not allow it."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "baton-test", str(path)]
    mounted = subprocess.run(mount, capture_output=True, text=True) if os.getuid() == 0 else None
    if mounted is None or mounted.returncode:
        pytest.skip("nobody may mount a file system here")
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a process of the test that is ending may still have a file open.
        subprocess.run(["umount", "--lazy", str(path)], check=True)
