"""``manage.py sweep``: find work whose job was lost. With ``--every`` it is the clock process of a running Baton."""

import json
import logging
import time
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections
from django.utils import timezone

from campaigns import jobs, timing
from campaigns.models import Heartbeat
from campaigns.monitoring.signs import beat
from contacts.outages import outage_of
from providers import identity
from providers.locks import Lock, hold

logger = logging.getLogger(__name__)

#: Held by the one clock process that sweeps; those of other hosts wait until it ends.
CLOCK_LOCK = "clock"


class Command(BaseCommand):
    help = "Find rows that wait and enqueue their jobs again. With --every, this is Baton's clock process."

    started_at: datetime
    beat_at: datetime | None

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")
        parser.add_argument("--every", type=float, metavar="SECONDS", help="sweep again and again until stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["every"]:
            identity.verify()
            self._sweep(options["json"], is_told_when_idle=True)
            return
        self.started_at, self.beat_at = timezone.now(), None
        is_verified = False
        while True:
            try:
                is_verified = is_verified or self._verify()
                with hold(CLOCK_LOCK) if is_verified else nullcontext() as lock:
                    if lock:
                        self._sweep_while_held(lock, options["every"], options["json"])
            except Exception as error:
                outage = outage_of(error)
                if outage is None:
                    raise
                # Through the log, which can be on the full disk.
                logger.warning("The clock waits for the %s: %s", outage, type(error).__name__)
            close_old_connections()
            time.sleep(options["every"])

    def _verify(self) -> bool:
        """Whether this host belongs to the installation. False if the shared storage does not answer yet."""
        try:
            identity.verify()
        except OSError as error:
            logger.warning("The shared storage did not answer: %s", error)
            return False
        return True

    def _sweep_while_held(self, lock: Lock, every: float, as_json: bool) -> None:
        while lock.still_held():
            self._sweep(as_json, is_told_when_idle=False)
            self._beat(timezone.now())
            close_old_connections()
            time.sleep(every)

    def _beat(self, now: datetime) -> None:
        """Show a sign of life, after a sweep only: a clock that does not sweep is as good as stopped."""
        if self.beat_at is None or not timedelta() <= now - self.beat_at < timing.CLOCK_BEATS_EVERY:
            beat(Heartbeat.Process.CLOCK, now, self.started_at)
            self.beat_at = now

    def _sweep(self, as_json: bool, is_told_when_idle: bool) -> None:
        enqueued = jobs.sweep(timezone.now())
        # The output can be a file on a full disk.
        with suppress(OSError):
            if as_json:
                self.stdout.write(json.dumps({"nudged": enqueued}))
            elif enqueued or is_told_when_idle:
                words = ", ".join(f"{job} {count}" for job, count in enqueued.items())
                self.stdout.write(words or "nothing is waiting")
