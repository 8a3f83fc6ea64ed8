"""The worker of a chaos run: this installation's own, with a listener at every point and small batches.

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
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial, wraps
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from campaigns import timing as campaign_timing
from campaigns.audience import freeze as audience_freeze
from campaigns.handover import batches, drain, rendering
from campaigns.handover.at_once import Call, Steps
from campaigns.models import Batch
from campaigns.results import poll, settle
from config.worker import TiedWorker
from providers import points, registry
from providers.models import Account
from providers.transports import ftp_connection, sftp
from tests.chaos.arms import Arm, Arms, append

#: Bytes of a data block: a file of a few hundred bytes is several of them, and a process can die within it.
BLOCK = 64
#: Recipients a batch: a million show no more than three, and many batches show more than few.
ROWS = 3
HOLD_AT_MOST = 6.0


def use_small_batches() -> None:
    """Have every provider take a few recipients a file, and send files in small blocks, in this process alone.

    Another process makes full files, as in a large campaign. The hour of a pace lasts a minute and a half, so that a
    run has several.
    """
    campaign_timing.PACE_PERIOD = timedelta(seconds=90)
    ftp_connection._CHUNK = sftp._CHUNK = BLOCK
    for adapter in registry.all_adapters().values():
        adapter.limits = replace(adapter.limits, rows=ROWS)
    rendering.WORTH_A_PROCESS = ROWS


@dataclass
class Track:
    """A job's work on one batch: the points that it reached, and the arm that waits for it."""

    job: str
    subject: str
    arm: Arm | None
    reached: Counter[str] = field(default_factory=Counter)
    trail: list[str] = field(default_factory=list)


class Listener:
    """Listens at the points of one job, tracks which batch it works on, and performs the action that waits there.

    Several batches may be handed over at once: each thread has its own track.
    """

    def __init__(self, arms: Arms) -> None:
        self.arms = arms
        #: Only job processes listen: others that import this module are not affected.
        self.is_listening = False
        self._of_thread = threading.local()

    @contextmanager
    def at(self, job: str, subject: str) -> Iterator[None]:
        """The points reached from here on belong to this subject."""
        with self.track(job, subject) as track, self.follow(track):
            yield

    @contextmanager
    def track(self, job: str, subject: str) -> Iterator[Track | None]:
        """What happens at the points of this subject within ``follow``; None if nobody listens."""
        if not self.is_listening or not subject:
            yield None
            return
        track = Track(job, subject, self._waiting(job, subject))
        if track.arm and track.arm.action == "blind":
            threading.Timer(track.arm.seconds, self._end_blindly, [track, track.arm]).start()
        try:
            yield track
        finally:
            if track.trail:
                line = {"at": time.time(), "job": job, "subject": subject, "trail": track.trail}
                append(self.arms.trails_path, line)
            track.arm = None

    @contextmanager
    def follow(self, track: Track | None) -> Iterator[None]:
        """The points that this thread reaches in the block belong to the track."""
        before = getattr(self._of_thread, "track", None)
        self._of_thread.track = track
        try:
            yield
        finally:
            self._of_thread.track = before

    def __call__(self, point: str) -> None:
        track: Track | None = getattr(self._of_thread, "track", None)
        if track is None:
            return
        track.reached[point] += 1
        label = f"{point}#{track.reached[point]}"
        track.trail.append(label)
        if (arm := track.arm) and arm.point == label and self.arms.fire(track.subject, arm, track.trail[-8:]):
            track.arm = None
            self._do(track.subject, arm)
            track.arm = self._waiting(track.job, track.subject)

    def _waiting(self, job: str, subject: str) -> Arm | None:
        arm = self.arms.next(subject)
        return arm if arm and arm.job == job else None

    def _end_blindly(self, track: Track, arm: Arm) -> None:
        if track.arm is arm and self.arms.fire(track.subject, arm, track.trail[-8:]):
            os.kill(os.getpid(), signal.SIGKILL)

    def _do(self, subject: str, arm: Arm) -> None:
        if arm.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif arm.action == "kill-worker":
            os.kill(os.getppid(), signal.SIGKILL)
            # The kernel ends this process with its worker: right here, not a line later.
            time.sleep(60)
        elif arm.action == "soon":
            threading.Timer(arm.seconds, os.kill, [os.getpid(), signal.SIGKILL]).start()
        elif arm.action == "stop":
            self.arms.ask(subject, "stop")
            os.kill(os.getpid(), signal.SIGSTOP)
        elif arm.action in ("hold", "network"):
            # An opt-out arrives or the network breaks, and then the job continues.
            asked, until = self.arms.ask(subject, arm.action, arm.fault), time.monotonic() + HOLD_AT_MOST
            while asked.exists() and time.monotonic() < until:
                time.sleep(0.01)
        elif arm.action == "stall":
            time.sleep(arm.seconds)
        elif arm.action == "drop":
            drop_lines()
        elif arm.action == "lose":
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
    """End this process's database session: before a commit, or after one whose answer is lost."""
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
    """Its job processes listen, and only the clock's sweep finds what a dead one leaves behind."""

    def run_maintenance_tasks(self) -> None:
        """RQ would clean up when a worker starts, and every ten minutes; here nothing may depend on that."""

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()
        random.seed()
        # So that the database can list the sessions of this very process.
        os.environ["PGAPPNAME"] = f"horse-{os.getpid()}"
        listener.is_listening = True
        points.listen(listener)


def _listening(function: Callable[..., Any], job: str, subject_of: Callable[..., str]) -> Callable[..., Any]:
    @wraps(function)
    def listened(*arguments: Any, **named: Any) -> Any:
        with listener.at(job, subject_of(*arguments)):
            return function(*arguments, **named)

    return listened


def _listening_to_steps(
    function: Callable[..., Steps], job: str, subject_of: Callable[..., str]
) -> Callable[..., Steps]:
    """As ``_listening``, for a generator whose calls may be made in another thread."""

    @wraps(function)
    def listened(*arguments: Any) -> Steps:
        with listener.track(job, subject_of(*arguments)) as track:
            steps = function(*arguments)
            resume: Callable[[], Call | None] = partial(next, steps)
            try:
                while True:
                    with listener.follow(track):
                        call = resume()
                    try:
                        result = yield _followed(call, track)
                    except Exception as error:
                        resume = partial(steps.throw, error)
                    else:
                        resume = partial(steps.send, result)
            except StopIteration:
                return
            finally:
                steps.close()

    return listened


def _followed(call: Call | None, track: Track | None) -> Call | None:
    def followed(remote: Any) -> Any:
        with listener.follow(track):
            return call(remote)  # type: ignore[misc]

    return followed if call else None


def _of_batch(batch_id: int, *_: Any) -> str:
    return "-".join(map(str, Batch.objects.values_list("campaign_id", "number").get(pk=batch_id)))


def _of_polled_at(batch: Batch, *_: Any) -> str:
    return f"{batch.campaign_id}-{batch.number}"


def _of_campaign(campaign_id: int, *_: Any) -> str:
    return f"{campaign_id}-0"


@contextmanager
def _calling(account: Account) -> Iterator[Any]:
    """The connection through which an account's results are polled; it is opened for the first batch that is due."""
    due = Batch.objects.due_for_poll(timezone.now()).filter(account=account).order_by("poll_at")[:500]
    subjects = ["-".join(map(str, each)) for each in due.values_list("campaign_id", "number")]
    armed = [subject for subject in subjects if (arm := listener.arms.next(subject)) and arm.job == "call"]
    with ExitStack() as stack:
        with listener.at("call", next(iter([*armed, *subjects]), "")):
            remote = stack.enter_context(_plain_connect(account))
        yield remote


def _commit(self: BaseDatabaseWrapper) -> None:
    points.reach("db:commit:begin")
    _plain_commit(self)
    points.reach("db:commit:end")


listener = Listener(Arms(settings.DATA / "chaos"))
_plain_commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]
BaseDatabaseWrapper._commit = _commit  # type: ignore[attr-defined]
drain.hand_over = _listening_to_steps(drain.hand_over, "hand_over", _of_batch)
_plain_connect = poll.connect
poll.connect = _calling
settle.close_if_done = _listening(settle.close_if_done, "close", _of_campaign)
poll.poll_safely = _listening(poll.poll_safely, "collect", _of_polled_at)
batches.create_batches = _listening(batches.create_batches, "create_batches", _of_campaign)
audience_freeze.freeze = _listening(audience_freeze.freeze, "freeze", _of_campaign)
use_small_batches()
