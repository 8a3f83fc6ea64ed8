"""Runs one job of an import in a process that kills itself with SIGKILL at a chosen moment.

``python -m tests.contacts.killed apply_import 7 contacts.importing.applying.upsert 2`` dies right after the second call
of ``upsert``, in the middle of its transaction.
"""

import importlib
import os
import pkgutil
import signal
import sys
from typing import Any

import django

#: How many rows a transaction has, by module; here two.
CONSTANTS = {"checking": ["CHECK_ROWS", "STAGE_ROWS"], "applying": ["APPLY_ROWS"], "undoing": ["UNDO_ROWS"]}


def main(job: str, import_id: int, point: str, nth: int) -> None:
    django.setup()
    owner_name, _, name = point.rpartition(".")
    owner = pkgutil.resolve_name(owner_name)
    real, calls = getattr(owner, name), []

    def deadly(*arguments: Any, **named: Any) -> Any:
        result = real(*arguments, **named)
        calls.append(1)
        if len(calls) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)
    for module, constants in CONSTANTS.items():
        for constant in constants:
            setattr(importlib.import_module(f"contacts.importing.{module}"), constant, 2)
    getattr(importlib.import_module("contacts.jobs"), job)(import_id)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
