"""Failpoints: named places in the hand-over and results code, right before or after something that cannot be undone.

They do nothing in production. Tests listen at them, and kill, stop or delay the process exactly there.
"""

from collections.abc import Callable

_listener: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """Tell the listener, if there is one, that the process has reached ``point``, such as ``commit:begin``."""
    if _listener is not None:
        _listener(point)


def listen(listener: Callable[[str], None] | None) -> None:
    """Call ``listener`` at every point from now on; None removes it."""
    global _listener
    _listener = listener
