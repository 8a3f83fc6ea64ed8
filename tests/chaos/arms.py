"""How the harness and the job processes communicate: through small files that survive both.

An *arm* waits until one batch (its *subject*: ``17-2`` is batch 2 of campaign 17) reaches a point, and then performs an
action, once. Several arms of a subject wait one after the other.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Arm:
    """``point`` is a name and how often it was reached, ``ftp:command#3``; ``job`` is freeze, create_batches,
    hand_over, call (the connection that results are polled through), collect (one poll) or close (the campaign).

    ``action`` is kill, kill-worker, soon (kill ``seconds`` after the point), blind (kill ``seconds`` after the job came
    to the batch, wherever it is then), stop, drop, stall, hold, lose (the answer to a commit) or network; for network
    ``fault`` names what strikes, such as ``data up reset``.
    """

    point: str
    action: str
    job: str = "hand_over"
    seconds: float = 0.0
    fault: str = ""


class Arms:
    """The files below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting = folder / "arms"
        self._holds = folder / "holds"
        self.fired_path = folder / "fired.jsonl"
        self.trails_path = folder / "trails.jsonl"

    def prepare(self) -> None:
        """Make the folders."""
        for folder in (self._waiting, self._holds):
            folder.mkdir(parents=True, exist_ok=True)

    def set(self, subject: str, arms: list[Arm]) -> None:
        """Queue these arms for the subject, one after the other."""
        beside = self._waiting / f".{subject}"
        beside.write_text(json.dumps([asdict(arm) for arm in arms]))
        beside.replace(self._waiting / subject)

    def next(self, subject: str) -> Arm | None:
        """The arm that now waits for the subject."""
        try:
            found = json.loads((self._waiting / subject).read_bytes())
        except FileNotFoundError:
            return None
        return Arm(**found[0])

    def fire(self, subject: str, arm: Arm, trail: list[str]) -> bool:
        """Remove the arm and record that its action follows; False when another process did."""
        path = self._waiting / subject
        mine = self._waiting / f".{subject}.{os.getpid()}"
        try:
            path.rename(mine)
        except FileNotFoundError:
            return False
        rest = json.loads(mine.read_bytes())[1:]
        mine.unlink()
        if rest:
            self.set(subject, [Arm(**each) for each in rest])
        append(self.fired_path, {"at": time.time(), "subject": subject, "trail": trail, **asdict(arm)})
        return True

    def disarm(self) -> None:
        """Remove every arm that still waits."""
        for path in self._waiting.iterdir():
            path.unlink(missing_ok=True)

    def ask(self, subject: str, action: str, fault: str = "") -> Path:
        """Tell the harness that this process is held, or about to stop, for the subject."""
        path = self._holds / f"{os.getpid()}-{time.monotonic_ns()}"
        beside = path.with_name(f".{path.name}")
        asked = {"pid": os.getpid(), "subject": subject, "action": action, "fault": fault, "at": time.time()}
        beside.write_text(json.dumps(asked))
        beside.rename(path)
        return path

    def asked(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """The processes that are held or stopped; unlink the path to release a held one."""
        for path in sorted(self._holds.iterdir()):
            if not path.name.startswith("."):
                yield path, json.loads(path.read_bytes())


def append(path: Path, line: dict[str, Any]) -> None:
    """Append one complete line, even when other processes write too."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
    finally:
        os.close(descriptor)


def lines(path: Path) -> list[dict[str, Any]]:
    """The complete lines of such a file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().splitlines() if line]
