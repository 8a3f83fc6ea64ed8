"""How Baton's log is written."""

import logging
import traceback
from types import TracebackType


class DiscreetFormatter(logging.Formatter):
    """Tells of an exception the place and the type: its words, a database's for example, may name a phone number."""

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        kind, _, trace = ei
        return "".join(traceback.format_tb(trace)) + (kind.__name__ if kind else "")
