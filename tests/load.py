"""Runs a command while every core is kept busy: ``python -m tests.load make test``.

A test that fails under load waits for a fixed time instead of a condition.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

BUSY = "while True: pass"


@contextmanager
def busy_cores() -> Iterator[None]:
    """A busy process for each core that this process may use."""
    loops = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def main(command: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    with busy_cores():
        return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
