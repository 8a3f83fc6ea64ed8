"""What a stage measures with: stopwatches that also see memory, and the comparison with baselines and a floor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from threading import Event, Thread
from types import TracebackType

from benchmarks.results import MOST_GROWTH, Result, compared

#: Runs of the product and of the floor, of which the median counts.
ROUNDS = 3
#: A naive way or a peer does this part of the rows.
PART = 20
#: Between two looks at the memory of child processes, in seconds.
LOOK_EVERY = 0.02

#: Does a piece of work for a number of rows, and returns the seconds it took without its preparations.
Timed = Callable[[int], float]


@dataclass(frozen=True)
class Baseline:
    """Another way to do a stage's work. ``faster``: Baton is at least this many times as fast; ``at_most``: Baton takes
    at most this many times the seconds. ``is_whole``: like the product it does all rows, ``rounds`` times, of which the
    median counts.
    """

    name: str
    run: Timed
    faster: float | None = None
    at_most: float | None = None
    is_whole: bool = False
    rounds: int = 1


class Stopwatch:
    """Times a block: ``seconds``, and the megabytes that this process and the largest of its children used in it.

    Processes that were started before the block do not count.
    """

    def __enter__(self) -> "Stopwatch":
        self.seconds = self.peak_mb = self.child_peak_mb = 0.0
        # Forget the peak before the block: proc(5), clear_refs.
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._others = set(_descendants(os.getpid()))
        self._ended = Event()
        self._thread = Thread(target=self._look_at_children, daemon=True)
        self._thread.start()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._began
        self.peak_mb = peak_mb(os.getpid())
        self._ended.set()
        self._thread.join()

    def _look_at_children(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            for pid in _descendants(os.getpid()):
                if pid not in self._others:
                    self.child_peak_mb = max(self.child_peak_mb, peak_mb(pid))


def peak_mb(pid: int) -> float:
    """The most megabytes that a process had resident; 0 if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _descendants(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                yield child
                yield from _descendants(child)


def exit_on_sigterm() -> None:
    """Let SIGTERM end this process as an exception, so that servers and files are cleaned up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Bench:
    """The run that a stage belongs to. ``folder`` is its own, ``files`` holds sheets that all stages share."""

    def __init__(self, rows: int, database: str, folder: Path, files: Path) -> None:
        self.rows, self.database, self.folder, self.files = rows, database, folder, files
        self._watch = Stopwatch()

    def watch(self) -> Stopwatch:
        """A new stopwatch: ``with bench.watch() as watch: ...`` and then ``watch.seconds``."""
        self._watch = Stopwatch()
        return self._watch

    def sheet(self, kind: str, rows: int) -> Path:
        """The path of a ``csv`` or ``xlsx`` file with so many people, written by another process if it is missing."""
        path = self.files / f"people-{rows}.{kind}"
        if not path.exists():
            self.files.mkdir(parents=True, exist_ok=True)
            subprocess.run([sys.executable, "-m", "benchmarks.sheets", kind, str(rows), str(path)], check=True)
        return path

    def compare(
        self,
        stage: str,
        product: Timed,
        *baselines: Baseline,
        floor: Timed | None = None,
        floor_name: str = "the floor",
        floor_at_most: float | None = None,
        grows: bool = True,
        rows: int = 0,
        rounds: int = ROUNDS,
    ) -> Iterator[Result]:
        """Measure the product, then the floor and the baselines; yields a result for each, and one for its growth.

        The result for the growth has the memory that a tenth of the rows took.
        """
        rows = rows or self.rows
        # The tenth first: it also fills the caches that a worker fills once.
        tenth = self.measured(stage, product, max(rows // 10, 1), rounds) if grows else None
        result = self.measured(stage, product, rows, rounds)
        if floor:
            result = replace(result, floor_seconds=median(floor(rows) for _ in range(rounds)))
        if not baselines and floor_at_most is None:
            yield result
        if result.floor_seconds is not None and floor_at_most is not None:
            yield replace(result, **compared(result, floor_name, result.floor_seconds, at_most=floor_at_most))
        for baseline in baselines:
            share = rows if baseline.is_whole else max(rows // PART, 1)
            seconds = median(baseline.run(share) for _ in range(baseline.rounds)) * rows / share
            yield replace(
                result,
                is_scaled=share != rows,
                **compared(result, baseline.name, seconds, at_most=baseline.at_most, faster=baseline.faster),
            )
        if tenth:
            growth = compared(result, "a tenth of the rows", tenth.seconds, at_most=MOST_GROWTH)
            memory = {"peak_mb": tenth.peak_mb, "child_peak_mb": tenth.child_peak_mb}
            yield replace(result, **{"floor_seconds": None, **memory, **growth})

    def within(self, stage: str, work: Timed, limit: float, rows: int = 0, rounds: int = ROUNDS) -> Result:
        """Measure work that must take at most ``limit`` seconds."""
        result = self.measured(stage, work, rows or self.rows, rounds)
        return replace(result, **compared(result, "the limit", limit, at_most=1))

    def measured(self, stage: str, work: Timed, rows: int, rounds: int = ROUNDS) -> Result:
        """The median of the rounds, with the most memory of any of them."""
        seconds, own, children = [], 0.0, 0.0
        for _ in range(rounds):
            seconds.append(work(rows))
            own, children = max(own, self._watch.peak_mb), max(children, self._watch.child_peak_mb)
        return Result(stage, self.database, rows, median(seconds), peak_mb=own, child_peak_mb=children)
