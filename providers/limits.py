"""What a provider promises: what it accepts, and how it keeps a repeated hand-over from texting anybody twice."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class GuardKind(StrEnum):
    """What keeps a repeated commit from texting anybody twice."""

    KEY = "key"
    RENAME = "rename"
    NONE = "none"


@dataclass(frozen=True)
class Guard:
    """The provider's own protection against duplicates, and how long Baton relies on it after the first intent.

    ``pause`` is the shortest time between two attempts.
    """

    kind: GuardKind
    window: timedelta = timedelta(0)
    pause: timedelta = timedelta(seconds=60)

    @classmethod
    def key(cls, window: timedelta, pause: timedelta = timedelta(seconds=60)) -> "Guard":
        """A name or number that the provider remembers for ``window``; it drops anything else with the same one."""
        return cls(GuardKind.KEY, window, pause)

    @classmethod
    def rename(cls) -> "Guard":
        """One pinned source file, whose rename can succeed only once.

        Two polls that find the source untouched, ``pause`` apart, permit the same rename again.
        """
        return cls(GuardKind.RENAME)

    @classmethod
    def none(cls) -> "Guard":
        """No protection: if there is no evidence, the batch is always unclear."""
        return cls(GuardKind.NONE)


@dataclass(frozen=True)
class Limits:
    """What a provider accepts: rows and bytes per payload, its alphabet, and open connections per account.

    ``alphabet`` is ``gsm`` or ``gsm+ucs2``. ``newline_units`` is how many septets a line break counts for. ``values``
    is how many fields the provider's own template has (0 if every text is rendered). ``start_ahead`` is how long before
    its start a file may be handed over (None: no limit is known).
    """

    rows: int
    bytes: int
    alphabet: str = "gsm"
    newline_units: int = 1
    connections: int = 1
    values: int = 0
    start_ahead: timedelta | None = None
