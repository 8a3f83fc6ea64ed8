"""How many recipients may go within an hour: pure, the clock and what went before are arguments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns import timing


@dataclass(frozen=True)
class Slots:
    """A file of at most ``rows`` recipients is created every ``interval``."""

    rows: int
    interval: timedelta


def slots(pace: int, most_rows: int) -> Slots:
    """Files of even size at even intervals for ``pace`` recipients an hour, of at most ``most_rows`` each.

    6,000 an hour are 12 files of 500; a small pace makes fewer files.
    """
    files = min(timing.MOST_FILES_AN_HOUR, max(1, pace // timing.SMALLEST_PACED_FILE))
    files = max(files, -(-pace // most_rows))
    rows = max(1, pace // files)
    # Not ``files``: where a file has room for few, rounding its rows down would halve the pace.
    return Slots(rows, timing.PACE_PERIOD / (pace // rows))


def limit(pace: int) -> str:
    """The pace as a person reads it."""
    return f"At most {pace:,} recipient{'' if pace == 1 else 's'} an hour"


@dataclass(frozen=True)
class Gone:
    """A file that may have arrived: its recipients count until ``counts_until``."""

    rows: int
    counts_until: datetime


def counts_until(started_at: datetime, ended_at: datetime | None) -> datetime:
    """Until when a commit counts: an hour after it arrived at the latest."""
    until = started_at + timing.PACE_PERIOD
    return max(until, ended_at + timing.PACE_PERIOD - timing.GATE_HOLDS_FOR) if ended_at else until


def fits_at(pace: int, rows: int, gone: Iterable[Gone]) -> datetime | None:
    """From when on ``rows`` more recipients keep to the pace, if nothing else goes; None if they always did.

    More rows than the pace, which only a changed campaign could have, go alone.
    """
    counted = sorted(gone, key=lambda one: one.counts_until)
    total, since = sum(one.rows for one in counted), None
    for one in counted:
        if total + rows <= pace:
            break
        total, since = total - one.rows, one.counts_until
    return since
