"""Runs the control, the naive uploader: same files, kills and broken network; it is restarted after a kill."""

import json
import random
import signal
import sys
from collections.abc import Mapping
from itertools import count
from typing import Any

from django.conf import settings

from config.processes import Child, Program
from tests.chaos.gateways import NAIVE, PROVIDERS, Gateways
from tests.chaos.proxy import Door, Fault, any_fault

_FIRST = 27990000000
_PEOPLE = 3
# Five, so that each of the four providers goes through each trouble.
_KILLED_AT = ("", "begin", "", "uploaded", "")


class Control:
    """The naive uploader of one run; nothing happens before ``start``."""

    def __init__(self, gateways: Gateways) -> None:
        self.doors = [gateways.of(provider, NAIVE).doors[0] for provider in PROVIDERS]
        self.settings = {provider: gateways.of(provider, NAIVE).settings for provider in PROVIDERS}
        self.files = 0
        #: The numbers of the files after whose upload it is killed on purpose.
        self.killed: set[str] = set()
        self._child: Child | None = None
        self._trouble_at = 0.0

    def start(self, files: int, options: Mapping[str, dict[str, Any]], sender: str) -> None:
        """Have it upload this many files, alternating the providers; ``options`` are those of each provider."""
        self.files = files
        numbers = count(_FIRST)
        made = []
        for number in range(files):
            provider = PROVIDERS[number % len(PROVIDERS)]
            job = {"id": number, "provider": provider, "settings": self.settings[provider], "pause": 0.5}
            people = [str(next(numbers)) for _ in range(_PEOPLE)]
            killed_at = _KILLED_AT[number % len(_KILLED_AT)]
            if killed_at == "uploaded":
                self.killed.update(people)
            made.append(
                job | {"options": options[provider], "sender": sender, "numbers": people, "killed_at": killed_at}
            )
        path, done = settings.DATA / "naive.json", settings.DATA / "naive-done.txt"
        path.write_text(json.dumps(made, default=str))
        command = [sys.executable, "-m", "tests.chaos.naive", str(path), str(done)]
        self._child = Child(Program("naive", command), settings.DATA / "naive.log")

    def has_ended(self) -> bool:
        """Whether it believes that it has uploaded everything."""
        return self._child is None or (self._child.ended() and self._child.process.returncode == 0)

    def turn(self, now: float) -> None:
        """Cause trouble when it is due, and start it again after a kill; ``now`` is monotonic."""
        if self._child is None or self.has_ended():
            return
        if self._child.ended():
            self._child.start()
        elif now >= self._trouble_at:
            self._trouble_at = now + random.uniform(0.7, 2)
            if random.random() < 0.15:
                self._child.signal(signal.SIGKILL)
            for door in self.doors:
                if not door.faults:
                    door.faults.append(_lost_answer(door) if random.random() < 0.5 else any_fault(door))

    def leave_alone(self) -> None:
        """Stop causing trouble, so that it can finish."""
        self._trouble_at = float("inf")
        for door in self.doors:
            door.faults.clear()

    def stop(self) -> None:
        """End it."""
        if self._child and not self._child.ended():
            self._child.signal(signal.SIGKILL)
            self._child.process.wait()


def _lost_answer(door: Door) -> Fault:
    """The connection breaks right before the server confirms the whole file."""
    return Fault("cut", "down", before=b"226" if door.is_ftp else b"HTTP/1.1 200", connections=1)
