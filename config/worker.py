"""The RQ worker of this installation: its horse never outlives it, it ends when it is asked to, and tells no number."""

import os
from typing import Any

from rq import Worker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.worker import WorkerStatus

from config.lifeline import die_with


class Stumbled(Exception):
    """A job raised an exception; this one, which RQ logs and stores in its place, says of which type."""


class DiscreetJob(Job):
    """A job whose exception RQ learns by type and place only: a database's own words may name a phone number."""

    def perform(self) -> Any:
        try:
            return super().perform()
        except Exception as error:
            stumbled = Stumbled(type(error).__name__).with_traceback(error.__traceback__)
        # Only out here: RQ tells an exception with all that it was raised from or beside.
        raise stumbled


class TiedWorker(Worker):
    """Forks a horse for each job; a killed worker takes its horse along, from the horse's first instruction on."""

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()
        die_with(self.pid or os.getppid())

    # RQ stops an idle worker by an exception out of the signal's handler, and raises it once. Where code that lets no
    # exception out is running just then (logging, a finalizer) it is lost, so the wish is kept and looked at again.

    @property
    def dequeue_timeout(self) -> int:
        return 5

    @property
    def connection_timeout(self) -> int:
        return 60

    def heartbeat(self, *arguments: Any, **named: Any) -> None:
        if self._stop_requested and self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        super().heartbeat(*arguments, **named)

    def _shutdown(self) -> None:
        self._stop_requested = True
        super()._shutdown()
