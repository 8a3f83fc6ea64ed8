"""A PostgreSQL cluster for the tests, in a temporary directory and on loopback.

``python -m tests.postgresql -m pytest ...`` runs that Python command with DATABASE_URL naming such a cluster.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests import debian

# The tests prove nothing about power cuts, so there is no need to wait for the disk.
FAST = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]


def _as_postgres(command: Sequence[str]) -> list[str]:
    """PostgreSQL refuses to run as root; Debian's package creates a user for it."""
    return ["runuser", "-u", "postgres", "--", *command] if os.getuid() == 0 else list(command)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Cluster:
    """A cluster that can be stopped and started. ``url`` is its DATABASE_URL."""

    def __init__(self, url: str, control: Sequence[str], options: str, home: Path) -> None:
        self.url = url
        self._control = list(control)
        self._options = options
        self._home = home

    def start(self) -> None:
        self._run("-o", self._options, "start")

    def stop(self) -> None:
        """Stop it at once, as a crash does."""
        self._run("-m", "immediate", "stop")

    def _run(self, *arguments: str) -> None:
        command = _as_postgres([*self._control, *arguments])
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._home)


@contextmanager
def cluster(postgres: str, settings: Sequence[str] = FAST) -> Iterator[str]:
    """A running cluster; yields its DATABASE_URL. ``postgres`` is the path of the server program.

    ``settings`` are options of its command line; those of the tests do not wait for the disk.
    """
    with controlled_cluster(postgres, settings) as running:
        yield running.url


@contextmanager
def controlled_cluster(postgres: str, settings: Sequence[str] = FAST) -> Iterator[Cluster]:
    """As ``cluster``, for a test that stops the server and starts it again. At the end of the block it has to run."""
    programs = Path(postgres).parent
    home = Path(tempfile.mkdtemp(prefix="baton-postgresql-"))
    try:
        if os.getuid() == 0:
            shutil.chown(home, "postgres", "postgres")
        password = secrets.token_hex(16)
        secret = home / "password"
        secret.write_text(password)
        if os.getuid() == 0:
            shutil.chown(secret, "postgres", "postgres")
        data = home / "data"
        access = ["--auth=scram-sha-256", f"--pwfile={secret}", "--username=postgres", "--encoding=UTF8", "--locale=C"]
        initialise = [str(programs / "initdb"), "-D", str(data), *access, "--no-sync"]
        subprocess.run(_as_postgres(initialise), check=True, stdout=subprocess.DEVNULL, cwd=home)
        port = free_port()
        listen = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", f"unix_socket_directories={home}"]
        control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(home / "log")]
        url = f"postgres://postgres:{password}@127.0.0.1:{port}/postgres"
        running = Cluster(url, control, " ".join([*listen, *settings]), home)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main(arguments: Sequence[str]) -> int:
    """Run a Python command on a fresh cluster; without PostgreSQL print a note (an error under REQUIRE_ALL=1)."""
    postgres = debian.find("postgresql")
    if postgres is None:
        sys.stdout.write("Not tested on PostgreSQL, which is not installed: sudo apt-get install postgresql\n")
        return 1 if os.environ.get("REQUIRE_ALL") else 0
    began = time.monotonic()
    with cluster(postgres) as url:
        sys.stdout.write(f"PostgreSQL ready after {time.monotonic() - began:.1f} s.\n")
        sys.stdout.flush()
        return subprocess.run([sys.executable, *arguments], env={**os.environ, "DATABASE_URL": url}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
