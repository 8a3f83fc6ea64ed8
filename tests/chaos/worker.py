"""The worker of a chaos run: this installation's own, with an ear at every point and small batches.

manage.py rqworker handover --worker-class tests.chaos.worker.ChaosWorker
"""

import os
import random
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from campaigns import audience, batching, handover, results
from campaigns.models import Batch
from config.worker import TiedWorker
from providers import points, registry
from providers.models import Account
from providers.transports import ftp_connection, sftp
from tests.chaos.arms import Arm, Arms, append

#: Bytes of a data block: a file of a few hundred bytes is several of them, and a process can die within it.
BLOCK = 64
#: Recipients a batch: a million teach no more than three, and many batches teach more than few.
ROWS = 3
HOLD_AT_MOST = 6.0


def cut_small() -> None:
    """Have every provider take a few recipients a file, and files go in small blocks, in this process alone."""
    ftp_connection._CHUNK = sftp._CHUNK = BLOCK
    for adapter in registry.all_adapters().values():
        adapter.limits = replace(adapter.limits, rows=ROWS)


class Ear:
    """Listens at the points of one job, knows whose batch it is at, and does the deed that waits there."""

    def __init__(self, arms: Arms) -> None:
        self.arms = arms
        self.subject = ""
        self.job = ""
        self.arm: Arm | None = None
        self.reached: Counter[str] = Counter()
        self.trail: list[str] = []
        #: Only a horse listens: whatever else imports this module goes its way.
        self.is_listening = False

    @contextmanager
    def at(self, job: str, subject: str) -> Iterator[None]:
        """What is reached from here on is reached for this subject."""
        if not self.is_listening or not subject:
            yield
            return
        self.subject, self.job = subject, job
        self.reached.clear()
        self.trail = []
        self.arm = self._waiting()
        if self.arm and self.arm.deed == "blind":
            threading.Timer(self.arm.seconds, self._end_blindly, [self.arm]).start()
        try:
            yield
        finally:
            if self.trail:
                append(self.arms.trails_path, {"at": time.time(), "job": job, "subject": subject, "trail": self.trail})
            self.subject, self.arm = "", None

    def __call__(self, point: str) -> None:
        if not self.subject:
            return
        self.reached[point] += 1
        label = f"{point}#{self.reached[point]}"
        self.trail.append(label)
        if self.arm and self.arm.point == label:
            arm, trail = self.arm, self.trail[-8:]
            if self.arms.fire(self.subject, arm, trail):
                self.arm = None
                self._do(arm)
                self.arm = self._waiting()

    def _waiting(self) -> Arm | None:
        arm = self.arms.next(self.subject)
        return arm if arm and arm.job == self.job else None

    def _end_blindly(self, arm: Arm) -> None:
        if self.arm is arm and self.arms.fire(self.subject, arm, self.trail[-8:]):
            os.kill(os.getpid(), signal.SIGKILL)

    def _do(self, arm: Arm) -> None:
        if arm.deed == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif arm.deed == "kill-worker":
            os.kill(os.getppid(), signal.SIGKILL)
            # The kernel ends this process with its worker: right here, not a line later.
            time.sleep(60)
        elif arm.deed == "soon":
            threading.Timer(arm.seconds, os.kill, [os.getpid(), signal.SIGKILL]).start()
        elif arm.deed == "stop":
            self.arms.ask(self.subject, "stop")
            os.kill(os.getpid(), signal.SIGSTOP)
        elif arm.deed in ("hold", "network"):
            # An opt-out arrives, or the network breaks, and then the job goes on.
            asked, until = self.arms.ask(self.subject, arm.deed, arm.fault), time.monotonic() + HOLD_AT_MOST
            while asked.exists() and time.monotonic() < until:
                time.sleep(0.01)
        elif arm.deed == "stall":
            time.sleep(arm.seconds)
        elif arm.deed == "drop":
            drop_lines()
        elif arm.deed == "lose":
            lose_connection(is_done=":end" in arm.point)


def drop_lines() -> None:
    """Reset every connection that this process has to a provider."""
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError, ValueError):
            found = socket.socket(fileno=os.dup(int(entry.name)))
            with found:
                if found.family == socket.AF_INET and found.getpeername()[1] != _database_port():
                    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    found.shutdown(socket.SHUT_RDWR)


def _database_port() -> int:
    return int(connection.settings_dict.get("PORT") or 0)


def lose_connection(is_done: bool) -> None:
    """End this process's session with the database: before a commit, or after one that nobody is told of."""
    if connection.vendor == "postgresql" and connection.connection is not None:
        with (
            suppress(psycopg.Error),
            psycopg.connect(**{**connection.get_connection_params(), "autocommit": True}) as other,
        ):
            other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
        if not is_done:
            return
    raise OperationalError("the connection to the database is lost")


class ChaosWorker(TiedWorker):
    """Its horses listen, and what a dead one leaves behind is found by the clock's sweep alone."""

    def run_maintenance_tasks(self) -> None:
        """RQ would clean up when a worker starts, and every ten minutes; here nothing may rest on that."""

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()
        random.seed()
        # So that the database can be asked for the sessions of this very process.
        os.environ["PGAPPNAME"] = f"horse-{os.getpid()}"
        ear.is_listening = True
        points.listen(ear)


def _listening(function: Callable[..., Any], job: str, subject_of: Callable[..., str]) -> Callable[..., Any]:
    @wraps(function)
    def listened(*arguments: Any, **named: Any) -> Any:
        with ear.at(job, subject_of(*arguments)):
            return function(*arguments, **named)

    return listened


def _of_batch(batch_id: int, *_: Any) -> str:
    return "-".join(map(str, Batch.objects.values_list("campaign_id", "number").get(pk=batch_id)))


def _of_polled_at(batch: Batch, *_: Any) -> str:
    return f"{batch.campaign_id}-{batch.number}"


def _of_campaign(campaign_id: int, *_: Any) -> str:
    return f"{campaign_id}-0"


@contextmanager
def _calling(account: Account) -> Iterator[Any]:
    """The line that the results of an account are looked at through; it is dialled for the first batch that is due."""
    due = results.due_for_poll(timezone.now()).filter(account=account).order_by("poll_at")[:500]
    subjects = ["-".join(map(str, each)) for each in due.values_list("campaign_id", "number")]
    armed = [subject for subject in subjects if (arm := ear.arms.next(subject)) and arm.job == "call"]
    with ExitStack() as stack:
        with ear.at("call", next(iter([*armed, *subjects]), "")):
            remote = stack.enter_context(_plain_connect(account))
        yield remote


def _commit(self: BaseDatabaseWrapper) -> None:
    points.reach("db:commit:begin")
    _plain_commit(self)
    points.reach("db:commit:end")


ear = Ear(Arms(settings.DATA / "chaos"))
_plain_commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]
BaseDatabaseWrapper._commit = _commit  # type: ignore[attr-defined]
handover.hand_over = _listening(handover.hand_over, "hand_over", _of_batch)
_plain_connect = results.connect
results.connect = _calling
results.close_if_done = _listening(results.close_if_done, "close", _of_campaign)
results.poll_safely = _listening(results.poll_safely, "collect", _of_polled_at)
batching.create_batches = _listening(batching.create_batches, "create_batches", _of_campaign)
audience.freeze = _listening(audience.freeze, "freeze", _of_campaign)
cut_small()
