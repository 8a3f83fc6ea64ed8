"""The rate and the time left of a job, in words."""

from datetime import UTC, datetime, timedelta

import pytest

from contacts.pace import pace

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("done", "total", "seconds", "words"),
    [
        (12_000, 60_000, 10, "1,200 rows a second · 40 seconds left"),
        (12_000, 1_000_000, 10, "1,200 rows a second · 14 minutes left"),
        (10, 20, 60, "10 rows a minute · 60 seconds left"),
        (1_000, 100_000_000, 10, "100 rows a second · 278 hours left"),
        (99, 100, 10, "10 rows a second · 1 second left"),
        (500, 0, 10, "50 rows a second"),
        (500, 500, 10, "50 rows a second"),
        (500, 1_000, 1, ""),
        (0, 1_000, 10, ""),
    ],
)
def test_it_says_how_fast_and_how_long(done: int, total: int, seconds: int, words: str) -> None:
    assert pace(done, total, NOW - timedelta(seconds=seconds), NOW) == words


def test_it_says_nothing_before_the_start() -> None:
    assert pace(5, 10, None, NOW) == ""
