"""One chaos run on one database: ``python -m tests.chaos.run --batches N``, with DATA and DATABASE_URL set.

First there is a kill at every point, then a second one at every point of the recovery, then random events.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import django
import redis

from config import installation

installation.prepare()
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, InterfaceError, connection  # noqa: E402
from django.db.models import Q  # noqa: E402
from django.utils import timezone  # noqa: E402

from campaigns.decisions import decide  # noqa: E402
from campaigns.handover import canary  # noqa: E402
from campaigns.models import Batch, Campaign, Event, Recipient  # noqa: E402
from campaigns.results.evidence import evidence_fingerprint  # noqa: E402
from config.lifeline import adopt_orphans  # noqa: E402
from contacts.errors import Refusal  # noqa: E402
from providers.models import Account  # noqa: E402
from providers.sandbox.ledger import read_ledger  # noqa: E402
from tests.chaos import invariants, times  # noqa: E402
from tests.chaos.arena import Arena, copy_database, restore_database  # noqa: E402
from tests.chaos.arms import Arms  # noqa: E402
from tests.chaos.control import Control  # noqa: E402
from tests.chaos.events import Answers, Events  # noqa: E402
from tests.chaos.figures import SHORT  # noqa: E402
from tests.chaos.forming import OPEN, SIZE, Campaigns, batches_in, is_for_tomorrow  # noqa: E402
from tests.chaos.gateways import ACCOUNTS, NAIVE, PROVIDERS, gateways  # noqa: E402
from tests.chaos.people import (  # noqa: E402
    SENDER,
    default_options,
    make_account,
    make_people,
)
from tests.chaos.plans import Plan, Plans  # noqa: E402
from tests.chaos.repairs import Repairs  # noqa: E402
from tests.chaos.staggered import shown  # noqa: E402
from tests.chaos.worker import use_small_batches  # noqa: E402

TICK = 0.2
#: What is counted and is no fault.
_NO_FAULTS = (
    "decided", "staggered", "double approval", "woken", "account stopped", "nothing", "frozen once more", "opt-out",
    "repair", "turn",
)  # fmt: skip


class Run:
    """Everything that happens until this many batches have been handed over and are in their final status.

    ``seconds`` is the time limit for the end.
    """

    def __init__(self, arena: Arena, batches: int, seconds: float) -> None:
        self.arena = arena
        self.wanted = batches
        self.seconds = seconds
        self.people = make_people()
        self.accounts = {
            (each.provider, each.name): make_account(each) for each in arena.gateways.routes if each.name != NAIVE
        }
        self.arms = Arms(settings.DATA / "chaos")
        self.arms.prepare()
        self.plans = Plans(self.arms)
        self.has_room_for_all = False
        self.counted: Counter[str] = Counter()
        self.troubles: Counter[str] = Counter()
        self.events = Events(arena, list(self.accounts.values()))
        self.answers = Answers(arena, self.arms, self.counted)
        self.repairs = Repairs(arena, self.people, self.counted)
        self.campaigns = Campaigns(self.accounts, self.people, self.arms, self.plans, self.repairs, self.counted)
        self.control = Control(arena.gateways)
        self.forgotten: list[tuple[float, float]] = []
        self.phase = ""
        self.began = time.monotonic()
        self.tell_at = self.event_at = self.opt_out_at = self.administer_at = self.repair_at = 0.0

    # -- the phases of a run -----------------------------------------------------------------------------------------

    def go(self) -> None:
        """From the rehearsal to the last batch at rest."""
        self.rehearse()
        self.kill_at_every_point()
        options = {provider: default_options(self.accounts[provider, ACCOUNTS[0]]) for provider in PROVIDERS}
        # At least 20, so that each of the four providers meets each of the five troubles in control.py.
        files = max(30, self.wanted // 10) if self.wanted >= SHORT else 20
        self.control.start(files, options, SENDER)
        self.do_anything_for_a_while()
        if self.wanted >= SHORT:
            self.try_again()
        self.kill_twice()
        self.do_anything()
        self.calm()

    def left(self) -> int:
        """How many more batches may be begun."""
        return max(0, self.wanted - self.campaigns.started)

    def rehearse(self) -> None:
        """Hand over without faults, to learn the points."""
        self.phase = "rehearsal"
        for provider in PROVIDERS:
            self.campaigns.queue.extend(Plan(provider, phase="rehearsal") for _ in range(2))
        if not self.until(lambda: not self.campaigns.queue and not self.campaigns.forming and self.all_settled(), 240):
            found = list(Batch.objects.values_list("name", "status", "reason"))
            raise SystemExit(f"It does not work without faults either: {found}")

    def kill_at_every_point(self) -> None:
        """Half of the batches at most."""
        self.phase = "a kill at every point"
        singles = self.plans.singles()
        random.shuffle(singles)
        self.has_room_for_all = len(singles) <= self.left() // 2
        self.campaigns.queue.extend(singles[: max(1, self.left() // 2)])
        self.until(lambda: not self.campaigns.queue and not self.campaigns.forming)

    def do_anything_for_a_while(self) -> None:
        """Stops, opt-outs and lost answers at every point, and random events, until every kill is recovered from."""
        self.phase = "anything"
        room = self.left() // 4
        strikes = self.plans.strikes()
        self.campaigns.queue.extend(self.plans.read_half_written(4 if self.wanted >= SHORT else 1))
        if self.wanted >= SHORT:
            # Their log must stand still for three minutes, which the short form has no time for.
            self.campaigns.queue.extend(self.plans.read_early())
            self.campaigns.queue.extend(self.plans.turns(SIZE))
        # In a long run all of them.
        self.campaigns.queue.extend(strikes[: self.left() // 4 if self.wanted >= SHORT else max(6, room // 2)])
        losses = self.plans.losses()
        self.campaigns.queue.extend(losses if self.wanted >= SHORT else losses[:1])
        self.campaigns.queue.extend(self.plans.at_every_point()[: room // 2])
        while len(self.campaigns.queue) < room:
            self.campaigns.queue.append(self.plans.anything())
        # The short form continues with the recoveries that are finished by then.
        self.until(lambda: not self.campaigns.queue and (self.wanted < SHORT or self.has_recovered()), with_events=True)

    def try_again(self) -> None:
        """The points a batch reaches depend on what the connection was used for before: some take another try."""
        self.phase = "a kill at every point, once more"
        for _ in range(2):
            # A third of what is left at most.
            self.campaigns.queue.extend([*self.plans.missed(), *self.plans.losses()][: self.left() // 3])
            if self.campaigns.queue:
                self.until(lambda: not self.campaigns.queue and not self.campaigns.forming and self.has_begun(), 60)

    def kill_twice(self) -> None:
        """A second kill at every point of the recovery: two thirds of what is left at most."""
        self.phase = "a second kill at every point of the recovery"
        self.campaigns.queue.extend(self.plans.doubles()[: self.left() * 2 // 3])
        self.until(lambda: not self.campaigns.queue)
        if self.wanted >= SHORT:
            self.until(self.has_begun, 60)
            self.campaigns.queue.extend(self.plans.doubles()[: self.left() // 2])
            self.until(lambda: not self.campaigns.queue)

    def do_anything(self) -> None:
        """The remaining batches, with an older database restored once or twice."""
        self.phase = "anything"
        restores = [0.3, 0.7][: 1 + (self.wanted > SHORT)]
        left = self.left()
        while self.left() or self.campaigns.queue:
            while len(self.campaigns.queue) < min(SIZE, self.left()):
                self.campaigns.queue.append(self.plans.anything())
            self.turn(with_events=True)
            if restores and 1 - self.left() / max(1, left) > restores[0]:
                restores.pop(0)
                self.restore()
        if not self.counted["older database restored"]:
            # The phases before left too few batches for the share at which it happens.
            self.campaigns.queue.extend(self.plans.anything() for _ in range(SIZE))
            self.until(lambda: not self.campaigns.queue, with_events=True)
            self.restore()
        if self.wanted < SHORT and not self.arena.gateways.strikes():
            # A short run sets few network faults, and each waits for bytes that may never pass where it was set.
            self.events.break_every_connection()
            self.until(lambda: bool(self.arena.gateways.strikes()), 60)
        if self.wanted >= SHORT:
            self.until(lambda: not self.events.deck, 120, with_events=True)

    def restore(self) -> None:
        """An older copy of the database is restored while the files handed over since are with the providers."""
        self.campaigns.may_begin = False
        self.until(lambda: not self.campaigns.forming and not self.repairs.drafts, 60, with_events=True)
        self.answers.wake()
        copy = settings.DATA / "copy.sqlite3"
        copy_database(copy)
        since = time.time()
        self.until(lambda: False, random.uniform(8, 20), with_events=True)
        with self.arena.all_down(), open(os.devnull, "w") as nowhere:
            restore_database(copy)
            call_command("replay_journal", stdout=nowhere)
        self.campaigns.begin_again()
        self.forgotten.append((since, time.time()))
        self.answers.stopped.clear()
        self.counted["older database restored"] += 1
        self.campaigns.may_begin = True

    def calm(self) -> None:
        """No more faults: wait until every batch is at rest, or only waits for a later time."""
        self.phase = "calm"
        self.arms.disarm()
        for door in self.arena.gateways.doors():
            door.faults.clear()
            door.sudden.clear()
        self.safely(self.arena.one_clock)
        self.answers.wake()
        self.safely(self.repairs.resume_all)
        self.until(lambda: not self.campaigns.forming and self.is_calm(), self.seconds)
        self.safely(self.repairs.follow_up_all)
        self.until(self.is_calm, min(60, self.seconds))
        self.safely(self.decide)
        self.until(self.is_calm, min(90, self.seconds))
        if not self.until(self.control.has_ended, 20):
            self.control.leave_alone()
            self.until(self.control.has_ended, 60)
        self.control.stop()

    def is_calm(self) -> bool:
        """Whether nothing happens any more unless a person decides about a file."""
        self.repairs.release_all()
        return not self.repairs.drafts and self.all_settled()

    # -- one step, a fifth of a second -------------------------------------------------------------------------------

    def until(self, is_over: Callable[[], bool], seconds: float = 3600, with_events: bool = False) -> bool:
        """Continue until it is finished, or for this many seconds; return which."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn(with_events)
            if self.safely(is_over):
                return True
        return False

    def turn(self, with_events: bool = False) -> None:
        """Check everything once; ``with_events`` more may happen."""
        time.sleep(TICK)
        now = time.monotonic()
        self.arena.care()
        self.control.turn(now)
        for step in (
            self.answers.answer,
            self.campaigns.form,
            self.repairs.turn,
            self.campaigns.begin,
            lambda: self.events.turn(now),
        ):
            self.safely(step)
        if now >= self.tell_at:
            self.tell_at = now + 10
            self.safely(self.tell)
        if now >= self.administer_at:
            self.administer_at = now + 5
            self.safely(self.administer)
        if with_events and now >= self.event_at:
            self.event_at = now + random.uniform(1.5, 5)
            self.counted[self.safely(self.events.happen) or "nothing"] += 1
        if with_events and self.campaigns.may_begin and now >= self.repair_at:
            self.repair_at = now + random.uniform(0.3, 1.5)
            self.counted[self.safely(self.repairs.happen) or "nothing"] += 1
        if with_events and now >= self.opt_out_at:
            self.opt_out_at = now + random.uniform(0.2, 1.5)
            self.safely(self.answers.opt_somebody_out)

    def safely(self, step: Callable[[], Any]) -> Any:
        """Do it, unless the database or Valkey is down just now."""
        try:
            return step()
        except (DatabaseError, InterfaceError, redis.RedisError, ConnectionError) as error:
            self.troubles[type(error).__name__] += 1
            connection.close()
            return None

    def administer(self) -> None:
        """An administrator tests the accounts that were stopped, and finds nothing wrong with them."""
        for account in Account.objects.exclude(stopped_at=None):
            self.counted[f"account stopped: {account.stopped_code}"] += 1
            account.start()

    def decide(self) -> None:
        """A person who has asked the provider decides half of what is unclear."""
        ledger = list(read_ledger(self.arena.gateways.ledger))
        texted = {line["msisdn"] for line in ledger}
        for batch in Batch.objects.filter(status="unclear").select_related("campaign__account"):
            numbers = set(Recipient.objects.of_batch(batch).values_list("msisdn", flat=True))
            if random.random() < 0.5 or not (numbers <= texted or numbers.isdisjoint(texted)):
                continue
            decision = "accepted" if numbers <= texted else "again"
            if any(invariants.is_cut_short(batch, line) for line in ledger if line["msisdn"] in numbers):
                # Not everything that was approved: the person keeps this one.
                continue
            with suppress(Refusal):
                said, seen = "The provider was asked.", evidence_fingerprint(batch)
                decide(batch, self.people.approver, decision, said, timezone.now(), seen=seen)
                self.counted[f"decided: {decision}"] += 1

    def tell(self) -> None:
        """Print one line about every ten seconds."""
        found = Counter(Batch.objects.exclude(status="superseded").values_list("status", flat=True))
        text = ", ".join(f"{status} {count:,}" for status, count in sorted(found.items()))
        actions = len(self.plans.fired())
        begun = f"{self.campaigns.started:,} of {self.wanted:,} begun"
        said = f"{time.monotonic() - self.began:5.0f} s  {connection.vendor}, {self.phase}: {begun};"
        print(f"{said} {actions:,} actions, {sum(self.counted.values()):,} events; {text}", flush=True)

    # -- campaigns ---------------------------------------------------------------------------------------------------

    def all_settled(self) -> bool:
        """Whether every batch has ended, or waits for a person."""
        # A batch that an older database had lost is looked up for as long as it takes; its limit is checked at the end.
        forgotten = Q(status="committing", reason="restored") | Q(status="prepared", campaign__status="paused")
        waiting = Campaign.objects.filter(status="running", recipients__in=Recipient.objects.waiting())
        due = waiting.exclude(batches_due_at__gt=timezone.now() + timedelta(minutes=5)).distinct()
        if batches_in(*OPEN).exclude(forgotten | is_for_tomorrow()).exists():
            return False
        return all(canary.others_wait(campaign) and not canary.may_continue(campaign) for campaign in due)

    def has_begun(self) -> bool:
        """Whether nothing waits to be handed over."""
        return not batches_in("prepared", "uploading").exclude(is_for_tomorrow()).exists()

    def has_recovered(self) -> bool:
        """Whether every batch that was killed at a point has been recovered."""
        phase_of = self.plans.phase_of
        subjects = {line["subject"] for line in self.plans.fired() if phase_of.get(line["subject"]) == "single"}
        left = batches_in("uploading", "committing").values_list("campaign_id", "number")
        return not any(f"{campaign}-{number}" in subjects for campaign, number in left)

    # -- the figures -------------------------------------------------------------------------------------------------

    def result(self) -> dict[str, Any]:
        """The figures of this run."""
        ways = self.arena.gateways
        ledger = list(read_ledger(ways.ledger))
        ours = [line for line in ledger if line["account"] != NAIVE]
        naive = [line for line in ledger if line["account"] == NAIVE]
        logs = list(self.arena.logs.glob("*.log*"))
        found = invariants.find(ours, self.answers.opt_outs, timezone.now(), logs, ways.secrets)
        fired = self.plans.fired()
        known, killed = self.plans.known, self.plans.killed()
        recovery, hit = self.plans.recovery()
        commits, lost = self.plans.commits(), self.plans.lost()
        happened = self.counted + Counter(f"action: {line['action']}" for line in fired) + shown()
        again, corrected = invariants.texted_in_follow_ups(ours)
        happened["repair: texted again"], happened["repair: texted as corrected"] = len(again), len(corrected)
        committing_again = Event.objects.filter(from_status__in=("handed_over", "processing"), to_status="committing")
        happened["committing again after it was dropped unread"] = committing_again.count()
        faults = {name: count for name, count in happened.items() if not name.startswith(_NO_FAULTS)}
        faults = {name: count for name, count in faults.items() if name not in ("action: hold", "action: network")}
        struck = ways.strikes()
        return {
            "wanted": self.wanted,
            "batches": Batch.objects.exclude(status="superseded").count(),
            "texted": len({line["msisdn"] for line in ours}),
            "cut_short": invariants.cut_short(ours),
            "statuses": _counted(Batch.objects.values_list("status", flat=True)),
            "reasons": _counted(batches_in("unclear", "held", "rejected").values_list("reason", flat=True)),
            "paused": _counted(Campaign.objects.filter(status="paused").values_list("reason", flat=True)),
            "faults": faults | {"network: struck": sum(struck.values())},
            "other": {name: count for name, count in happened.items() if name not in faults},
            "struck": struck,
            "points": {
                "known": len(known),
                "killed": len(killed & known),
                "has_room_for_all": self.has_room_for_all,
                "missed": sorted(" ".join(each) for each in known - killed),
                "pairs": self.plans.pairs(),
                "commits": len(commits),
                "commits_missed": sorted(" ".join(each) for each in commits - lost),
                "recovery": len(recovery),
                "recovery_killed": len(recovery & hit),
                "recovery_missed": sorted(" ".join(each) for each in recovery - hit),
            },
            "opt_outs": len(self.answers.opt_outs),
            "follow_ups": Campaign.objects.filter(follows__isnull=False, started_at__isnull=False).count(),
            "texted_again": len(again | corrected),
            "restarts": self.arena.restarts,
            "served_by": ways.served_by,
            "time_to_state": times.to_state(fired, self.forgotten, self.plans.phase_of),
            "naive": {
                "files": self.control.files,
                "texted": len({line["msisdn"] for line in naive}),
                "duplicates": invariants.repeated(naive),
                # Without those of the files after whose upload it was killed on purpose.
                "duplicates_by_network": invariants.repeated(
                    line for line in naive if line["msisdn"] not in self.control.killed
                ),
            },
            "troubles": dict(self.troubles),
            "broken": {name: len(each) for name, each in vars(found).items()},
            "sentences": found.sentences()[:200],
            "seconds": round(time.monotonic() - self.began),
        }


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values))


def main(arguments: Iterable[str] | None = None) -> int:
    """Run, write the figures to ``DATA/chaos-run.json``, and return 0; the caller interprets them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=1000)
    parser.add_argument("--patience", type=float, default=150.0, help="how many seconds to wait for the end")
    parser.add_argument("--seed", type=int, default=None)
    chosen = parser.parse_args(None if arguments is None else list(arguments))
    random.seed(chosen.seed)
    adopt_orphans()
    use_small_batches()
    with gateways(settings.DATA / "gateways") as ways:
        arena = Arena(ways)
        try:
            arena.start()
            run = Run(arena, chosen.batches, chosen.patience)
            run.go()
            found = run.result()
        finally:
            arena.stop()
    (settings.DATA / "chaos-run.json").write_text(json.dumps(found, indent=2, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
