"""Real processes: what is started, what is refused, and that nothing is left running, however Baton ends."""

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from redis import Redis

from config import valkey as embedded
from tests.postgresql import free_port
from tests.small_disk import small_disk
from tests.supervised import Baton
from tests.waiting import wait_until

# On a busy machine a start takes a minute or two.
pytestmark = pytest.mark.timeout(300)

WORKERS = ("worker-imports", "worker-campaigns", "worker-handover", "worker-results")
CHILDREN = ("valkey", *WORKERS, "clock", "monitor", "web")


def test_a_busy_port_is_reported_in_one_line_and_nothing_is_started(baton: Baton) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", baton.port))
        taken.listen()
        assert baton.start(is_empty=True).exit_code() == 1
    assert baton.said().count("\n") == 1
    assert f"Port {baton.port} on 127.0.0.1 is in use" in baton.said()
    assert not (baton.data / "baton.sqlite3").exists()


# A start takes ten seconds of processor time, so several of these tests are about one start.


@pytest.mark.slow
def test_everything_answers_what_crashes_is_started_again_and_ctrl_c_ends_it(baton: Baton) -> None:
    baton.start().until_ready()
    assert baton.health() == 200
    assert "/first-administrator/" in baton.said()
    assert {path.stem for path in (baton.data / "logs").glob("*.log")} == {*CHILDREN, "start"}

    a_second_start_is_refused(baton)
    a_crashed_worker_takes_its_horse_along_and_is_started_again(baton)
    a_crashed_valkey_is_started_again_and_keeps_what_waits(baton)

    baton.signal(signal.SIGINT)
    assert baton.exit_code() == 0
    assert baton.is_gone()
    order = [line.split("Ending ")[1].split()[0].strip(",") for line in baton.said().splitlines() if "Ending " in line]
    assert order == ["web", "workers", "Valkey"]


def a_second_start_is_refused(baton: Baton) -> None:
    second = Baton(baton.data)
    second.output = baton.data / "said-by-second.txt"
    assert second.start().exit_code() == 1
    assert second.said().count("\n") == 1
    assert "already running" in second.said()
    assert str(baton.process and baton.process.pid) in second.said()


def a_crashed_worker_takes_its_horse_along_and_is_started_again(baton: Baton) -> None:
    horse = baton.run_job(300)
    crashed = baton.pid_of("rqworker", "results")
    os.kill(crashed, signal.SIGKILL)
    wait_until(lambda: horse not in baton.pids(), "the job process has ended", 5)
    wait_until(lambda: baton.pid_of("rqworker", "results") not in (0, crashed), "the worker is back", 10)
    assert "worker-results ended (signal SIGKILL)" in baton.said()


def a_crashed_valkey_is_started_again_and_keeps_what_waits(baton: Baton) -> None:
    url = baton.redis_url()
    client = Redis.from_url(url)
    client.set("kept", "1")
    files = baton.data / "valkey" / "appendonlydir"
    wait_until(lambda: any(b"kept" in file.read_bytes() for file in files.iterdir()), "it is written to the file")
    os.kill(baton.pid_of("valkey-server"), signal.SIGKILL)
    wait_until(lambda: embedded.answers(url), "Valkey answers again")
    assert client.get("kept") == b"1"
    wait_until(lambda: baton.health() == 200, "the web answers again")


@pytest.mark.slow
def test_a_given_redis_is_used_and_sigterm_lets_a_worker_finish_its_step(baton: Baton, valkey_server: str) -> None:
    baton.start(REDIS_URL=valkey_server).until_ready()
    assert baton.health() == 200
    assert baton.pid_of("valkey-server") == 0
    baton.run_job(4)
    baton.signal(signal.SIGTERM)
    assert baton.exit_code() == 0
    assert baton.is_gone()
    assert "finishing a step" in baton.said()
    assert "Job OK" in (baton.data / "logs" / "worker-results.log").read_text()
    assert embedded.answers(valkey_server)


@pytest.mark.slow
def test_damaged_files_of_valkey_are_put_aside_and_a_closed_terminal_ends_everything(baton: Baton) -> None:
    manifest = baton.data / "valkey" / "appendonlydir" / "appendonly.aof.manifest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("nonsense")
    ours, theirs = pty.openpty()
    baton.start(terminal=theirs)
    os.close(theirs)
    shown = b""
    while b"ready: " not in shown:
        shown += os.read(ours, 4096)
    assert [kept.name for kept in baton.data.glob("valkey-damaged-*/appendonlydir/*")] == [manifest.name]
    os.close(ours)
    assert baton.exit_code() == 0
    assert baton.is_gone()


@pytest.mark.slow
def test_ctrl_c_twice_ends_everything_at_once(baton: Baton) -> None:
    baton.start().until_ready()
    baton.run_job(300)
    baton.signal(signal.SIGINT)
    wait_until(lambda: "finishing a step" in baton.said(), "the supervisor waits for the worker")
    asked_at = time.monotonic()
    baton.signal(signal.SIGINT)
    assert baton.exit_code() == 0
    assert time.monotonic() - asked_at < 5
    assert baton.is_gone()


@pytest.mark.slow
def test_killing_the_supervisor_leaves_no_process_not_even_a_working_horse(baton: Baton) -> None:
    baton.start().until_ready()
    horse = baton.run_job(300)
    assert horse in baton.pids()
    baton.signal(signal.SIGKILL)
    wait_until(baton.is_gone, "every process has ended", 10)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_process_that_keeps_dying_ends_everything_with_a_clear_message(baton: Baton) -> None:
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


def test_a_given_redis_that_does_not_answer_is_reported_in_one_line(baton: Baton) -> None:
    assert baton.start(REDIS_URL=f"redis://:secret@127.0.0.1:{free_port()}").exit_code() == 1
    assert baton.said().count("\n") == 1
    assert "REDIS_URL" in baton.said()
    assert "secret" not in baton.said()


@pytest.mark.slow
def test_baton_outlives_a_full_disk(tmp_path: Path) -> None:
    """Database, files, journals, logs and Valkey are on it. RQ's workers end once; then they wait for Valkey."""
    with small_disk(tmp_path / "disk", 64) as disk:
        baton = Baton(disk.path)
        try:
            baton.start().until_ready()
            lasting = [baton.pid_of(*words) for words in (("sweep",), ("monitor",), ("gunicorn",))]
            first = baton.pid_of("rqworker", "results")
            disk.fill()
            wait_until(lambda: baton.pid_of("rqworker", "results") not in (0, first), "the worker has ended once", 60)
            time.sleep(5)
            assert not baton.ended(), baton.said()
            disk.free()
            wait_until(lambda: baton.health() == 200, "Valkey stores again", 30)
            assert baton.run_job(0.5)
            assert [baton.pid_of(*words) for words in (("sweep",), ("monitor",), ("gunicorn",))] == lasting
            assert baton.said().count("will be restarted") <= len(WORKERS)
        finally:
            baton.kill_everything()
            shutil.rmtree(baton.socket.parent, ignore_errors=True)
