"""What the lines of the log are about: the request, the job, the campaign.

This module is in ``contacts`` because jobs, which both apps above it have, set it; ``config.logs`` writes it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_about: ContextVar[dict[str, str | int]] = ContextVar("log_about")


@contextmanager
def log_about(**ids: str | int) -> Iterator[None]:
    """Add ``ids`` to every line that is logged inside the block. Never a phone number."""
    token = _about.set(current_ids() | ids)
    try:
        yield
    finally:
        _about.reset(token)


def add_ids(**ids: str | int) -> None:
    """Add ``ids`` until the end of the ``log_about`` block around the call."""
    _about.set(current_ids() | ids)


def current_ids() -> dict[str, str | int]:
    """The ids of the innermost block."""
    return _about.get({})
