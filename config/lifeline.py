"""Ties a process to the one that started it, so that no child outlives a killed parent (Linux: prctl)."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

# Loaded once here: after a fork there may be no time to look for a library.
_libc = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send ``how`` to this process when its parent's thread ends.

    ``parent`` is the process id of the parent that is expected to live: when it has died before the call, this process
    ends at once. The tie survives exec and ends at a fork.
    """
    _libc.prctl(PR_SET_PDEATHSIG, int(how), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), how)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, so that none is left running."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
