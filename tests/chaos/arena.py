"""A whole Baton on a data directory of its own: Valkey, workers, clock and gateways, which can be killed one by one."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from config import valkey
from config.processes import Child, Program, children_of, lasting
from tests import migrated
from tests.chaos.gateways import Gateways
from tests.postgresql import _as_postgres

#: Worker processes of each queue.
WORKERS = {"campaigns": 2, "handover": 5, "results": 3}
WORKER_CLASS = "tests.chaos.worker.ChaosWorker"
CLOCK = ("sweep", "--every", "2")


class Arena:
    """The processes of one Baton. ``care`` starts killed ones again, as the supervisor would."""

    def __init__(self, gateways: Gateways) -> None:
        self.gateways = gateways
        self.logs = settings.DATA / "logs"
        self.logs.mkdir(exist_ok=True)
        self.environment = {"ALLOW_PRIVATE_HOSTS": "1", "PYTHONUNBUFFERED": "1"}
        self.workers: list[Child] = []
        self.clocks: list[Child] = []
        self.valkey: Child | None = None
        self.is_down = False
        self.restarts = 0

    # -- starting and ending -----------------------------------------------------------------------------------------

    def start(self) -> None:
        if connection.vendor == "sqlite":
            migrated.copy_to(Path(str(settings.DATABASES["default"]["NAME"])))
        else:
            call_command("migrate", verbosity=0, interactive=False)
            with connection.cursor() as cursor:
                # The tests' cluster is fast and not durable; here it is killed, and must keep what it has confirmed.
                cursor.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = on")
            connection.close()
        valkey.make_private(settings.RUN_DIR)
        self.start_valkey()
        for queue, count in WORKERS.items():
            for number in range(count):
                options = ["--serializer", "rq.serializers.JSONSerializer"]
                options += ["--worker-class", WORKER_CLASS]
                program = Program(f"worker-{queue}-{number}", lasting("rqworker", queue, *options), self.environment)
                self.workers.append(self._launch(program))
        self.clocks.append(self._launch(Program("clock", lasting(*CLOCK), self.environment)))

    def stop(self) -> None:
        for child in [*self.clocks, *self.workers]:
            child.signal(signal.SIGKILL)
        for child in [*self.clocks, *self.workers]:
            child.process.wait()
        if self.valkey:
            self.valkey.signal(signal.SIGCONT)
            self.valkey.signal(signal.SIGKILL)
            self.valkey.process.wait()
        settings.VALKEY_SOCKET.unlink(missing_ok=True)
        with suppress(OSError):
            settings.RUN_DIR.rmdir()

    def _launch(self, program: Program) -> Child:
        return Child(program, self.logs / f"{program.name}.log")

    def start_valkey(self) -> None:
        data = settings.DATA / "valkey"
        data.mkdir(exist_ok=True)
        settings.VALKEY_SOCKET.unlink(missing_ok=True)
        self.valkey = self._launch(Program("valkey", valkey.command(settings.VALKEY_SOCKET, data)))
        until = time.monotonic() + 30
        while not valkey.answers(settings.REDIS_URL):
            if time.monotonic() > until:
                raise SystemExit("Valkey does not answer.")
            time.sleep(0.05)

    def care(self) -> None:
        """Start processes that have ended again, after a moment."""
        if self.is_down:
            return
        now = time.monotonic()
        for child in [*self.workers, *self.clocks]:
            if child.due_at is not None:
                if now >= child.due_at:
                    child.start()
                    self.restarts += 1
            elif child.ended():
                child.due_at = now + 0.5

    # -- faults ------------------------------------------------------------------------------------------------------

    def horses(self) -> list[int]:
        """The process ids of the running jobs."""
        return [horse for worker in self.workers if not worker.ended() for horse in children_of(worker.process.pid)]

    def kill_workers(self) -> None:
        for child in self.workers:
            child.signal(signal.SIGKILL)

    def kill_clocks(self) -> None:
        for child in self.clocks:
            child.signal(signal.SIGKILL)

    def second_clock(self) -> None:
        if len(self.clocks) < 2:
            self.clocks.append(self._launch(Program("clock-2", lasting(*CLOCK), self.environment)))

    def one_clock(self) -> None:
        for child in self.clocks[1:]:
            child.signal(signal.SIGKILL)
            child.process.wait()
        del self.clocks[1:]

    def kill_valkey(self, lose_file: bool = False) -> None:
        assert self.valkey
        self.valkey.signal(signal.SIGKILL)
        self.valkey.process.wait()
        if lose_file:
            shutil.rmtree(settings.DATA / "valkey")
        self.start_valkey()

    def flush_valkey(self) -> None:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5)
        client.flushall()
        client.close()

    @contextmanager
    def all_down(self) -> Iterator[None]:
        """Nothing of Baton runs within the block; afterwards everything is started afresh."""
        self.is_down = True
        self.kill_clocks()
        self.kill_workers()
        for child in [*self.clocks, *self.workers]:
            child.process.wait()
        connections.close_all()
        yield
        for child in [*self.workers, *self.clocks]:
            child.start()
        self.is_down = False

    def restart_postgresql(self) -> None:
        """Restart the database at once, as after a crash; every session is lost."""
        with connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            data = Path(cursor.fetchone()[0])
        connections.close_all()
        control = str(_postgresql_programs() / "pg_ctl")
        command = [control, "-D", str(data), "-w", "-m", "immediate", "-l", str(data.parent / "log")]
        subprocess.run(_as_postgres([*command, "restart"]), check=True, stdout=subprocess.DEVNULL, cwd=data.parent)

    def end_sessions(self, name: str) -> int:
        """Terminate the database sessions of the process called ``name``; return how many there were."""
        with suppress(psycopg.Error), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [name])
            return len(cursor.fetchall())
        return 0


def signal_quietly(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def copy_database(to: Path) -> None:
    """A complete copy of the database as it is now."""
    to.unlink(missing_ok=True)
    if connection.vendor == "postgresql":
        _postgresql_tool("pg_dump", "--format=custom", "--file", str(to))
        return
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(to)])


def restore_database(copy: Path) -> None:
    """Replace the database with the copy; nobody may be using it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Sessions of killed processes may linger.
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        connections.close_all()
        _postgresql_tool("pg_restore", "--clean", "--if-exists", "--single-transaction", str(copy))
        return
    place = Path(str(settings.DATABASES["default"]["NAME"]))
    for ending in ("-wal", "-shm"):
        place.with_name(place.name + ending).unlink(missing_ok=True)
    shutil.copy2(copy, place)


def _postgresql_tool(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs on the database."""
    database = settings.DATABASES["default"]
    where = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
    environment = {**os.environ, **{variable: str(database[key]) for variable, key in where.items()}}
    program = _postgresql_programs() / name
    subprocess.run([str(program), "--dbname", str(database["NAME"]), *arguments], env=environment, check=True)


def _postgresql_programs() -> Path:
    return max(Path("/usr/lib/postgresql").glob("*/bin"))
