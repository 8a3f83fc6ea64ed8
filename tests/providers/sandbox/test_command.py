import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from providers.sandbox.server import CannotStart, Sandbox
from tests.providers.sandbox.conftest import Client, wire, zipped

MANAGE = settings.BASE_DIR / "manage.py"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, str(MANAGE), "sandbox", "--data", str(tmp_path / "data")], stdout=subprocess.PIPE, text=True
    )
    yield started
    started.kill()
    started.wait()
    assert started.stdout
    started.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_and_stops_cleanly(process: subprocess.Popen[str], number: signal.Signals) -> None:
    assert process.stdout
    said = []
    while (line := process.stdout.readline().strip()) != "ready":
        assert line
        said.append(line)
    text = "\n".join(said)
    assert "smsportal\n" in text
    assert "http://127.0.0.1:" in text
    assert "SHA256:" in text
    assert "demo" in text

    process.send_signal(number)
    assert process.wait(timeout=10) == 0


def test_it_listens_on_a_chosen_port(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "one") as first:
        port = first.port
    with Sandbox(tmp_path / "two", port=port) as second:
        assert second.port == port


def test_a_busy_port_and_a_busy_directory_are_reported_in_one_line(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "one") as first:
        with pytest.raises(CannotStart, match=f"Port {first.port} cannot be used"):
            Sandbox(tmp_path / "two", port=first.port).start()
        with pytest.raises(CannotStart, match="Another sandbox is running"):
            Sandbox(tmp_path / "one").start()
        assert "Another sandbox is running" in refused("--data", str(tmp_path / "one"))
        assert f"Port {first.port} cannot" in refused("--data", str(tmp_path / "two"), "--port", str(first.port))


@pytest.mark.parametrize("arguments", [["--fault", "smsportal:x"], ["--account", "../x:y"], ["--account", "x"]])
def test_it_refuses_what_it_does_not_know(arguments: list[str], tmp_path: Path) -> None:
    assert refused("--data", str(tmp_path), *arguments)


def refused(*arguments: str) -> str:
    """The error that the command prints instead of starting."""
    ran = subprocess.run(
        [sys.executable, str(MANAGE), "sandbox", *arguments], capture_output=True, text=True, timeout=30
    )
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    return ran.stderr


def test_a_fault_can_be_on_from_the_start(tmp_path: Path) -> None:
    with Sandbox(tmp_path, every=0.1, faults=["smsportal:corrupt"]) as sandbox:
        client = Client(sandbox)
        client.upload("a.zip", zipped("a.json", wire()))
        assert client.folder_of("a.zip") == "Errors"
        client.close()


def test_it_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    script = (
        "import sys, os; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from providers.sandbox.server import Sandbox\n"
        "sandbox = Sandbox(Path(sys.argv[2])); sandbox.start()\n"
        "print(sandbox._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    parent = subprocess.run(
        [sys.executable, "-c", script, str(MANAGE.parent), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    child = int(parent.stdout)
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split(")")[1].split()[0] == "Z":
            return
        signal.sigtimedwait([], 0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("it was still there")
