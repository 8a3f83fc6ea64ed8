"""The RQ worker: its work horse never outlives it, it ends when asked to, and no phone number reaches RQ or the log."""

import logging
import os
import time
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.queue import Queue
from rq.worker import WorkerStatus

# Loaded once here, before work horses are forked, rather than for each job.
from campaigns import jobs  # noqa: F401
from config import timing
from config.lifeline import die_with
from config.startup import verify_if_due, verify_installation
from providers import registry
from providers.keys import OtherInstallation

logger = logging.getLogger(__name__)


class JobFailed(Exception):
    """RQ logs and stores this in place of a job's exception; its text is that exception's type."""


class DiscreetJob(Job):
    """A job that gives RQ only the type and place of an exception, whose message may contain a phone number."""

    def perform(self) -> Any:
        try:
            return super().perform()
        except Exception as error:
            failed = JobFailed(type(error).__name__).with_traceback(error.__traceback__)
        # Raised outside the except block: RQ also logs an exception's cause and context.
        raise failed


class TiedWorker(Worker):
    """Forks a work horse for each job. A killed worker ends its work horse, from the horse's first instruction."""

    max_connection_wait_time = timing.WORKER_TRIES_REDIS_AGAIN

    def __init__(self, queues: Any, *arguments: Any, **named: Any) -> None:
        """Wait until Redis stores what a worker registers, then do as RQ does.

        RQ's worker ends when Redis fails at a bad moment. If it ended again and again, the supervisor would give up.
        """
        _wait_until_stored(named.get("connection") or queues[0].connection)
        super().__init__(queues, *arguments, **named)

    def work(self, *arguments: Any, **named: Any) -> bool:
        """Work until asked to stop. Raises OtherInstallation before the first job, or SystemExit with its sentence."""
        verify_installation()
        registry.all_adapters()
        return super().work(*arguments, **named)

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Take the next job, but none before the installation could be checked. Raises SystemExit."""
        try:
            while not verify_if_due():
                self.heartbeat()
                time.sleep(timing.WORKER_WAITS_FOR_DATABASE)
        except OtherInstallation as error:
            # RQ would log any other exception and end as if nothing were wrong.
            raise SystemExit(str(error)) from error
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()
        die_with(self.pid or os.getppid())

    # RQ stops an idle worker by raising an exception from the signal handler, once. When code that swallows exceptions
    # is running at that moment (logging, a finalizer) it is lost, so the request is stored and checked again.

    @property
    def dequeue_timeout(self) -> int:
        return timing.WORKER_WAITS_FOR_JOB

    @property
    def connection_timeout(self) -> int:
        return timing.WORKER_WAITS_FOR_REDIS

    def heartbeat(self, *arguments: Any, **named: Any) -> None:
        if self._stop_requested and self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        if not named.get("pipeline") and not self.connection.exists(self.key):
            # Redis lost its data, or this worker was silent for longer than it is remembered.
            self.register_birth()
        super().heartbeat(*arguments, **named)

    def _shutdown(self) -> None:
        self._stop_requested = True
        super()._shutdown()


def _wait_until_stored(connection: Redis) -> None:
    """Return once Redis answers and stores something, which it refuses while its disk is full."""
    while True:
        try:
            connection.set("baton:worker-starts", 1, ex=60)
        except RedisError as error:
            logger.warning("The worker waits for Redis: %s", type(error).__name__)
            time.sleep(timing.WORKER_TRIES_REDIS_AGAIN)
        else:
            return
