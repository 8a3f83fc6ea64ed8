"""``manage.py monitor``: watches the other processes, raises alarms and sends them. One runs on each host.

It is a process of its own, so that a clock or a worker that stands still is noticed, and so that a mail server or a
webhook that does not answer delays neither.
"""

import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from campaigns import timing
from campaigns.models import Heartbeat
from campaigns.monitoring import messages, signs
from campaigns.monitoring.alarms import update_alarms
from campaigns.monitoring.problems import KNOWN_BY_REDIS, find_problems
from providers.locks import hold

logger = logging.getLogger(__name__)

#: Held by the one monitor that looks at everything; those of other hosts only report their own host.
MONITOR_LOCK = "monitor"


class Command(BaseCommand):
    help = "Report this host's disks, raise and end alarms, and send them. With --every, this is the monitor process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--workers",
            type=_workers,
            metavar="QUEUE=N,...",
            help="how many workers of each queue this host runs: fewer raise an alarm",
        )
        parser.add_argument("--every", type=float, metavar="SECONDS", help="look again and again until stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = timezone.now()
        if not options["every"]:
            # Everything that is silent now is reported: nothing is about to start.
            look(started_at - 2 * timing.SILENT_AFTER, options["workers"])
            return
        while True:
            try:
                look(started_at, options["workers"])
            except DatabaseError as error:
                logger.warning("The database did not answer: %s", type(error).__name__)
            except Exception:
                # It shows no sign of life until it succeeds, which the overview and the monitors of other hosts notice.
                logger.exception("the monitor could not look")
            close_old_connections()
            time.sleep(options["every"])


def _workers(text: str) -> dict[str, int]:
    """The number of workers by queue. Raises ValueError, which argparse turns into its own error."""
    return {queue: int(count) for queue, _, count in (part.partition("=") for part in text.split(",") if part)}


def look(started_at: datetime, workers: Mapping[str, int] | None = None) -> None:
    """Look once: silence before ``started_at`` counts for nothing. Raises DatabaseError.

    ``workers`` are the numbers of workers by queue that this host runs; None leaves those that are stored.
    """
    signs.report_disks(timezone.now(), started_at)
    if workers is not None:
        signs.report_workers(workers, timezone.now(), started_at)
    with hold(MONITOR_LOCK) as lock:
        if lock:
            now = timezone.now()
            found = signs.read_signs()
            update_alarms(find_problems(found, started_at, now), KNOWN_BY_REDIS if found.workers is None else (), now)
            signs.store_look(now, started_at)
            messages.send_due(timezone.now)
    signs.beat(Heartbeat.Process.MONITOR, timezone.now(), started_at)
