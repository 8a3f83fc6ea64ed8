"""What is checked before anything starts: one supervisor for each data directory, a free port, Redis, the socket."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config import installation, valkey
from config.errors import CannotStart
from config.roles import Roles


def is_busy(bind: str, port: int) -> bool:
    """Whether another program listens at this address. Raises CannotStart if the address is none of this host's."""
    with socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET) as probe:
        # As the servers do: a lingering connection of an earlier run does not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise CannotStart(f"BIND={bind} is none of this host's addresses.") from None
            return True
        return False


@contextmanager
def only_supervisor(directory: Path) -> Iterator[None]:
    """Hold the lock of the only supervisor of a data directory. Raises CannotStart when another holds it."""
    with (directory / "supervisor").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStart(
                f"Baton is already running on {settings.DATA} (process {lock.read().strip()}). "
                "End that one first, or choose another data directory with DATA=."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def lock_directory() -> Path:
    """Create what the installation needs and return the directory of its locks.

    Raises CannotStart when the settings are wrong or the data directory cannot be used.
    """
    try:
        installation.prepare()
        directory: Path = settings.LOCK_DIR
        directory.mkdir(parents=True, exist_ok=True)
    except (OSError, ImproperlyConfigured) as trouble:
        raise CannotStart(f"the settings cannot be used: {trouble}") from None
    return directory


def check_requirements(bind: str, port: int, roles: Roles) -> None:
    """Check the port, Redis and the socket directory before anything starts. Raises CannotStart."""
    if not 1 <= port <= 65535:
        raise CannotStart(f"PORT={port} is not a valid port. Choose one from 1024 to 65535.")
    if "web" in roles.names and is_busy(bind, port):
        other = port % 60000 + 1
        raise CannotStart(
            f"Port {port} on {bind} is in use. End the program that uses it, or choose another port with PORT={other}."
        )
    if os.environ.get("REDIS_URL"):
        if not valkey.answers(settings.REDIS_URL):
            raise CannotStart("The server that REDIS_URL names does not answer. Start it, or unset REDIS_URL.")
        return
    valkey.make_private(settings.RUN_DIR)
