"""The pace as arithmetic: whatever the schedule, no hour has more recipients than it allows.

``SCHEDULES`` is how many random schedules are tried; ``make proof`` tries 20,000.
"""

import os
from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.handover.pace import Gone, counts_until, fits_at, slots

SCHEDULES = int(os.environ.get("SCHEDULES", "100"))
START = datetime(2026, 6, 22, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: Of each file: minutes until it is tried, its share of the pace, seconds from gate to arrival, whether that is stored.
files = st.lists(
    st.tuples(st.integers(0, 50), st.floats(0.01, 1), st.integers(0, 60) | st.integers(61, 1500), st.booleans()),
    max_size=30,
)


@settings(max_examples=SCHEDULES)
@given(pace=st.integers(1, 20_000), tried=files)
def test_no_hour_has_more_than_the_pace(pace: int, tried: list[tuple[int, float, int, bool]]) -> None:
    gone: list[Gone] = []
    arrived: list[tuple[datetime, int]] = []
    now = START
    for minutes, share, seconds, is_stored in tried:
        rows = max(1, int(share * pace))
        now += timedelta(minutes=minutes)
        now = max(now, fits_at(pace, rows, gone) or now)
        # A commit begins within a minute of its gate; one that takes longer is known by its end.
        taken = timedelta(seconds=seconds)
        ended_at = now + taken if is_stored or seconds > 60 else None
        gone.append(Gone(rows, counts_until(now, ended_at)))
        arrived.append((now + taken, rows))
        now = now + taken if seconds > 60 else now

    for since, _ in arrived:
        assert sum(rows for at, rows in arrived if since <= at < since + HOUR) <= pace


@settings(max_examples=SCHEDULES)
@example(pace=121, most_rows=2)
@given(pace=st.integers(1, 100_000), most_rows=st.integers(1, 50_000))
def test_slots_keep_to_the_pace_and_come_near_it(pace: int, most_rows: int) -> None:
    made = slots(pace, most_rows)

    assert 1 <= made.rows <= most_rows
    in_an_hour = -(-HOUR // made.interval) * made.rows
    assert in_an_hour <= pace
    assert in_an_hour >= pace / 2
