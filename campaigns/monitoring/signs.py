"""What shows that Baton works: signs of life of its processes, the lengths of its queues, and free disk space."""

import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from campaigns import timing
from campaigns.models import Heartbeat


@dataclass(frozen=True)
class WorkerSign:
    """A worker as it is registered in Redis. ``queue`` is the first of its queues; Baton's workers have one."""

    host: str
    pid: int
    queue: str
    state: str
    seen_at: datetime

    def is_silent(self, now: datetime) -> bool:
        return now - self.seen_at > timing.SILENT_AFTER


@dataclass(frozen=True)
class QueueLength:
    """The jobs that wait in a queue, and since when the first of them has waited."""

    name: str
    waiting: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class Signs:
    """What was found at one moment. ``workers`` and ``queues`` are None while Redis does not answer."""

    workers: list[WorkerSign] | None
    queues: list[QueueLength] | None
    clock: Heartbeat | None
    monitors: list[Heartbeat]


def read_signs() -> Signs:
    """Read all signs from the database and Redis. Raises DatabaseError."""
    beats = list(Heartbeat.objects.order_by("seen_at"))
    clocks = [beat for beat in beats if beat.process == Heartbeat.Process.CLOCK]
    monitors = [beat for beat in beats if beat.process == Heartbeat.Process.MONITOR]
    try:
        with closing(redis_client()) as client:
            workers = _workers(client)
            queues = [_length(name, client) for name in settings.QUEUE_TIMEOUTS]
    except redis.RedisError:
        return Signs(None, None, clocks[-1] if clocks else None, monitors)
    return Signs(workers, queues, clocks[-1] if clocks else None, monitors)


def redis_client() -> redis.Redis:
    """A client of the server with Baton's queues. It waits for at most ``timing.REDIS_ANSWER_SECONDS``."""
    limit = timing.REDIS_ANSWER_SECONDS
    url = str(settings.RQ_QUEUES["handover"]["URL"])
    return redis.Redis.from_url(url, socket_timeout=limit, socket_connect_timeout=limit)


def _workers(client: redis.Redis) -> list[WorkerSign]:
    found = [
        WorkerSign(
            host=worker.hostname or "",
            pid=worker.pid or 0,
            queue=worker.queue_names()[0],
            state=str(worker.get_state()),
            seen_at=worker.last_heartbeat,
        )
        for worker in Worker.all(connection=client, serializer=JSONSerializer)
        if worker.last_heartbeat and worker.queue_names()
    ]
    return sorted(found, key=lambda sign: (sign.queue, sign.host, sign.pid))


def _length(name: str, client: redis.Redis) -> QueueLength:
    queue = Queue(name, connection=client, serializer=JSONSerializer)
    oldest = queue.get_job_ids(0, 1)
    # A worker may take the job between these reads.
    first = queue.fetch_job(oldest[0]) if oldest else None
    return QueueLength(name, queue.count, first.enqueued_at if first else None)


# -- signs of life -------------------------------------------------------------------------------------------------


def beat(process: str, now: datetime, started_at: datetime) -> None:
    """Store a sign of life of ``process`` on this host."""
    Heartbeat.objects.update_or_create(
        process=process, host=socket.gethostname(), defaults={"seen_at": now, "started_at": started_at}
    )


def store_look(now: datetime, started_at: datetime) -> None:
    """Store that this host's monitor has looked for alarms, without being a sign of life."""
    _store(now, started_at, {"looked_at": now})


def _store(now: datetime, started_at: datetime, found: dict[str, Any]) -> None:
    Heartbeat.objects.update_or_create(
        process=Heartbeat.Process.MONITOR,
        host=socket.gethostname(),
        defaults=found,
        create_defaults={"seen_at": now, "started_at": started_at, **found},
    )


# -- disks ---------------------------------------------------------------------------------------------------------


def read_disks() -> list[dict[str, Any]]:
    """The disks of this host that Baton writes to, each once: label, path, free and total bytes."""
    seen: set[int] = set()
    disks = []
    for label, path in _places():
        try:
            device, usage = os.stat(path).st_dev, shutil.disk_usage(path)
        except OSError:
            # It is not mounted, or was not created yet: nothing can be said about its space.
            continue
        if device not in seen:
            seen.add(device)
            disks.append({"label": label, "path": str(path), "free": usage.free, "total": usage.total})
    return disks


def _places() -> Iterator[tuple[str, Path]]:
    yield "Data directory", settings.DATA
    if not settings.S3_BUCKET:
        yield "Files", settings.MEDIA_ROOT
    yield "Journals", settings.JOURNAL_DIR


def report_disks(now: datetime, started_at: datetime) -> None:
    """Store the disks of this host with its monitor's heartbeat, without being a sign of life."""
    _store(now, started_at, {"disks": read_disks()})


# -- the workers of this host --------------------------------------------------------------------------------------


def report_workers(expected: Mapping[str, int], now: datetime, started_at: datetime) -> None:
    """Store with this host's monitor how many workers of each queue it runs, and when they last were complete.

    A worker that was killed and replaced is still registered for a while, beside its replacement. So only as many of
    the registered workers count as are expected, those with the latest signs of life.
    """
    host = socket.gethostname()
    before = Heartbeat.objects.filter(process=Heartbeat.Process.MONITOR, host=host, started_at=started_at).first()
    known = {row["queue"]: datetime.fromisoformat(row["complete_at"]) for row in before.workers} if before else {}
    try:
        with closing(redis_client()) as client:
            workers = _workers(client)
    except redis.RedisError:
        # That is unknown: there is an alarm about Redis, and the workers register again when it answers.
        known, workers = dict.fromkeys(expected, now), []
    rows = []
    for queue, count in sorted(expected.items()):
        beats = sorted((each.seen_at for each in workers if (each.host, each.queue) == (host, queue)), reverse=True)
        complete_at = max([known.get(queue, started_at), *beats[count - 1 : count]])
        rows.append({"queue": queue, "expected": count, "complete_at": complete_at.isoformat()})
    _store(now, started_at, {"workers": rows})
