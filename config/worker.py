"""The RQ worker: its work horse never outlives it, it ends when asked to, and no phone number reaches RQ or the log."""

import os
from typing import Any

from rq import Worker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.worker import WorkerStatus

from config import timing
from config.lifeline import die_with
from config.startup import verify_keys


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

    def work(self, *arguments: Any, **named: Any) -> bool:
        """Work until asked to stop. Raises providers.keys.OtherKeys before the first job."""
        verify_keys()
        return super().work(*arguments, **named)

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
        super().heartbeat(*arguments, **named)

    def _shutdown(self) -> None:
        self._stop_requested = True
        super()._shutdown()
