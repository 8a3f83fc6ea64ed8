"""Real processes: what is started, what is refused, and that nothing stays behind however it ends."""

import fcntl
import hashlib
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.conf import settings
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from config import valkey as embedded
from tests.conftest import wait_until
from tests.postgresql import free_port

CHILDREN = ("valkey", "worker-imports", "worker-campaigns", "worker-handover", "worker-results", "clock", "web")


class Baton:
    """One supervisor on a data directory of its own; ``said`` is what it wrote to the terminal."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        short = hashlib.sha256(str(data).encode()).hexdigest()[:8]
        self.socket = Path(tempfile.gettempdir()) / f"baton-{os.getuid()}-{short}" / "valkey.sock"
        self.output = data / "said.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, terminal: int | None = None, **environment: str) -> "Baton":
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.supervisor", "run", "--port", str(self.port), *options],
                env={**self.environment(), **environment},
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=output if terminal is None else terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=None if terminal is None else partial(fcntl.ioctl, terminal, termios.TIOCSCTTY, 0),
            )
        return self

    def environment(self) -> dict[str, str]:
        forgotten = ("DATABASE_URL", "REDIS_URL", "BATON_TEST_DATA", "BATON_PDEATHSIG")
        inherited = {name: value for name, value in os.environ.items() if name not in forgotten}
        return {**inherited, "DATA": str(self.data), "DJANGO_SETTINGS_MODULE": "config.settings"}

    def until_ready(self) -> "Baton":
        wait_until(lambda: f"ready: http://127.0.0.1:{self.port}" in self.said() or self.ended(), "ready", 90)
        assert not self.ended(), self.said()
        return self

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
        """Every process that works on this data directory, whoever its parent is, with its command line."""
        marker = f"DATA={self.data}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if not entry.name.isdigit():
                    continue
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                # Valkey writes its title over its environment.
                if str(self.socket) in command or marker in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = command
        return found

    def pid_of(self, *words: str) -> int:
        """The oldest process whose command line holds all the words."""
        return min((pid for pid, command in self.pids().items() if all(word in command for word in words)), default=0)

    def redis_url(self) -> str:
        return f"unix://{self.socket}"

    def health(self) -> int:
        asking = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            asking.request("GET", "/healthz")
            return asking.getresponse().status
        finally:
            asking.close()

    def run_job(self, seconds: float) -> int:
        """Have the results worker sleep in a job; returns the process id of the horse that does."""
        before = set(self.pids())
        client = Redis.from_url(self.redis_url())
        Queue("results", connection=client, serializer=JSONSerializer).enqueue("time.sleep", seconds)
        client.close()
        new = wait_until(lambda: set(self.pids()) - before, "a horse works on the job")
        # Past the fork it still has to load the job.
        time.sleep(0.5)
        return int(new.pop())

    def is_gone(self) -> bool:
        return not self.pids()

    def kill_everything(self) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process:
            self.process.wait()


@pytest.fixture
def baton() -> Iterator[Baton]:
    data = Path(tempfile.mkdtemp(prefix="baton-supervisor-")).resolve()
    running = Baton(data)
    yield running
    running.kill_everything()
    shutil.rmtree(data, ignore_errors=True)
    shutil.rmtree(running.socket.parent, ignore_errors=True)


def test_a_busy_port_is_said_in_one_line_and_nothing_is_started(baton: Baton) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", baton.port))
        taken.listen()
        assert baton.start().exit_code() == 1
    assert baton.said().count("\n") == 1
    assert f"Port {baton.port} on 127.0.0.1 is in use" in baton.said()
    assert not (baton.data / "baton.sqlite3").exists()


def test_everything_answers_a_second_start_is_refused_and_ctrl_c_ends_it(baton: Baton) -> None:
    baton.start().until_ready()
    assert baton.health() == 200
    assert "/first-administrator/" in baton.said()

    second = Baton(baton.data)
    second.output = baton.data / "said-by-second.txt"
    assert second.start().exit_code() == 1
    assert second.said().count("\n") == 1
    assert "already running" in second.said()
    assert str(baton.process and baton.process.pid) in second.said()

    baton.signal(signal.SIGINT)
    assert baton.exit_code() == 0
    assert baton.is_gone()
    order = [line.split("Ending ")[1].split()[0] for line in baton.said().splitlines() if "Ending " in line]
    assert order == ["web", "workers", "Valkey"]


def test_sigterm_ends_everything_in_order_and_lets_a_worker_finish_its_step(baton: Baton) -> None:
    baton.start().until_ready()
    baton.run_job(4)
    baton.signal(signal.SIGTERM)
    assert baton.exit_code() == 0
    assert baton.is_gone()
    assert "finishing a step" in baton.said()
    assert "Job OK" in (baton.data / "logs" / "worker-results.log").read_text()


def test_ctrl_c_twice_ends_everything_at_once(baton: Baton) -> None:
    baton.start().until_ready()
    baton.run_job(300)
    baton.signal(signal.SIGINT)
    wait_until(lambda: "finishing a step" in baton.said(), "the worker is waited for")
    asked_at = time.monotonic()
    baton.signal(signal.SIGINT)
    assert baton.exit_code() == 0
    assert time.monotonic() - asked_at < 5
    assert baton.is_gone()


def test_a_closed_terminal_ends_everything(baton: Baton) -> None:
    ours, theirs = pty.openpty()
    baton.start(terminal=theirs)
    os.close(theirs)
    shown = b""
    while b"ready: " not in shown:
        shown += os.read(ours, 4096)
    os.close(ours)
    assert baton.exit_code() == 0
    assert baton.is_gone()


def test_killing_the_supervisor_leaves_no_process_not_even_a_working_horse(baton: Baton) -> None:
    baton.start().until_ready()
    horse = baton.run_job(300)
    assert horse in baton.pids()
    baton.signal(signal.SIGKILL)
    wait_until(baton.is_gone, "every process has ended", 10)


def test_it_ends_when_the_process_that_started_it_is_killed(baton: Baton) -> None:
    command = [sys.executable, "-m", "config.supervisor", "run", "--with-parent", "--port", str(baton.port)]
    starts_it = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    parent = subprocess.Popen(
        [sys.executable, "-c", starts_it, *command],
        env=baton.environment(),
        cwd=settings.BASE_DIR,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: baton.pid_of("valkey-server"), "Valkey is up", 60)
    parent.kill()
    parent.wait()
    wait_until(baton.is_gone, "every process has ended", 30)


def test_a_crashed_worker_takes_its_horse_along_and_is_started_again(baton: Baton) -> None:
    baton.start().until_ready()
    horse = baton.run_job(300)
    crashed = baton.pid_of("rqworker", "results")
    os.kill(crashed, signal.SIGKILL)
    wait_until(lambda: horse not in baton.pids(), "the horse is gone", 5)
    wait_until(lambda: baton.pid_of("rqworker", "results") not in (0, crashed), "the worker is back", 10)
    assert "worker-results ended (signal SIGKILL)" in baton.said()


def test_a_crashed_valkey_is_started_again_and_keeps_what_waits(baton: Baton) -> None:
    baton.start().until_ready()
    url = baton.redis_url()
    client = Redis.from_url(url)
    client.set("kept", "1")
    # Its file is written once a second.
    time.sleep(1.5)
    os.kill(baton.pid_of("valkey-server"), signal.SIGKILL)
    wait_until(lambda: embedded.answers(url), "Valkey answers again")
    assert client.get("kept") == b"1"
    wait_until(lambda: baton.health() == 200, "the web answers again")


def test_what_dies_again_and_again_ends_everything_with_a_clear_line(baton: Baton) -> None:
    baton.start().until_ready()
    killed: set[int] = set()
    while not baton.ended() and len(killed) < 6:
        clock = baton.pid_of("sweep", "--every")
        if clock and clock not in killed:
            killed.add(clock)
            os.kill(clock, signal.SIGKILL)
        time.sleep(0.1)
    assert baton.exit_code() == 1
    assert "clock ended 5 times within a minute" in baton.said()
    assert baton.is_gone()


def test_a_given_redis_is_used_and_none_is_started(baton: Baton, valkey_server: str) -> None:
    baton.start(REDIS_URL=valkey_server).until_ready()
    assert baton.health() == 200
    assert baton.pid_of("valkey-server") == 0
    baton.signal(signal.SIGTERM)
    assert baton.exit_code() == 0
    assert baton.is_gone()
    assert embedded.answers(valkey_server)


def test_a_given_redis_that_does_not_answer_is_said_in_one_line(baton: Baton) -> None:
    assert baton.start(REDIS_URL=f"redis://:secret@127.0.0.1:{free_port()}").exit_code() == 1
    assert baton.said().count("\n") == 1
    assert "REDIS_URL" in baton.said()
    assert "secret" not in baton.said()


def test_damaged_files_of_valkey_are_put_aside(baton: Baton) -> None:
    manifest = baton.data / "valkey" / "appendonlydir" / "appendonly.aof.manifest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("nonsense")
    baton.start().until_ready()
    assert [kept.name for kept in baton.data.glob("valkey-damaged-*/appendonlydir/*")] == [manifest.name]


def test_every_child_has_a_log_of_its_own(baton: Baton) -> None:
    baton.start().until_ready()
    logs = {path.stem for path in (baton.data / "logs").glob("*.log")}
    assert logs == {*CHILDREN, "start"}
