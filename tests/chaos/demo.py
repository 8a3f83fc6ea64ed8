"""Kills processes of the demo at random while campaigns run: ``python -m tests.chaos.demo --minutes 5``.

The supervisor restarts what it can; when it gives up, or is itself killed, it is started again. At the end the kills
stop: everything must come to rest with balanced books, nobody texted twice or after an opt-out, and no campaign open
except for files that wait for a person. A run in which little happened proves nothing and fails too.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from providers.sandbox.ledger import read_ledger
from tests.supervised import Baton

#: Recipients of each campaign, and seconds between two rounds of campaigns.
CROWD, EVERY = 12_000, 60.0
REST = 900.0
#: The statuses in which a batch has ended, and those in which it waits for a person.
ENDED, ASKED = {"accepted", "rejected", "superseded", "cancelled"}, {"unclear", "held"}
#: The words of their command lines by which the demo's processes are recognised.
PROGRAMS = ("rqworker", "sweep", "gunicorn", "sandbox", "valkey", "supervisor")


def start(baton: Baton) -> None:
    """Start the demo and wait until it is ready; after kills that may take a second try."""
    for _ in range(5):
        baton.output.write_text("")
        baton.start(mode="demo")
        with suppress(AssertionError):
            baton.until_ready()
            return
        baton.kill_everything()
    raise SystemExit(f"The demo no longer starts:\n{baton.said()}")


def people(baton: Baton, *arguments: str, check: bool = False) -> str:
    """Act as people do, in a process of its own; what a kill interrupts is repeated later. Returns its output."""
    command = [sys.executable, "-m", "tests.chaos.demo_people", *arguments]
    ran = subprocess.run(command, env=baton.environment(), capture_output=True, check=check, timeout=120)
    return ran.stdout.decode()


def opt_out_and_approve(baton: Baton) -> dict[str, str]:
    """Have people opt out and campaigns approved; return the latest time at which each opt-out was committed."""
    opted_out: dict[str, str] = json.loads(people(baton, "opt-out") or "{}")
    return opted_out


def kill_one(baton: Baton) -> str:
    """Kill one process of the demo at random; return its name, "" where there was none."""
    running = {pid: command for pid, command in baton.pids().items() if "demo_people" not in command}
    if not running:
        return ""
    pid = random.choice(list(running))
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return ""
    return next((program for program in PROGRAMS if program in running[pid]), "other")


def books(baton: Baton) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(baton.manage("balance", "--json"))["campaigns"]
    return found


def at_rest(campaign: dict[str, Any]) -> bool:
    return campaign["status"] in ("closed", "cancelled", "draft")


def stuck(found: list[dict[str, Any]], batches: dict[str, dict[str, int]]) -> list[str]:
    """The campaigns of ``found`` that are open for another reason than files that wait for a person, and that reason.

    ``batches`` maps each campaign's id to its number of batches by status.
    """
    sentences = []
    for campaign in found:
        statuses = batches.get(str(campaign["id"]), {})
        moving = {status: count for status, count in statuses.items() if status not in ENDED | ASKED}
        is_asked_about = not moving and not campaign["waiting"] and ASKED & set(statuses)
        if not at_rest(campaign) and not is_asked_about:
            sentences.append(f"{campaign['name']} is {campaign['status']}, {campaign['waiting']} wait, {moving}")
    return sentences


def texted_twice(ledger: Iterable[Mapping[str, str]]) -> int:
    """How many people one campaign texted twice: only the samples share numbers with others, by provider."""
    seen = Counter((line["provider"], line["msisdn"]) for line in ledger)
    return sum(count - 1 for count in seen.values())


def texted_anyway(ledger: Iterable[Mapping[str, str]], opted_out: Mapping[str, str], intents: Mapping[str, str]) -> int:
    """How many were texted although their opt-out was committed before their batch's intent.

    ``opted_out`` maps numbers to when that was committed at the latest, ``intents`` to the first intent of the batch
    they are in; both times are ISO 8601 in UTC. Who is in no batch with an intent should not have been texted at all.
    """
    return sum(
        msisdn not in intents or datetime.fromisoformat(opted_out[msisdn]) < datetime.fromisoformat(intents[msisdn])
        for msisdn in {line["msisdn"] for line in ledger} & set(opted_out)
    )


def too_little(campaigns: list[dict[str, Any]], killed: int, opted_out: int) -> list[str]:
    """Why a run proves nothing, in sentences; ``campaigns`` are those that were begun during the run."""
    sentences = []
    run = sum(campaign["batched"] > 0 for campaign in campaigns)
    if run < 2:
        sentences.append(f"Only {run} campaigns were run: at least two are needed.")
    if not sum(campaign["outcomes"]["accepted"] for campaign in campaigns):
        sentences.append("Not one recipient was accepted.")
    if not killed:
        sentences.append("Not one process was killed.")
    if not opted_out:
        sentences.append("Nobody opted out.")
    return sentences


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None)
    chosen = parser.parse_args()
    random.seed(chosen.seed)
    data = Path(tempfile.mkdtemp(prefix="baton-chaos-demo-")).resolve()
    baton = Baton(data)
    killed: Counter[str] = Counter()
    opted_out: dict[str, str] = {}
    starts = 1
    try:
        start(baton)
        samples = {campaign["id"] for campaign in books(baton)}
        until, next_crowd = time.monotonic() + chosen.minutes * 60, 0.0
        while time.monotonic() < until:
            if time.monotonic() >= next_crowd:
                people(baton, str(CROWD))
                next_crowd = time.monotonic() + EVERY
            opted_out |= opt_out_and_approve(baton)
            if program := kill_one(baton):
                killed[program] += 1
            time.sleep(random.uniform(0.5, 4))
            if baton.ended():
                baton.kill_everything()
                start(baton)
                starts += 1
            print(
                f"  {int(until - time.monotonic())} s left, {sum(killed.values())} killed, {starts} starts", flush=True
            )
        if baton.ended():
            start(baton)
        rest = time.monotonic() + REST
        found = books(baton)
        while time.monotonic() < rest:
            people(baton)
            found = books(baton)
            asked = [campaign for campaign in found if not at_rest(campaign)]
            print("  " + ", ".join(f"{row['name']} {row['status']} {row['outcomes']}" for row in asked), flush=True)
            if not asked or asked == last(asked):
                break
            time.sleep(10)
        found = books(baton)
        left_open = stuck(found, json.loads(people(baton, "batches", check=True)))
        intents = json.loads(people(baton, "intents", check=True))
    finally:
        if not baton.ended():
            baton.signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                baton.exit_code()
        baton.kill_everything()
    ledger = list(read_ledger(data / "sandbox" / "ledger.jsonl"))
    doubled, anyway = texted_twice(ledger), texted_anyway(ledger, opted_out, intents)
    begun = [campaign for campaign in found if campaign["id"] not in samples]
    missing = too_little(begun, killed.total(), len(opted_out))
    unbalanced = [campaign["name"] for campaign in found if not campaign["balanced"]]
    figures = {
        "minutes": chosen.minutes,
        "killed": dict(killed),
        "starts": starts,
        "campaigns": Counter(campaign["status"] for campaign in begun),
        "recipients": sum(campaign["batched"] for campaign in begun),
        "accepted": sum(campaign["outcomes"]["accepted"] for campaign in begun),
        "open": sum(campaign["outcomes"]["open"] for campaign in begun),
        "opted_out": len(opted_out),
        "taken_out": sum(campaign["excluded"].get("opted_out_later", 0) for campaign in begun),
        "texted_twice": doubled,
        "texted_though_opted_out": anyway,
        "unbalanced": unbalanced,
        "stuck": left_open,
        "too_little": missing,
    }
    print(json.dumps(figures, indent=2))
    shutil.rmtree(data, ignore_errors=True)
    shutil.rmtree(baton.socket.parent, ignore_errors=True)
    return 1 if doubled or anyway or unbalanced or left_open or missing else 0


_unchanged: list[tuple[float, list[dict[str, Any]]]] = []


def last(asked: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """What remains once nothing has changed for three minutes: people's decisions; None while anything changes."""
    if not _unchanged or _unchanged[-1][1] != asked:
        _unchanged.append((time.monotonic(), asked))
    since, same = _unchanged[-1]
    return same if time.monotonic() - since > 180 else None


if __name__ == "__main__":
    sys.exit(main())
