"""The RQ worker of this installation: its horse never outlives it."""

import os

from rq import Worker

from config.lifeline import die_with


class TiedWorker(Worker):
    """Forks a horse for each job; a killed worker takes its horse along, from the horse's first instruction on."""

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()
        die_with(self.pid or os.getppid())
