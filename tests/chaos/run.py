"""One chaos run on one database: ``python -m tests.chaos.run --batches N``; DATA and DATABASE_URL say where.

First every point is killed at, then every point of the recovery a second time, then anything happens at random.
"""

import argparse
import json
import random
import signal
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import django
import redis

django.setup()

import django_rq  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, InterfaceError, connection  # noqa: E402
from django.db.models import Q  # noqa: E402
from django.utils import timezone  # noqa: E402

from campaigns import jobs  # noqa: E402
from campaigns.batching import recipients_of  # noqa: E402
from campaigns.decisions import decide  # noqa: E402
from campaigns.lifecycle import Refusal  # noqa: E402
from campaigns.models import Batch, Campaign, Event, Recipient  # noqa: E402
from config.lifeline import adopt_orphans  # noqa: E402
from config.supervisor import Child, Program  # noqa: E402
from contacts.suppression import suppress as record_opt_outs  # noqa: E402
from providers.models import Account  # noqa: E402
from providers.sandbox.ledger import read_ledger  # noqa: E402
from tests.chaos import figures, invariants  # noqa: E402
from tests.chaos.arena import Arena, copy_database, restore_database, signal_quietly  # noqa: E402
from tests.chaos.arms import Arm, Arms, lines  # noqa: E402
from tests.chaos.campaigns_of import SENDER, People, approve, default_options, make_account, make_campaign, make_people  # noqa: E402
from tests.chaos.gateways import ACCOUNTS, NAIVE, PROVIDERS, Gateways, gateways  # noqa: E402
from tests.chaos.proxy import Door, Fault  # noqa: E402
from tests.chaos.worker import cut_small  # noqa: E402

#: Batches of a campaign.
SIZE = 4
#: Batches that wait to be handed over at once, and batches whose end is waited for.
BACKLOG, IN_FLIGHT = 36, 400
TICK = 0.2
#: Fewer batches than this are a run that only shows that nothing is broken.
SHORT = 200
NAIVE_FIRST = 27990000000
#: Where a process is stopped until another has taken over, and where it is held until somebody has opted out.
STOPS = ("claim:end", "stage:end", "intent:journalled", "commit:begin", "commit:end")
HOLDS = ("claim:begin", "claim:end", "stage:begin", "stage:end", "intent:stored")
KILLS = ("kill", "kill-worker", "blind", "soon")
_OPEN = ("prepared", "uploading", "committing", "handed_over", "processing")
_STATES = ("handed_over", "processing", "accepted", "rejected", "unclear", "held", "superseded", "cancelled")


@dataclass
class Plan:
    """What is to happen to one batch."""

    provider: str
    arms: list[Arm] = field(default_factory=list)
    phase: str = "random"
    alone: bool = False

    @property
    def is_before_batches(self) -> bool:
        """Whether it is about the campaign and not about one batch of it."""
        return any(arm.job in ("freeze", "cut") for arm in self.arms)


@dataclass
class Forming:
    """A campaign that is being frozen, and the plans of its batches."""

    campaign: Campaign
    plans: list[Plan]


class Run:
    """Everything that happens until so many batches have been handed over and stand in their state."""

    def __init__(self, arena: Arena, gateways: Gateways, people: People, batches: int, seconds: float) -> None:
        self.arena = arena
        self.gateways = gateways
        self.people = people
        self.wanted = batches
        self.seconds = seconds
        self.arms = Arms(settings.DATA / "chaos")
        self.arms.prepare()
        self.accounts = {
            (each.provider, each.name): make_account(each) for each in gateways.entrances if each.name != NAIVE
        }
        self.plans: deque[Plan] = deque()
        self.forming: list[Forming] = []
        self.started = 0
        self.phase_of: dict[str, str] = {}
        self.faults: Counter[str] = Counter()
        self.opt_outs: dict[str, datetime] = {}
        self.stopped: dict[int, tuple[float, str, tuple[Any, ...]]] = {}
        self.windows: list[tuple[float, float]] = []
        self.phase = ""
        self.may_begin = True
        self.began = time.monotonic()
        self.told_at = 0.0
        self.event_at = self.opt_out_at = 0.0
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.naive: Child | None = None
        self.naive_jobs = 0
        self.naive_at = 0.0
        self.troubles: Counter[str] = Counter()

    # -- the course of it --------------------------------------------------------------------------------------------

    def go(self) -> None:
        """From the rehearsal to the last batch at rest."""
        self.rehearse()
        self.phase = "a kill at every point"
        singles = self.singles()
        room = self.wanted - self.started
        random.shuffle(singles)
        self.plans.extend(singles[: max(1, room // 2)])
        self.until(lambda: not self.plans and not self.forming, 3600)
        self.start_naive()
        self.phase = "anything"
        room = max(0, (self.wanted - self.started) // 4)
        self.plans.extend(self.at_every_point()[: room // 2])
        while len(self.plans) < room:
            self.plans.append(self.anything())
        # The short form goes by the recoveries that are over by then.
        self.until(lambda: not self.plans and (self.wanted < SHORT or self.has_recovered()), 3600, with_events=True)
        for _ in range(3):
            # What a batch reaches depends on what the line was used for before it: some points take another try.
            missed = self.missed()
            if self.wanted < SHORT or not missed:
                break
            self.phase = "a kill at every point, once more"
            self.plans.extend(missed)
            self.until(lambda: not self.plans and not self.forming and self.has_begun(), 120)
        self.phase = "a second kill at every point of the recovery"
        doubles = self.doubles()
        self.plans.extend(doubles[: max(0, (self.wanted - self.started) * 2 // 3)])
        self.until(lambda: not self.plans, 3600)
        self.phase = "anything"
        restores = [0.3, 0.7][: 1 + (self.wanted > SHORT)] if connection.vendor == "sqlite" else []
        left = max(0, self.wanted - self.started)
        while self.started < self.wanted or self.plans:
            while len(self.plans) < SIZE and self.started + len(self.plans) < self.wanted:
                self.plans.append(self.anything())
            self.turn(with_events=True)
            if restores and left and 1 - (self.wanted - self.started) / left > restores[0]:
                restores.pop(0)
                self.restore()
        self.calm()

    def until(self, is_over: Callable[[], bool], seconds: float, with_events: bool = False) -> bool:
        """Go on until it is over, or for so many seconds; return which."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn(with_events)
            if self.safely(is_over):
                return True
        return False

    def turn(self, with_events: bool = False) -> None:
        """A fifth of a second."""
        time.sleep(TICK)
        self.arena.care()
        for step in (self.answer, self.form, self.begin, self.tell):
            self.safely(step)
        now = time.monotonic()
        for item in [item for item in self.later if item[0] <= now]:
            self.later.remove(item)
            self.safely(item[1])
        self.run_the_control(now)
        if with_events and now >= self.event_at:
            self.event_at = now + random.uniform(1.5, 5)
            self.safely(self.event)
        if with_events and now >= self.opt_out_at:
            self.opt_out_at = now + random.uniform(0.2, 1.5)
            self.safely(self.opt_somebody_out)

    def safely(self, step: Callable[[], Any]) -> Any:
        """Do it, unless the database or Valkey is away just now."""
        try:
            return step()
        except (DatabaseError, InterfaceError, redis.RedisError, ConnectionError) as error:
            self.troubles[type(error).__name__] += 1
            connection.close()
            return None

    # -- campaigns ---------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin campaigns while there are plans and room."""
        while self.plans and self.may_begin:
            waiting = Batch.objects.filter(status__in=("prepared", "uploading")).count()
            waiting += sum(len(each.plans) for each in self.forming)
            open_now = Batch.objects.filter(status__in=_OPEN).count()
            if waiting >= BACKLOG or open_now >= IN_FLIGHT:
                return
            chosen = self._chosen()
            provider = chosen[0].provider
            account = self.accounts[provider, random.choice(ACCOUNTS)]
            name = f"chaos {self.started}"
            self.started += len(chosen)
            campaign = make_campaign(account, name, len(chosen), self.people)
            for number, plan in enumerate(chosen, start=1):
                self.phase_of[f"{campaign.pk}-{number}"] = plan.phase
                if own := [arm for arm in plan.arms if arm.job in ("freeze", "cut")]:
                    self.arms.set(f"{campaign.pk}-0", own)
                if own := [arm for arm in plan.arms if arm.job not in ("freeze", "cut")]:
                    self.arms.set(f"{campaign.pk}-{number}", own)
            self.forming.append(Forming(campaign, chosen))

    def _chosen(self) -> list[Plan]:
        """The plans that share a campaign: of one provider, and only one about the campaign itself."""
        first = self.plans.popleft()
        chosen = [first]
        for plan in list(self.plans):
            if len(chosen) == SIZE or first.alone:
                break
            is_second = plan.is_before_batches and any(each.is_before_batches for each in chosen)
            if plan.provider == first.provider and not plan.alone and not is_second:
                self.plans.remove(plan)
                chosen.append(plan)
        return chosen

    def form(self) -> None:
        """Approve what has been frozen: at times with two clicks at once."""
        for each in list(self.forming):
            each.campaign.refresh_from_db()
            if each.campaign.status == "frozen":
                clicks = 2 if each.plans[0].phase == "random" and random.random() < 0.3 else 1
                self.faults["double approval"] += clicks - 1
                approve(each.campaign, self.people, clicks)
                each.campaign.refresh_from_db()
            if each.campaign.status in ("running", "closed", "paused"):
                self.forming.remove(each)
            elif each.campaign.status == "draft":
                raise SystemExit(f"A campaign could not be frozen: {each.campaign.sentence} {each.campaign.problems}")

    def rehearse(self) -> None:
        """Hand over without any trouble, to learn the points."""
        self.phase = "rehearsal"
        for provider in PROVIDERS:
            self.plans.extend(Plan(provider, phase="rehearsal") for _ in range(2))
        is_done = self.until(lambda: not self.plans and not self.forming and self.all_settled(), 240)
        if not is_done:
            found = list(Batch.objects.values_list("name", "status", "reason"))
            raise SystemExit(f"Without any trouble it does not work either: {found}")

    def all_settled(self) -> bool:
        # What an older database had forgotten is looked for as long as it takes; its time is asked for at the end.
        forgotten = Q(status="committing", reason="restored") | Q(status="prepared", campaign__status="paused")
        return not Batch.objects.filter(status__in=_OPEN).exclude(forgotten).exists()

    def trails(self) -> dict[tuple[str, str], list[list[str]]]:
        """The trails by job and subject, in their order."""
        found: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
        for line in lines(self.arms.trails_path):
            found[line["job"], line["subject"]].append(line["trail"])
        return found

    def providers_of(self) -> dict[str, str]:
        """The provider of each campaign, by its id."""
        return {str(pk): slug for pk, slug in Campaign.objects.values_list("pk", "account__provider")}

    def singles(self) -> list[Plan]:
        """A kill at every point that the rehearsal reached."""
        provider_of = self.providers_of()
        points: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for (job, subject), trails in self.trails().items():
            for trail in trails:
                points[provider_of[subject.split("-")[0]], job].update(dict.fromkeys(trail))
        self.known = {(provider, job, point) for (provider, job), found in points.items() for point in found}
        return [
            Plan(provider, [Arm(point, "kill-worker" if number % 5 == 4 else "kill", job)], "single")
            for number, (provider, job, point) in enumerate(sorted(self.known))
        ]

    def at_every_point(self) -> list[Plan]:
        """A stop and an opt-out where they matter, and a lost answer at every commit."""
        plans = [
            Plan(provider, [Arm(f"{point}#1", deed)])
            for provider in PROVIDERS
            for deed, points in (("stop", STOPS), ("hold", HOLDS))
            for point in points
        ]
        commits = [each for each in sorted(self.known) if each[2].startswith("db:commit") and each[1] != "freeze"]
        plans += [Plan(provider, [Arm(point, "lose", job)]) for provider, job, point in commits]
        random.shuffle(plans)
        return plans

    def killed(self) -> set[tuple[str, str, str]]:
        """Provider, job and point of every kill so far."""
        provider_of = self.providers_of()
        return {
            (provider_of.get(line["subject"].split("-")[0], ""), line["job"], line["point"])
            for line in self.fired()
            if line["deed"] in KILLS
        }

    def missed(self) -> list[Plan]:
        """A kill at every point where there was none yet; a batch for each alone, as the first on its line."""
        plans = []
        for provider, job, point in sorted(self.known - self.killed()):
            is_cut = job in ("freeze", "cut")
            plans.append(Plan(provider, [Arm(point, "kill", job)], "single", alone=not is_cut))
            if is_cut:
                # So that there is as much to cut as in the rehearsal.
                plans.append(Plan(provider, phase="single"))
        return plans

    def has_begun(self) -> bool:
        """Whether nothing waits to be handed over."""
        return not Batch.objects.filter(status__in=("prepared", "uploading")).exists()

    def fired(self) -> list[dict[str, Any]]:
        return lines(self.arms.fired_path)

    def has_recovered(self) -> bool:
        """Whether every batch of the systematic part has been recovered."""
        subjects = {line["subject"] for line in self.fired() if self.phase_of.get(line["subject"]) == "single"}
        numbers = {tuple(map(int, subject.split("-"))) for subject in subjects}
        left = Batch.objects.filter(status__in=("uploading", "committing")).values_list("campaign_id", "number")
        return not numbers & set(left)

    def doubles(self) -> list[Plan]:
        """For every point of every recovery a plan that ends it there; first each once, then in further pairs."""
        provider_of = self.providers_of()
        trails = self.trails()
        pairs: dict[tuple[str, str], list[str]] = defaultdict(list)
        for line in self.fired():
            if self.phase_of.get(line["subject"]) != "single" or line["job"] != "hand_over":
                continue
            provider = provider_of.get(line["subject"].split("-")[0], "")
            for trail in trails.get(("hand_over", line["subject"]), []):
                for point in trail:
                    pairs[provider, point].append(line["point"])
        first: list[Plan] = []
        further: list[Plan] = []
        for (provider, point), causes in pairs.items():
            causes = sorted(set(causes))
            random.shuffle(causes)
            for number, cause in enumerate(causes):
                deed = "kill-worker" if random.random() < 0.1 else "kill"
                plan = Plan(provider, [Arm(cause, "kill"), Arm(point, deed)], "double")
                (further if number else first).append(plan)
        random.shuffle(first)
        random.shuffle(further)
        return first + further

    def anything(self) -> Plan:
        """One batch, and one to three things that happen to it, or nothing."""
        provider = random.choice(PROVIDERS)
        known = [
            (job, point) for slug, job, point in self.known if slug == provider and job in ("hand_over", "collect")
        ]
        arms = []
        for _ in range(random.choice((0, 0, 1, 1, 1, 2, 3))):
            job, point = random.choice(known)
            deed = random.choice(
                ("kill",) * 5 + ("kill-worker", "drop", "drop", "stall", "blind", "blind", "lose", "soon")
            )
            if deed in ("lose", "soon"):
                commits = [found for found in known if found[1].startswith("db:commit")]
                job, point = random.choice(commits)
            if random.random() < 0.25:
                deed, job = "hold", "hand_over"
                point = random.choice(HOLDS) + "#1"
            elif random.random() < 0.06:
                deed, job = "stop", "hand_over"
                point = random.choice(STOPS) + "#1"
            seconds = {"blind": random.uniform(0, 0.12), "soon": random.uniform(0, 0.006)}.get(
                deed, random.uniform(1, 8)
            )
            arms.append(Arm("" if deed == "blind" else point, deed, job, seconds))
        return Plan(provider, arms)

    # -- what happens around them ------------------------------------------------------------------------------------

    def event(self) -> None:
        """One thing of many."""
        choices: list[tuple[float, Callable[[], str]]] = [
            (6, self._kill_a_horse),
            (2, self._kill_a_worker),
            (2, self._kill_the_clock),
            (0.6, self._kill_all),
            (1, self._two_clocks),
            (9, self._break_the_network),
            (1, self._kill_valkey),
            (1, self._flush_valkey),
            (0.7, self._pause_valkey),
            (0.5, self._lose_valkey),
            (3, self._double_the_jobs),
            (2, self._sweep_too),
        ]
        if connection.vendor == "postgresql":
            choices += [(0.6, self._restart_postgresql), (3, self._end_a_session)]
        weights = [weight for weight, _ in choices]
        name = random.choices([deed for _, deed in choices], weights)[0]()
        self.faults[name] += 1

    def _kill_a_horse(self) -> str:
        if horses := self.arena.horses():
            signal_quietly(random.choice(horses), signal.SIGKILL)
        return "horse killed"

    def _kill_a_worker(self) -> str:
        random.choice(self.arena.workers).signal(signal.SIGKILL)
        return "worker killed"

    def _kill_the_clock(self) -> str:
        self.arena.kill_clocks()
        return "clock killed"

    def _kill_all(self) -> str:
        self.arena.kill_clocks()
        self.arena.kill_workers()
        return "all killed"

    def _two_clocks(self) -> str:
        self.arena.second_clock()
        self.later.append((time.monotonic() + 15, self.arena.one_clock))
        return "two clocks"

    def _break_the_network(self) -> str:
        entrance = random.choice([each for each in self.gateways.entrances if each.name != NAIVE])
        return f"network: {self._fault_at(random.choice(entrance.doors)).kind}"

    def _fault_at(self, door: Door) -> Fault:
        fault = any_fault()
        if not door.is_ftp:
            fault.channel = "control"
        door.faults.append(fault)
        return fault

    def _kill_valkey(self) -> str:
        self.arena.kill_valkey()
        return "Valkey killed"

    def _lose_valkey(self) -> str:
        self.arena.kill_valkey(lose_file=True)
        return "Valkey's file lost"

    def _flush_valkey(self) -> str:
        self.arena.flush_valkey()
        return "Valkey flushed"

    def _pause_valkey(self) -> str:
        assert self.arena.valkey
        self.arena.valkey.signal(signal.SIGSTOP)
        time.sleep(random.uniform(2, 5))
        self.arena.valkey.signal(signal.SIGCONT)
        return "Valkey paused"

    def _double_the_jobs(self) -> str:
        account = random.choice(list(self.accounts.values()))
        for job in ("hand_over", "hand_over", "collect", "collect"):
            django_rq.get_queue(jobs.QUEUES[job]).enqueue(f"campaigns.jobs.{job}", account.pk)
        return "jobs doubled"

    def _sweep_too(self) -> str:
        jobs.sweep(timezone.now())
        return "two sweepers"

    def _restart_postgresql(self) -> str:
        self.arena.restart_postgresql()
        return "PostgreSQL restarted"

    def _end_a_session(self) -> str:
        if horses := self.arena.horses():
            self.arena.end_sessions(f"horse-{random.choice(horses)}")
        return "PostgreSQL session ended"

    def opt_somebody_out(self) -> None:
        """Somebody opts out, more often than not while their batch is under way."""
        statuses = ["prepared", "uploading", "committing"]
        batch = Batch.objects.filter(status__in=statuses).order_by("?").first()
        if batch is not None:
            self.opt_out(batch.campaign_id, batch.number)
        elif self.forming:
            self.opt_out(random.choice(self.forming).campaign.pk, None)

    def opt_out(self, campaign_id: int, number: int | None) -> None:
        people = Recipient.objects.filter(campaign_id=campaign_id, excluded_reason="")
        if number is not None:
            people = people.filter(batch_number=number)
        msisdn = people.exclude(msisdn__in=list(self.opt_outs)).order_by("?").values_list("msisdn", flat=True).first()
        if msisdn:
            record_opt_outs([msisdn], "manual", "Asked on the telephone")
            # Not before this moment is it known to be committed.
            self.opt_outs[msisdn] = datetime.now(UTC)
            self.faults["opt-out"] += 1

    def answer(self) -> None:
        """Those who are held at a point see an opt-out arrive; those who are stopped are woken again."""
        for path, asked in self.arms.asked():
            campaign_id, number = map(int, asked["subject"].split("-"))
            if asked["deed"] == "hold":
                try:
                    self.opt_out(campaign_id, number)
                finally:
                    path.unlink(missing_ok=True)
            elif asked["pid"] not in self.stopped:
                path.unlink(missing_ok=True)
                self.stopped[asked["pid"]] = (time.monotonic(), asked["subject"], self._standing(campaign_id, number))
                self.arena.end_sessions(f"horse-{asked['pid']}") if connection.vendor == "postgresql" else None
        for pid, (since, subject, before) in list(self.stopped.items()):
            campaign_id, number = map(int, subject.split("-"))
            # On one host the kernel keeps a stopped process's lock: nobody takes over, however long it takes.
            most = 80.0 if connection.vendor == "postgresql" else 6.0
            has_been_taken_over = self._standing(campaign_id, number) != before
            if has_been_taken_over or time.monotonic() - since > most:
                self.faults["woken after another took over" if has_been_taken_over else "woken"] += 1
                del self.stopped[pid]
                signal_quietly(pid, signal.SIGCONT)

    def _standing(self, campaign_id: int, number: int) -> tuple[Any, ...]:
        batch = Batch.objects.filter(campaign_id=campaign_id, number=number).order_by("-generation").first()
        return (batch.pk, batch.status, batch.attempts.count()) if batch else ()

    def restore(self) -> None:
        """An older copy of the database is put back while what was handed over since is with the providers."""
        self.may_begin = False
        self.until(lambda: not self.forming, 60, with_events=True)
        for pid in list(self.stopped):
            signal_quietly(pid, signal.SIGCONT)
        copy = settings.DATA / "copy.sqlite3"
        copy_database(copy)
        since = time.time()
        self.until(lambda: False, random.uniform(8, 20), with_events=True)
        with self.arena.all_down():
            restore_database(copy)
            call_command("catch_up", verbosity=0, stdout=open("/dev/null", "w"))  # noqa: SIM115
        self.windows.append((since, time.time()))
        self.stopped.clear()
        self.faults["older database restored"] += 1
        self.may_begin = True

    # -- the control -------------------------------------------------------------------------------------------------

    def start_naive(self) -> None:
        """Start the naive uploader: as many files as a tenth of Baton's batches."""
        self.naive_jobs = max(40, self.wanted // 10)
        path, done = settings.DATA / "naive.json", settings.DATA / "naive-done.txt"
        made = []
        for number in range(self.naive_jobs):
            provider = PROVIDERS[number % len(PROVIDERS)]
            made.append(
                {
                    "id": number,
                    "provider": provider,
                    "settings": self.gateways.of(provider, NAIVE).settings,
                    "numbers": [str(NAIVE_FIRST + number * 3 + n) for n in range(3)],
                    "text": "Our sale ends on Sunday",
                    "sender": SENDER,
                    "options": default_options(self.accounts[provider, ACCOUNTS[0]]),
                    "pause": 0.5,
                }
            )
        path.write_text(json.dumps(made, default=str))
        command = [sys.executable, "-m", "tests.chaos.naive", str(path), str(done)]
        self.naive = Child(Program("naive", command), settings.DATA / "naive.log")

    def run_the_control(self, now: float) -> None:
        """The control gets what Baton gets, kills and a broken network, and is started again."""
        if self.naive is None:
            return
        if self.naive.ended():
            if self.naive.process.returncode != 0:
                self.naive.start()
            return
        if now < self.naive_at:
            return
        self.naive_at = now + random.uniform(0.5, 1.5)
        if random.random() < 0.3:
            self.naive.signal(signal.SIGKILL)
        for provider in PROVIDERS:
            door = self.gateways.of(provider, NAIVE).doors[0]
            if not door.faults:
                self._fault_at(door)

    # -- the end -----------------------------------------------------------------------------------------------------

    def calm(self) -> None:
        """Nothing happens any more: wait until every batch is at rest, or until it waits for its time."""
        self.phase = "calm"
        self.arms.disarm()
        for entrance in self.gateways.entrances:
            if entrance.name != NAIVE:
                for door in entrance.doors:
                    door.faults.clear()
        self.safely(self.arena.one_clock)
        for pid in list(self.stopped):
            signal_quietly(pid, signal.SIGCONT)
        self.until(lambda: not self.forming and self.all_settled(), self.seconds)
        self.safely(self.decide)
        self.until(self.all_settled, self.seconds)
        troubled = time.monotonic()
        while self.naive and not self.naive.ended() and time.monotonic() - troubled < 90:
            self.turn()
        if self.naive and not self.naive.ended():
            for provider in PROVIDERS:
                self.gateways.of(provider, NAIVE).doors[0].faults.clear()
            self.naive_at = float("inf")
            self.until(lambda: bool(self.naive and self.naive.ended()), 60)

    def decide(self) -> None:
        """A person who has asked the provider decides half of what is unclear."""
        texted = {line["msisdn"] for line in read_ledger(self.gateways.ledger)}
        for batch in Batch.objects.filter(status="unclear").select_related("campaign"):
            numbers = set(recipients_of(batch).values_list("msisdn", flat=True))
            if random.random() < 0.5 or not (numbers <= texted or numbers.isdisjoint(texted)):
                continue
            decision = "accepted" if numbers <= texted else "again"
            with suppress(Refusal):
                decide(batch, self.people.approver, decision, "The provider was asked.", timezone.now())
                self.faults[f"decided: {decision}"] += 1

    def tell(self) -> None:
        """One line for about every ten seconds."""
        now = time.monotonic()
        if now - self.told_at < 10:
            return
        self.told_at = now
        found = Counter(Batch.objects.exclude(status="superseded").values_list("status", flat=True))
        text = ", ".join(f"{status} {count:,}" for status, count in sorted(found.items()))
        kills = sum(1 for _ in self.arms.fired_path.open()) if self.arms.fired_path.exists() else 0
        said = (
            f"{now - self.began:5.0f} s  {connection.vendor}, {self.phase}: {self.started:,} of {self.wanted:,} begun;"
        )
        print(f"{said} {kills:,} deeds, {sum(self.faults.values()):,} events; {text}", flush=True)

    def result(self) -> dict[str, Any]:
        """The figures of this run."""
        ledger = list(read_ledger(self.gateways.ledger))
        ours = [line for line in ledger if line["account"] != NAIVE]
        control = [line for line in ledger if line["account"] == NAIVE]
        logs = list(self.arena.logs.glob("*.log*"))
        found = invariants.find(ours, self.opt_outs, timezone.now(), logs, self.gateways.secrets)
        fired = self.fired()
        for line in fired:
            self.faults[f"deed: {line['deed']}"] += 1
        killed = self.killed()
        return {
            "batches": Batch.objects.exclude(status="superseded").count(),
            "texted": len({line["msisdn"] for line in ours}),
            "paused": dict(Counter(Campaign.objects.filter(status="paused").values_list("reason", flat=True))),
            "statuses": dict(Counter(Batch.objects.values_list("status", flat=True))),
            "reasons": dict(
                Counter(
                    Batch.objects.filter(status__in=("unclear", "held", "rejected")).values_list("reason", flat=True)
                )
            ),
            "stopped_accounts": dict(
                Counter(Account.objects.exclude(stopped_at=None).values_list("stopped_code", flat=True))
            ),
            "faults": dict(self.faults),
            "points": {
                "known": len(self.known),
                "killed": len(killed & self.known),
                "missed": sorted(" ".join(each) for each in self.known - killed),
                "pairs": self._pairs(fired),
            },
            "opt_outs": len(self.opt_outs),
            "worker_restarts": self.arena.restarts,
            "served_by": self.gateways.served_by,
            "time_to_state": self._times(fired),
            "naive": {
                "files": self.naive_jobs,
                "texted": len({line["msisdn"] for line in control}),
                "duplicates": invariants.repeated(control),
            },
            "troubles": dict(self.troubles),
            "broken": {name: len(each) for name, each in vars(found).items()},
            "sentences": found.sentences()[:200],
            "seconds": round(time.monotonic() - self.began),
        }

    def _pairs(self, fired: list[dict[str, Any]]) -> int:
        by_subject: dict[str, list[str]] = defaultdict(list)
        for line in fired:
            if line["deed"] in KILLS:
                by_subject[line["subject"]].append(line["point"])
        return sum(len(points) > 1 for points in by_subject.values())

    def _times(self, fired: list[dict[str, Any]]) -> dict[str, Any]:
        """Seconds from the last kill of a batch on its way to its state; guarded where it was committed once more."""
        times: dict[str, list[float]] = {"plain": [], "guarded": []}
        slow: list[tuple[float, str]] = []
        kills: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in fired:
            if line["deed"] in KILLS and line["job"] == "hand_over":
                kills[line["subject"]].append(line)
        for subject, own in kills.items():
            campaign_id, number = map(int, subject.split("-"))
            line = own[-1]
            at = datetime.fromtimestamp(line["at"], UTC)
            events = list(
                Event.objects.filter(campaign_id=campaign_id, batch__number=number)
                .exclude(to_status="")
                .order_by("id")
                .values_list("to_status", "at")
            )
            before = [status for status, moment in events if moment <= at]
            if before and before[-1] in _STATES:
                continue
            after = [moment for status, moment in events if moment > at and status in _STATES]
            # What happened between a copy and its return is forgotten, also when.
            is_forgotten = any(
                line["at"] < until and after and after[0].timestamp() > since for since, until in self.windows
            )
            if not after or is_forgotten:
                continue
            attempts = [
                attempt.started_at
                for batch in Batch.objects.filter(campaign_id=campaign_id, number=number)
                for attempt in batch.attempts.all()
            ]
            is_guarded = any(started < at for started in attempts) and any(started > at for started in attempts)
            seconds = (after[0] - at).total_seconds()
            times["guarded" if is_guarded else "plain"].append(seconds)
            slow.append((seconds, f"{subject} {line['point']} {self.phase_of.get(subject, '')} {is_guarded}"))
        slowest = [f"{seconds:.0f} s {what}" for seconds, what in sorted(slow, reverse=True)[:12]]
        return {kind: figures.spread(values) for kind, values in times.items()} | {"slowest": slowest}


def any_fault() -> Fault:
    """A fault of the network."""
    kind = random.choice(("reset", "cut", "cut", "stall", "slow"))
    return Fault(
        kind,
        random.choice(("up", "down")),
        random.choice(("control", "data")),
        random.choice((0, random.randint(0, 250), random.randint(0, 250), random.randint(0, 4000))),
        random.choice((1.0, 3.0, 8.0, 25.0)),
        random.choice((1, 1, 2)),
    )


def main(arguments: Iterable[str] | None = None) -> int:
    """Run, write the figures to ``DATA/chaos-run.json``, and return 0; what they mean is for the caller."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=1000)
    parser.add_argument("--patience", type=float, default=300.0, help="seconds that the end is waited for")
    parser.add_argument("--seed", type=int, default=None)
    chosen = parser.parse_args(None if arguments is None else list(arguments))
    random.seed(chosen.seed)
    adopt_orphans()
    cut_small()
    with gateways(settings.DATA / "gateways") as ways:
        arena = Arena(ways)
        try:
            arena.start()
            run = Run(arena, ways, make_people(), chosen.batches, chosen.patience)
            run.go()
            found = run.result()
        finally:
            arena.stop()
    (settings.DATA / "chaos-run.json").write_text(json.dumps(found, indent=2, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
