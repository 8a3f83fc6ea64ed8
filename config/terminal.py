"""What the supervisor and the demo write to the terminal."""

import sys
from contextlib import suppress


def say(text: str = "", end: str = "\n") -> None:
    """Write to the terminal, which may be gone by now."""
    with suppress(OSError, ValueError):
        sys.stdout.write(text + end)
        sys.stdout.flush()


def last_lines(text: str, count: int = 8) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines()[-count:])
