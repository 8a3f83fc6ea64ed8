"""What happens around the batches: processes, the network, Valkey and the database fail, and people opt out."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django_rq
from django.db import connection
from django.utils import timezone

from campaigns import jobs
from campaigns.models import Batch, Recipient
from contacts.suppression import suppress
from providers.models import Account
from tests.chaos.arena import Arena, signal_quietly
from tests.chaos.arms import Arms
from tests.chaos.proxy import Fault, any_fault, sudden_fault


class Events:
    """Chooses one of many events at a time."""

    def __init__(self, arena: Arena, accounts: Sequence[Account]) -> None:
        self.arena = arena
        self.accounts = accounts
        self.one_clock_at = float("inf")
        #: Events that have yet to happen: each happens once before any is chosen at random.
        self.deck = [action for _, action in self._choices()]
        random.shuffle(self.deck)

    def turn(self, now: float) -> None:
        """End the events that are temporary; ``now`` is monotonic."""
        if now >= self.one_clock_at:
            self.one_clock_at = float("inf")
            self.arena.one_clock()

    def happen(self) -> str:
        """Cause one of many events; return which, or an empty string where it had nothing to act on."""
        if self.deck:
            action = self.deck[-1]
            if happened := action():
                self.deck.remove(action)
            else:
                self.deck.insert(0, self.deck.pop())
            return happened
        choices = self._choices()
        weights = [weight for weight, _ in choices]
        return random.choices([action for _, action in choices], weights)[0]()

    def break_every_connection(self) -> None:
        """Each provider account loses the connection on which it sends next, open or new."""
        for door in self.arena.gateways.doors():
            door.sudden.append(Fault("reset", "up"))

    def _choices(self) -> list[tuple[float, Callable[[], str]]]:
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
        return choices

    def _kill_a_horse(self) -> str:
        horses = self.arena.horses()
        if not horses:
            return ""
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
        self.one_clock_at = time.monotonic() + 15
        return "two clocks"

    def _break_the_network(self) -> str:
        door = random.choice(self.arena.gateways.doors())
        door.faults.append(any_fault(door))
        return "network broken"

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
        account = random.choice(self.accounts)
        for job in ("hand_over", "hand_over", "collect", "collect"):
            django_rq.get_queue(getattr(jobs, job).queue).enqueue(f"campaigns.jobs.{job}", account.pk)
        return "jobs doubled"

    def _sweep_too(self) -> str:
        jobs.sweep(timezone.now())
        return "two sweepers"

    def _restart_postgresql(self) -> str:
        self.arena.restart_postgresql()
        return "PostgreSQL restarted"

    def _end_a_session(self) -> str:
        horses = self.arena.horses()
        if not horses or not self.arena.end_sessions(f"horse-{random.choice(horses)}"):
            return ""
        return "PostgreSQL session ended"


class Answers:
    """Serves processes that wait at a point: an opt-out for those held, a wake-up for those stopped.

    ``opt_outs`` maps each number to when its opt-out was committed at the latest.
    """

    def __init__(self, arena: Arena, arms: Arms, counted: Counter[str]) -> None:
        self.arena = arena
        self.arms = arms
        self.counted = counted
        self.opt_outs: dict[str, datetime] = {}
        self.stopped: dict[int, tuple[float, str, tuple[Any, ...]]] = {}

    def opt_somebody_out(self) -> None:
        """Somebody opts out, usually while their batch is being handed over."""
        if random.random() < 0.3:
            # Approved, and not in a batch yet.
            waiting = Recipient.objects.filter(campaign__status__in=("approved", "running"), batch_number=None)
            campaign_id = waiting.filter(excluded_reason="").values_list("campaign_id", flat=True).first()
            if campaign_id is not None:
                self.opt_out(campaign_id, 0)
                return
        statuses = ["prepared", "uploading", "committing"]
        batch = Batch.objects.filter(status__in=statuses).order_by("?").first()
        if batch is not None:
            self.opt_out(batch.campaign_id, batch.number)

    def opt_out(self, campaign_id: int, number: int) -> None:
        """Somebody of this batch opts out; 0 stands for anybody of the campaign."""
        people = Recipient.objects.filter(campaign_id=campaign_id, excluded_reason="")
        if number:
            people = people.filter(batch_number=number)
        msisdn = people.exclude(msisdn__in=list(self.opt_outs)).order_by("?").values_list("msisdn", flat=True).first()
        if msisdn:
            suppress([msisdn], "manual", "Asked on the telephone")
            # The opt-out is only known to be committed from this moment on.
            self.opt_outs[msisdn] = datetime.now(UTC)
            self.counted["opt-out"] += 1

    def answer(self) -> None:
        """Processes held at a point see an opt-out arrive; stopped ones are woken again."""
        for path, asked in self.arms.asked():
            campaign_id, number = map(int, asked["subject"].split("-"))
            if asked["action"] == "hold":
                try:
                    self.opt_out(campaign_id, number)
                finally:
                    path.unlink(missing_ok=True)
            elif asked["action"] == "network":
                self._break_suddenly(campaign_id, asked["fault"])
                path.unlink(missing_ok=True)
            elif asked["pid"] not in self.stopped:
                self.stopped[asked["pid"]] = (time.monotonic(), asked["subject"], self._state(campaign_id, number))
                path.unlink(missing_ok=True)
                if connection.vendor == "postgresql":
                    self.arena.end_sessions(f"horse-{asked['pid']}")
        for pid, (since, subject, before) in list(self.stopped.items()):
            campaign_id, number = map(int, subject.split("-"))
            # On one host the kernel keeps a stopped process's lock: nobody takes over, however long it takes.
            most = 80.0 if connection.vendor == "postgresql" else 6.0
            has_been_taken_over = self._state(campaign_id, number) != before
            if time.monotonic() - since > 2 and not _is_stopped(pid):
                del self.stopped[pid]
            elif has_been_taken_over or time.monotonic() - since > most:
                self.counted["woken after another took over" if has_been_taken_over else "woken"] += 1
                del self.stopped[pid]
                signal_quietly(pid, signal.SIGCONT)

    def _break_suddenly(self, campaign_id: int, text: str) -> None:
        if ":" in text:
            self.arena.gateways.fault(text)
            self.counted[text] += 1
            return
        account = Account.objects.get(campaigns=campaign_id)
        name = account.name.removeprefix(f"{account.provider} ")
        fault = sudden_fault(text)
        for door in self.arena.gateways.of(account.provider, name).doors:
            door.sudden.append(fault)

    def wake(self) -> None:
        """Wake every stopped process."""
        for pid in self.stopped:
            signal_quietly(pid, signal.SIGCONT)
        self.stopped.clear()

    def _state(self, campaign_id: int, number: int) -> tuple[Any, ...]:
        batch = Batch.objects.filter(campaign_id=campaign_id, number=number).order_by("-generation").first()
        return (batch.pk, batch.status, batch.attempts.count()) if batch else ()


def _is_stopped(pid: int) -> bool:
    """Whether the process still exists and is stopped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state == "T"
