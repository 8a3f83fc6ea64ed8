"""A fresh database for each stage: a copy of one that was migrated once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests import debian, migrated
from tests.postgresql import cluster

TEMPLATE = "template_of_stages"
#: As on a server of its own; a commit waits for the disk, as it does on SQLite.
POSTGRESQL_OPTIONS = ("shared_buffers=512MB", "max_wal_size=4GB")


class Databases:
    """Copies of a migrated data directory, and of a migrated PostgreSQL database if ``url`` names a cluster."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder, self.url = folder, url
        if not url:
            (folder / "template").mkdir(parents=True)
            migrated.copy_to(folder / "template" / "baton.sqlite3")
            return
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        template = self._environment(folder / "template", TEMPLATE)
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, env={**os.environ, **template}, check=True)

    @contextmanager
    def copy(self, stage: str) -> Iterator[dict[str, str]]:
        """The environment of a process that works on a fresh data directory and database, which are then deleted."""
        data, name = self.folder / stage, f"stage_{stage.replace('-', '_')}"
        shutil.copytree(self.folder / "template", data)
        try:
            if self.url:
                self._execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
            yield self._environment(data, name)
        finally:
            if self.url:
                self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            shutil.rmtree(data, ignore_errors=True)

    def _environment(self, data: Path, name: str) -> dict[str, str]:
        environment = {"DATA": str(data), "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
        if self.url:
            environment["DATABASE_URL"] = urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        return environment

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def prepared(database: str, folder: Path) -> Iterator[Databases]:
    """Databases of a kind, ``sqlite`` or ``postgresql``. Ends with a message if PostgreSQL is not installed."""
    if database == "sqlite":
        yield Databases(folder / database)
        return
    postgres = debian.find("postgresql")
    if postgres is None:
        raise SystemExit("PostgreSQL is not installed: sudo apt-get install postgresql, or make bench DATABASE=sqlite")
    with cluster(postgres, [word for option in POSTGRESQL_OPTIONS for word in ("-c", option)]) as url:
        yield Databases(folder / database, url)
