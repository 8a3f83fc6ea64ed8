"""How fast a job is and how long it will take, in words."""

from datetime import datetime, timedelta

#: Below this a rate says nothing yet.
TOO_EARLY = timedelta(seconds=2)


def pace(done: int, total: int, since: datetime | None, now: datetime) -> str:
    """``"1,200 rows a second · 40 seconds left"``; "" while that is not known.

    ``done`` of ``total`` rows since ``since``. Without a total (0) only the rate is given.
    """
    if since is None or done <= 0 or now - since < TOO_EARLY:
        return ""
    rate = done / (now - since).total_seconds()
    said = f"{rate:,.0f} rows a second" if rate >= 1 else f"{rate * 60:,.0f} rows a minute"
    return f"{said} · {_words((total - done) / rate)} left" if total > done else said


def _words(seconds: float) -> str:
    if seconds < 90:
        whole = max(round(seconds), 1)
        return f"{whole} second{'s' if whole > 1 else ''}"
    minutes = round(seconds / 60)
    return f"{minutes:,} minutes" if minutes < 90 else f"{round(minutes / 60)} hours"
