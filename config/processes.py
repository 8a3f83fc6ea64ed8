"""The processes that the supervisor starts: a program, its running child with a log file, and what a child leaves."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from django.conf import settings

from config import timing
from config.lifeline import die_with

#: A log file of more than LOG_LIMIT bytes is rotated, and LOGS_KEPT earlier files are kept.
LOG_LIMIT = 10_000_000
LOGS_KEPT = 5


@dataclass(frozen=True)
class Program:
    """One kind of child: its command, the variables it gets beside ours, and how many seconds it may take to end."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    patience: float = timing.END_PROCESS
    when_parent_dies: signal.Signals = signal.SIGKILL


class Child:
    """A running program; its output goes to a log file of its own."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.ended_at: list[float] = []
        self.due_at: float | None = None
        self.start()

    def start(self) -> None:
        self.due_at = None
        rotate(self.log)
        with self.log.open("ab") as output:
            self.written_before = output.tell()
            self.process = spawn(self.program, output.fileno())

    def rotate_log(self) -> None:
        """Rotate the log if it is too large; the program continues to write to the same, now empty file."""
        if rotate(self.log):
            self.written_before = 0

    def output(self) -> str:
        """What it has written since its last start."""
        with self.log.open("rb") as output:
            output.seek(self.written_before)
            return output.read().decode(errors="replace")

    def ended(self) -> bool:
        return self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        if not self.ended():
            self.process.send_signal(number)


def rotate(log: Path) -> bool:
    """Copy a log file of more than LOG_LIMIT bytes to ``.log.1``, earlier copies to ``.log.2`` and on, and empty it.

    Its program keeps the file open for appending, so the file cannot be renamed. What it writes between the copy and
    the emptying is lost: a few lines at most. Returns whether the file was rotated; on a full disk it is not.
    """
    if not log.exists() or log.stat().st_size <= LOG_LIMIT:
        return False
    for number in range(LOGS_KEPT, 1, -1):
        with suppress(FileNotFoundError):
            log.with_suffix(f".log.{number - 1}").replace(log.with_suffix(f".log.{number}"))
    try:
        shutil.copyfile(log, log.with_suffix(".log.1"))
    except OSError:
        # The disk is full. A part of a copy would only make it fuller.
        log.with_suffix(".log.1").unlink(missing_ok=True)
        return False
    os.truncate(log, 0)
    return True


def spawn(program: Program, output: int | None) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, which the terminal does not signal, tied to this process."""
    return subprocess.Popen(
        program.command,
        cwd=settings.BASE_DIR,
        env={**os.environ, **program.environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=partial(die_with, os.getpid(), program.when_parent_dies),
    )


def manage(*arguments: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]


def lasting(*arguments: str) -> list[str]:
    """``manage`` for a command that runs until it is ended: without Django's system checks, which import all pages.

    A start runs them once: in ``config.prepare``.
    """
    return manage(*arguments, "--skip-checks")


def call(module: str, *arguments: str) -> list[str]:
    """The command that runs ``main(*arguments)`` of a module that needs Django's models."""
    start = f"import sys, django; django.setup(); from {module} import main; main(*sys.argv[1:])"
    return [sys.executable, "-c", start, *arguments]


def children_of(parent: int) -> Iterator[int]:
    """The process ids of the direct children of ``parent``, including those that have ended but were not waited for."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            state = Path(entry.path, "stat").read_text()
            # The name before the closing bracket may hold anything, spaces and brackets included.
            if int(state.rpartition(")")[2].split()[1]) == parent:
                yield int(entry.name)
