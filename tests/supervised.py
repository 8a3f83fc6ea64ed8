"""A real supervisor that tests start, on a data directory of its own."""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from django.conf import settings
from redis import Redis
from rq import Queue
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from tests import migrated
from tests.postgresql import free_port
from tests.waiting import wait_until


def _take(terminal: int) -> None:
    """Make it this process's terminal, whose end ends the process, though the tests may run under nohup."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Baton:
    """One supervisor on a data directory of its own; ``said`` is what it wrote to the terminal."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        short = hashlib.sha256(str(data).encode()).hexdigest()[:8]
        self.socket = Path(tempfile.gettempdir()) / f"baton-{os.getuid()}-{short}" / "valkey.sock"
        self.output = data / "said.txt"
        self.database = data / "baton.sqlite3"
        self.chosen: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        *options: str,
        mode: str = "run",
        terminal: int | None = None,
        is_empty: bool = False,
        **environment: str,
    ) -> "Baton":
        """Start it. On SQLite it finds a migrated database unless ``is_empty``: then it migrates, as for a new user."""
        self.chosen = environment
        if "DATABASE_URL" not in environment and not is_empty and not self.database.exists():
            migrated.copy_to(self.database)
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.supervisor", mode, "--port", str(self.port), *options],
                env=self.environment(),
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=output if terminal is None else terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=None if terminal is None else partial(_take, terminal),
            )
        return self

    def environment(self) -> dict[str, str]:
        forgotten = ("DATABASE_URL", "REDIS_URL", "BATON_TEST_DATA")
        inherited = {name: value for name, value in os.environ.items() if name not in forgotten}
        return {**inherited, "DATA": str(self.data), "DJANGO_SETTINGS_MODULE": "config.settings", **self.chosen}

    def until_ready(self) -> "Baton":
        wait_until(lambda: f"ready: http://127.0.0.1:{self.port}" in self.said() or self.ended(), "ready", 240)
        assert not self.ended(), self.said()
        return self

    def password(self, person: str) -> str:
        """The password of one of the demo's people."""
        lines = (self.data / "demo-logins.txt").read_text().splitlines()
        return dict(line.split() for line in lines)[person]

    def said(self) -> str:
        return self.output.read_text()

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def exit_code(self, within: float = 40) -> int:
        assert self.process
        return self.process.wait(timeout=within)

    def pids(self) -> dict[int, str]:
        """Every process that works on this data directory, whatever its parent, with its command line."""
        marker = f"DATA={self.data}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if not entry.name.isdigit():
                    continue
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                # Valkey overwrites its environment with its process title.
                if str(self.socket) in command or marker in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = command
        return found

    def pid_of(self, *words: str) -> int:
        """The oldest process whose command line contains all the words."""
        return min((pid for pid, command in self.pids().items() if all(word in command for word in words)), default=0)

    def redis_url(self) -> str:
        return self.chosen.get("REDIS_URL") or f"unix://{self.socket}"

    def health(self) -> int:
        asking = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            asking.request("GET", "/healthz")
            return asking.getresponse().status
        finally:
            asking.close()

    def manage(self, *arguments: str) -> str:
        """The output of a management command on this data directory."""
        command = [sys.executable, "manage.py", *arguments]
        ran = subprocess.run(command, env=self.environment(), cwd=settings.BASE_DIR, check=True, capture_output=True)
        return ran.stdout.decode()

    def run_job(self, seconds: float) -> int:
        """Have the results worker sleep in a job; returns the id of the process that runs it."""
        before = set(self.pids())
        client = Redis.from_url(self.redis_url())
        job = Queue("results", connection=client, serializer=JSONSerializer).enqueue("time.sleep", seconds)
        wait_until(lambda: job.get_status() == JobStatus.STARTED, "the job process has loaded the job")
        client.close()
        return int((set(self.pids()) - before).pop())

    def is_gone(self) -> bool:
        return not self.pids()

    def kill_everything(self) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process:
            self.process.wait()


@contextmanager
def own_baton() -> Iterator[Baton]:
    """A Baton on a new data directory, for the test to start; nothing of it remains afterwards."""
    data = Path(tempfile.mkdtemp(prefix="baton-supervisor-")).resolve()
    running = Baton(data)
    try:
        yield running
    finally:
        running.kill_everything()
        shutil.rmtree(data, ignore_errors=True)
        shutil.rmtree(running.socket.parent, ignore_errors=True)
