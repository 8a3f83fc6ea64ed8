"""Faults that can be switched on while the sandbox runs, by name: ``smsportal:silent``."""

import threading
from collections.abc import Mapping


class UnknownFault(Exception):
    """Nobody here knows a fault of that name."""


class Faults:
    """Which faults are on. ``known`` says for each name what it does. Safe to share between threads."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = dict(known)
        self._left: dict[str, int | None] = {}
        self._lock = threading.Lock()

    def set(self, name: str, times: int | None = None) -> None:
        """Switch a fault on for its next ``times`` uses, or until cleared. Raises UnknownFault, ValueError."""
        if name not in self.known:
            raise UnknownFault(f"There is no fault named {name}. Known are: {', '.join(sorted(self.known))}.")
        if times is not None and times < 1:
            raise ValueError("A fault is set for one time or more, or without a number until it is cleared.")
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
        """Whether the fault is on; one of its times is used up."""
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
        """The faults that are on and how many times are left, None until cleared."""
        with self._lock:
            return dict(self._left)
