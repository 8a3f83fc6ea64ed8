"""Which files a client is still writing."""

import os
from pathlib import Path


class Uploads:
    """The files that clients hold open for writing. A file is added before it exists, so it is never missed."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

    def begin(self, path: str) -> None:
        self._open[path] = self._open.get(path, 0) + 1

    def end(self, path: str) -> None:
        left = self._open.get(path, 0) - 1
        if left > 0:
            self._open[path] = left
        else:
            self._open.pop(path, None)

    def is_open(self, path: Path) -> bool:
        """Return whether a client is still writing the file at ``path``."""
        return os.path.realpath(path) in self._open
