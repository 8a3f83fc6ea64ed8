"""The format of Baton's log."""

import logging
import traceback
from types import TracebackType


class DiscreetFormatter(logging.Formatter):
    """Logs an exception's place and type, not its message: a database's message may hold a phone number."""

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        kind, _, trace = ei
        return "".join(traceback.format_tb(trace)) + (kind.__name__ if kind else "")
