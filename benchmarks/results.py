"""What a stage reports, the table of it, and whether its targets hold."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

#: A process of Baton may use this many megabytes at any number of rows, and its sheet reader this many.
MOST_MB, MOST_READER_MB = 300, 1000
#: The sheet reader is the largest child process of the stages whose names begin with these.
READERS = ("read ", "import ", "workbook ")
#: PostgreSQL may take this many times the seconds of SQLite.
MOST_OF_SQLITE = 2.0
#: Ten times the rows may take this many times the seconds.
MOST_GROWTH = 11.0


@dataclass(frozen=True)
class Result:
    """One stage against one baseline.

    ``seconds`` (of the product) and ``floor_seconds`` are medians of three at ``rows``; polling and the chain run
    once. ``baseline_seconds`` is of one run; ``is_scaled`` if that had a twentieth of the rows and was multiplied.
    ``ratio`` is what ``target`` is about: how many times faster than the baseline the product is (``at least 12``), or
    how many times its seconds it takes (``at most 0.5``). ``holds`` is None without a target. ``peak_mb`` is the most
    memory of the process that does the work, ``child_peak_mb`` of the largest process that it starts; in a result
    against a tenth of the rows, both are of the run with that tenth. ``is_compared``: PostgreSQL is measured against
    SQLite.
    """

    stage: str
    database: str
    rows: int
    seconds: float
    baseline: str = ""
    baseline_seconds: float | None = None
    is_scaled: bool = False
    floor_seconds: float | None = None
    ratio: float | None = None
    target: str = ""
    holds: bool | None = None
    peak_mb: float = 0.0
    child_peak_mb: float = 0.0
    is_compared: bool = True

    def as_json(self) -> dict[str, Any]:
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(self).items()}


def compared(
    result: Result, baseline: str, seconds: float, *, at_most: float | None = None, faster: float | None = None
) -> dict[str, Any]:
    """The fields that compare ``result`` with the ``seconds`` of a baseline. At most one target may be given."""
    baseline_seconds, own_seconds = max(seconds, 1e-9), max(result.seconds, 1e-9)
    fields: dict[str, Any] = {"baseline": baseline, "baseline_seconds": seconds, "target": "", "holds": None}
    if at_most is not None:
        ratio = own_seconds / baseline_seconds
        return fields | {"ratio": ratio, "target": f"at most {at_most:g}", "holds": ratio <= at_most}
    ratio = baseline_seconds / own_seconds
    if faster is None:
        return fields | {"ratio": ratio}
    return fields | {"ratio": ratio, "target": f"at least {faster:g}", "holds": ratio >= faster}


def against_sqlite(results: Sequence[Result]) -> Iterator[Result]:
    """A result for each stage that was measured on both databases: PostgreSQL against SQLite."""
    sqlite = {result.stage: result for result in results if result.database == "sqlite"}
    seen = set()
    for result in results:
        is_other = result.database == "postgresql" and result.is_compared
        if is_other and result.stage in sqlite and result.stage not in seen:
            seen.add(result.stage)
            plain = Result(result.stage, result.database, result.rows, result.seconds)
            other = sqlite[result.stage].seconds
            yield Result(
                plain.stage,
                plain.database,
                plain.rows,
                plain.seconds,
                **compared(plain, "SQLite", other, at_most=MOST_OF_SQLITE),
            )


def misses(results: Iterable[Result]) -> list[str]:
    """A sentence for each target that was missed, with the stage, the ratio and the target."""
    found = []
    for result in results:
        where = f"{result.stage}{f' ({result.database})' if result.database else ''}"
        if result.holds is False:
            found.append(f"{where} against {result.baseline}: {result.ratio:.2f}, target {result.target}")
        if result.peak_mb > MOST_MB:
            found.append(f"{where}: {result.peak_mb:.0f} MB, target at most {MOST_MB}")
        most = MOST_READER_MB if result.stage.startswith(READERS) else MOST_MB
        if result.child_peak_mb > most:
            found.append(f"{where}, its child process: {result.child_peak_mb:.0f} MB, target at most {most}")
    return list(dict.fromkeys(found))


HEADER = (
    *("Stage", "Database", "Rows", "Seconds", "Against", "Its seconds", "Floor", "Ratio", "Target", ""),
    *("MB", "Child MB"),
)
NOTE = (
    "Seconds of Baton and of the floor: median of three at all rows; polling and the chain once. “~”: one run with a"
    " twentieth of the rows, multiplied. The ratio is the target's: seconds of the baseline by Baton's for “at least”,"
    " Baton's by the baseline's for “at most”. MB: the most memory of the process while it worked, and of any process"
    " that it started; in the lines about a tenth of the rows, while it worked on these."
)


def cells(result: Result) -> tuple[str, ...]:
    """The row of a result in the table."""
    return (
        result.stage,
        {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(result.database, ""),
        f"{result.rows:,}",
        _seconds(result.seconds),
        result.baseline,
        ("~ " if result.is_scaled else "") + _seconds(result.baseline_seconds),
        _seconds(result.floor_seconds),
        "" if result.ratio is None else f"{result.ratio:,.2f}",
        result.target,
        {True: "yes", False: "NO", None: ""}[result.holds],
        f"{result.peak_mb:.0f}" if result.peak_mb else "",
        f"{result.child_peak_mb:.0f}" if result.child_peak_mb else "",
    )


def as_text(results: Sequence[Result]) -> str:
    """The table for a terminal."""
    lines = [HEADER, *map(cells, results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    text = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join(text)


def as_markdown(results: Sequence[Result]) -> str:
    """The table for docs/performance.md."""
    lines = [HEADER, tuple("---" for _ in HEADER), *map(cells, results)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:,.2f} s"
