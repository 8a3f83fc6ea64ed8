"""``python -m tests.chaos --batches N``: a run on each database, a table, and the figures in ``$DATA/chaos.json``.

Exits 1 when an invariant breaks, when the naive control shows no violation (then the harness detects nothing), and when
a run that is not short left out a fault, or took too long to bring a batch to its final status.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from config.lifeline import die_with
from tests import debian
from tests.chaos import figures
from tests.chaos.figures import SHORT
from tests.postgresql import cluster

#: What must have happened in every other run.
MUST_BE_MET = (
    "horse killed",
    "worker killed",
    "clock killed",
    "all killed",
    "two clocks",
    "two sweepers",
    "jobs doubled",
    "network broken",
    "network: struck",
    "clickatell:read-while-uploading",
    "smsportal:eager",
    "committing again after it was dropped unread",
    "Valkey killed",
    "Valkey flushed",
    "Valkey paused",
    "Valkey's file lost",
    "older database restored",
    "opt-out",
    "action: kill",
    "action: kill-worker",
    "action: stop",
    "action: drop",
    "action: hold",
    "action: lose",
    "action: network",
    "turn: hours opened",
    "turn: hours closed",
    "turn: pace kept",
    "turn: canary accepted",
    "turn: canary continued by a person",
    "repair: a file is rejected",
    "repair: followed up",
    "repair: paused",
    "repair: resumed",
    "repair: rest corrected",
    "repair: texted again",
    "repair: texted as corrected",
)
MUST_BE_MET_ON = {
    # On one host the kernel keeps a stopped process's lock: nobody takes over, and the process is woken.
    "sqlite": ("woken",),
    "postgresql": ("PostgreSQL restarted", "PostgreSQL session ended", "woken after another took over"),
}
#: In runs long enough to kill everywhere: how many points, and what share of the recovery's points, may lack a kill,
#: and what share of the commits may lack a lost session.
POINTS_LEFT, RECOVERY_LEFT, COMMITS_LEFT = 8, 0.34, 0.15
#: Seconds from a kill to the batch's final status, at the 95th percentile, including a guard's pause.
TO_STATE = {"plain": 30, "guarded": 90}

# Settings that each run makes for itself, whatever the environment says.
_OWN = ("DATABASE_URL", "REDIS_URL", "JOURNAL_DIR", "SANDBOX_URL", "BEHIND_TLS", "DEBUG", "LOG_LEVEL")
ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run on the chosen databases, one after another; 0 when every invariant held and the control failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--batches", type=int, default=2000, help="over all databases")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--seed", type=int, default=None)
    chosen = parser.parse_args(arguments)
    data = Path(os.environ.get("DATA") or ROOT / "var").resolve()
    runs = {name: run(name, batches, data, chosen.seed) for name, batches in shares(chosen.database, chosen.batches)}
    found = {"databases": runs, "total": figures.total_of(list(runs.values()))}
    data.mkdir(parents=True, exist_ok=True)
    (data / "chaos.json").write_text(json.dumps(found, indent=2) + "\n")
    print(f"\n{figures.table(found)}\n\nThe figures are in {data / 'chaos.json'}.")
    return evaluate(runs)


def shares(database: str, batches: int) -> list[tuple[str, int]]:
    """How many batches each database processes."""
    if database == "postgresql" and debian.find("postgresql") is None:
        raise SystemExit("PostgreSQL is not installed.")
    if database != "both":
        return [(database, batches)]
    if debian.find("postgresql") is None:
        print("PostgreSQL is not installed: everything runs on SQLite.")
        return [("sqlite", batches)]
    return [("sqlite", batches - batches // 2), ("postgresql", batches // 2)]


def run(database: str, batches: int, data: Path, seed: int | None) -> dict[str, Any]:
    """One run in a process and a data directory of its own; its files stay there until the next run."""
    own = data / f"chaos-{database}"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if name not in _OWN}
    environment = {
        **kept,
        "DATA": str(own),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ALLOW_PRIVATE_HOSTS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "tests.chaos.run", "--batches", str(batches)]
    if seed is not None:
        command += ["--seed", str(seed)]
    with ExitStack() as stack:
        if database == "postgresql":
            environment["DATABASE_URL"] = stack.enter_context(cluster(str(debian.find("postgresql"))))
        parent = os.getpid()
        done = subprocess.run(command, cwd=ROOT, env=environment, preexec_fn=lambda: die_with(parent))
    if done.returncode:
        raise SystemExit(f"The run on {database} did not finish; its files are in {own}.")
    found: dict[str, Any] = json.loads((own / "chaos-run.json").read_bytes())
    return found


def evaluate(runs: dict[str, dict[str, Any]]) -> int:
    """Print what broke and what a run did not try; 0 when there is neither."""
    code = 0
    for database, found in runs.items():
        for sentence in [*found["sentences"], *lacking(database, found)]:
            print(f"{database}: {sentence}")
            code = 1
    return code


def lacking(database: str, found: dict[str, Any]) -> list[str]:
    """Return a sentence for everything that a run should have shown and did not."""
    sentences = []
    naive, points = found["naive"], found["points"]
    if naive["duplicates"] == 0:
        sentences.append("The naive uploader texted nobody twice: these faults detect nothing.")
    if found["wanted"] < SHORT:
        return sentences
    if naive["duplicates_by_network"] == 0:
        sentences.append("The naive uploader texted nobody twice unless it was killed right after an upload.")
    happened = {**found["other"], **found["faults"]}
    for name in (*MUST_BE_MET, *MUST_BE_MET_ON[database]):
        if not happened.get(name):
            sentences.append(f"Never happened: {name}.")
    for kind, most in TO_STATE.items():
        if (took := found["time_to_state"][kind]["p95"]) > most:
            sentences.append(f"After a kill it took {took} s to the state ({kind}, 95th percentile), {most} s at most.")
    if points["has_room_for_all"]:
        if len(points["missed"]) > POINTS_LEFT:
            sentences.append(f"{len(points['missed'])} points without a kill: {', '.join(points['missed'][:40])}.")
        missed = points["recovery_missed"]
        if len(missed) > RECOVERY_LEFT * points["recovery"]:
            sentences.append(f"{len(missed)} points of the recovery without a second kill, of {points['recovery']}.")
        missed = points["commits_missed"]
        if len(missed) > COMMITS_LEFT * points["commits"]:
            sentences.append(f"The session was not lost at {len(missed)} commits: {', '.join(missed[:40])}.")
    return sentences


if __name__ == "__main__":
    began = time.monotonic()
    status = main()
    print(f"{'Everything held' if status == 0 else 'Broken'}, after {(time.monotonic() - began) / 60:.1f} minutes.")
    sys.exit(status)
