"""What the supervisor and the demo write to the terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from config.errors import CannotStart


class Step:
    """One step on the terminal: a line with a dot for each second, and at its end how long it took."""

    def __init__(self, what: str) -> None:
        self.began = time.monotonic()
        #: Printed after the seconds.
        self.result = ""
        self._dots = 0
        self._has_details = False
        say(f"  {what} ", end="")

    def seconds(self) -> float:
        return time.monotonic() - self.began

    def tick(self) -> None:
        """Print the dot of a second that has passed; to be called several times a second."""
        if self.seconds() > self._dots + 1:
            self._dots += 1
            say(".", end="")

    def detail(self, text: str) -> None:
        """Print a line of its own under the step's."""
        say(f"    {text}" if self._has_details else f"\n    {text}")
        self._has_details = True

    def end(self, text: str) -> None:
        say(f"  {text}" if self._has_details else text)


@contextmanager
def step(what: str) -> Iterator[Step]:
    """Print ``what`` while the block runs, then ``done`` and its seconds, or ``failed`` if it cannot be done."""
    shown = Step(what)
    try:
        yield shown
    except (CannotStart, SystemExit):
        shown.end("failed")
        raise
    shown.end(f"done ({shown.seconds():.1f} s)" + (f": {shown.result}" if shown.result else ""))


def say(text: str = "", end: str = "\n") -> None:
    """Write to the terminal, which may be gone by now."""
    with suppress(OSError, ValueError):
        sys.stdout.write(text + end)
        sys.stdout.flush()


def last_lines(text: str, count: int = 8) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines()[-count:])
