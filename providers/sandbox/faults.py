"""Faults that can be switched on by name while the sandbox runs. A name looks like ``acme:silent``."""

import threading
from collections.abc import Mapping

SLOW_SECONDS = 0.5


class UnknownFault(Exception):
    """There is no fault of that name."""


class Faults:
    """The faults that are on. ``known`` maps each name to a sentence that says what it does. Thread-safe.

    ``slow_seconds`` is how long each piece of a slow upload takes.
    """

    def __init__(self, known: Mapping[str, str], slow_seconds: float = SLOW_SECONDS) -> None:
        self.known = dict(known)
        self.slow_seconds = slow_seconds
        self._left: dict[str, int | None] = {}
        self._lock = threading.Lock()

    def set(self, name: str, times: int | None = None) -> None:
        """Switch a fault on for its next ``times`` uses, or until cleared. Raises UnknownFault, ValueError."""
        if name not in self.known:
            raise UnknownFault(f"There is no fault named {name}. The faults are: {', '.join(sorted(self.known))}.")
        if times is not None and times < 1:
            raise ValueError("A fault happens once or more often; without a number it happens until it is cleared.")
        with self._lock:
            self._left[name] = times

    def clear(self, name: str = "") -> None:
        """Switch one fault off, or all of them."""
        with self._lock:
            if name:
                self._left.pop(name, None)
            else:
                self._left.clear()

    def use(self, name: str) -> bool:
        """Return whether the fault is on, and use up one of its times."""
        with self._lock:
            if name not in self._left:
                return False
            times = self._left[name]
            if times == 1:
                del self._left[name]
            elif times is not None:
                self._left[name] = times - 1
            return True

    def on(self) -> dict[str, int | None]:
        """Return the faults that are on and how many times each is left, None where it stays on until cleared."""
        with self._lock:
            return dict(self._left)
