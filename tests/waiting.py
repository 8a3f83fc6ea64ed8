"""Waiting for another process."""

import time
from collections.abc import Callable
from typing import Any

import pytest


def wait_until(is_true: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Wait for something to become true and return it; fails the test after ``seconds``."""
    until = time.monotonic() + seconds
    while True:
        found = is_true()
        if found:
            return found
        if time.monotonic() > until:
            pytest.fail(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.05)
