"""Runs the sandbox with Acme's file dropped in: ``python -m tests.providers.fifth.run_sandbox DATA``."""

import sys
from pathlib import Path

from django.core.management import execute_from_command_line

from providers import sandbox

FOLDER = Path(__file__).parent / "sandbox"


def main(data: str) -> None:
    """Print the ready line, then serve until SIGTERM."""
    sandbox.__path__.append(str(FOLDER))
    execute_from_command_line(["manage.py", "sandbox", "--json", "--every", "0.1", "--data", data])


if __name__ == "__main__":
    main(*sys.argv[1:])
