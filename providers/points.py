"""Named places in the handover and results paths, each right before or after something that cannot be undone.

Nothing happens there in production. Tests listen, and end, stop or hold the process exactly there.
"""

from collections.abc import Callable

_listener: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """Say that the process has come to ``point``, such as ``commit:begin`` or ``ftp:block``."""
    if _listener is not None:
        _listener(point)


def listen(listener: Callable[[str], None] | None) -> None:
    """Have ``listener`` called at every point, or nobody with None."""
    global _listener
    _listener = listener
