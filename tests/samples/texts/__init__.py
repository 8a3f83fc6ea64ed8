"""Text files of every kind that people upload, each with what reading it must give. Built in memory."""

from tests.samples.texts.case import TextCase
from tests.samples.texts.headers import with_headers, without_headers
from tests.samples.texts.kinds import odd
from tests.samples.texts.quotes import quoted, unbalanced, with_line_breaks
from tests.samples.texts.separated import encoded, separated
from tests.samples.texts.widths import shifted

__all__ = ["TextCase", "cases"]


def cases() -> list[TextCase]:
    """All of them."""
    return [
        *separated(),
        *encoded(),
        *with_headers(),
        *without_headers(),
        *unbalanced(),
        *with_line_breaks(),
        *shifted(),
        *quoted(),
        *odd(),
    ]
