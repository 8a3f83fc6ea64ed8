"""``make bench``: run the stages, print their table, write ``bench.json``.

``ROWS`` (1000000), ``DATABASE`` (``sqlite``, ``postgresql`` or ``both``), ``ONLY`` (names of stages, with commas) and
``CHECK=1`` (exit 1 if a target is missed) come from the environment; results go to the directory that ``DATA`` names.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import databases
from benchmarks.bench import exit_on_sigterm
from benchmarks.results import NOTE, Result, against_sqlite, as_text, misses
from benchmarks.stages import STAGES
from config.installation import BASE_DIR, data_directory

#: Between two moves of the bar, in seconds.
MOVE_EVERY = 0.2
WIDTH = 24
#: For a stage that is told to end.
END_SECONDS = 30
#: Variables of a running Baton, which a stage must not work on.
FORGOTTEN = ("DATABASE_URL", "REDIS_URL", "SANDBOX_URL", "BATON_TEST_DATA", "JOURNAL_DIR")


def main() -> int:
    """Run everything that is wanted; return the exit code."""
    exit_on_sigterm()
    rows = int(os.environ.get("ROWS") or 1_000_000)
    chosen = os.environ.get("DATABASE") or "both"
    kinds = ["sqlite", "postgresql"] if chosen == "both" else [chosen]
    only = [name for name in (os.environ.get("ONLY") or "").split(",") if name]
    if unknown := sorted(set(only) - set(STAGES)):
        sys.exit(f"There is no stage {', '.join(unknown)}. The stages are: {', '.join(STAGES)}")
    wanted = [name for name, stage in STAGES.items() if name in only or not (only or stage.is_asked_for)]
    data = data_directory()
    folder = data / f"bench-{os.getpid()}"
    for name in FORGOTTEN:
        os.environ.pop(name, None)
    results: list[Result] = []
    try:
        for result in run(wanted, kinds, rows, folder):
            results.append(result)
            # What was measured stays, also if somebody ends a run that may take an hour.
            store(data, results)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results += against_sqlite(results)
    store(data, results)
    print(f"\n{as_text(results)}\n\n{NOTE}")
    missed = misses(results)
    print("\nMissed:\n  " + "\n  ".join(missed) if missed else "\nEvery target that was measured holds.")
    return int(bool(missed) and os.environ.get("CHECK") == "1")


def store(data: Path, results: list[Result]) -> None:
    (data / "bench.json").write_text(json.dumps([result.as_json() for result in results], indent=1) + "\n")


def run(wanted: list[str], kinds: list[str], rows: int, folder: Path) -> Iterator[Result]:
    """Run the stages on each database; those that use none run once."""
    folder.mkdir(parents=True)
    turns = [(kind, name) for kind in kinds for name in wanted if kind == kinds[0] or STAGES[name].uses_database]
    bar = Bar(len(turns))
    for kind in kinds:
        with databases.prepared(kind, folder) as copies:
            for name in (name for turn_kind, name in turns if turn_kind == kind):
                shown = kind if STAGES[name].uses_database else ""
                with copies.copy(name) as environment:
                    yield from run_stage(name, shown, rows, folder / "files", environment, bar)
    bar.clear()


def run_stage(
    name: str, database: str, rows: int, files: Path, environment: dict[str, str], bar: "Bar"
) -> Iterator[Result]:
    """Run one stage in a process of its own. Ends with its output if it fails."""
    bar.begin(name, database)
    log = Path(environment["DATA"]) / "stage.log"
    out = Path(environment["DATA"]) / "results.jsonl"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.stage", name, database, str(rows), str(files), str(out)],
            env={**os.environ, **environment},
            cwd=BASE_DIR,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                bar.move()
                time.sleep(MOVE_EVERY)
        finally:
            end(process)
    if process.returncode:
        sys.exit(f"\nThe stage {name} failed:\n{log.read_text(errors='replace')}")
    bar.end()
    for line in out.read_text().splitlines():
        yield Result(**json.loads(line))


def end(process: subprocess.Popen[bytes]) -> None:
    """End a stage; it ends the servers that it started first."""
    process.terminate()
    try:
        process.wait(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Bar:
    """The progress of the run on a terminal; elsewhere a line for each stage."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.what = total, 0, ""
        self.began = time.monotonic()
        self.is_terminal = sys.stdout.isatty()

    def begin(self, stage: str, database: str) -> None:
        self.what, self.began = f"{stage} {database}".strip(), time.monotonic()
        self.move()

    def move(self) -> None:
        if self.is_terminal:
            full = WIDTH * self.done // self.total
            seconds = time.monotonic() - self.began
            shown = f"[{'#' * full}{'.' * (WIDTH - full)}] {self.done + 1}/{self.total} {self.what}, {seconds:.0f} s"
            self._write(f"\r\x1b[K{shown}")

    def end(self) -> None:
        self.done += 1
        if not self.is_terminal:
            self._write(f"{self.done}/{self.total} {self.what}: {time.monotonic() - self.began:.1f} s\n")

    def clear(self) -> None:
        if self.is_terminal:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
