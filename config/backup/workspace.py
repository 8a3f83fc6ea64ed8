"""The directory in which a plain copy of the database exists while a backup is made or restored."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from config.backup import database
from config.errors import CannotStart

#: Directories in DATA with such names, and nothing else, are removed.
PREFIX = "plain-copy-"
LOCK = "plain-copy.lock"


@contextmanager
def workspace() -> Iterator[Path]:
    """A new directory in DATA, of mode 0700, that is removed at the end.

    What a command left behind that was killed is removed first; the lock shows that no other one is using it. Raises
    CannotStart while another backup or restore is running with this data directory, and OSError.
    """
    with Path(settings.DATA, LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart("Another backup or restore is running here. Wait until it has ended.") from None
        for left in Path(settings.DATA).glob(f"{PREFIX}*/"):
            shutil.rmtree(left)
        database.remove_draft()
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=settings.DATA) as folder:
            yield Path(folder)
