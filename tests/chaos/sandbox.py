"""The sandbox providers behind third-party servers.

``python -m tests.chaos.sandbox DATA EVERY name:password...``

They leave a file alone while any process has it open for writing, which the kernel knows.
"""

import asyncio
import fcntl
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from providers.sandbox.server import Options, Ready, run
from providers.sandbox.uploads import Uploads


def is_being_written(path: Path) -> bool:
    """Whether any process has the file open for writing: only then the kernel refuses a lease for reading."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def ready(found: Ready) -> None:
    """Print on one line where everything listens."""
    print(json.dumps(asdict(found)), flush=True)


def main(data: str, every: str, *accounts: str) -> None:
    """Serve until SIGTERM."""
    # The kernel signals this process when another opens the file during the request for the lease.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    known = Uploads.is_open
    Uploads.is_open = lambda self, path: known(self, path) or is_being_written(path)  # type: ignore[method-assign]
    logins = dict(account.split(":", 1) for account in accounts)
    asyncio.run(run(Options(Path(data), every=float(every), accounts=logins), ready))


if __name__ == "__main__":
    main(*sys.argv[1:])
