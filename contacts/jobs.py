"""RQ's way in. A job is a nudge, the row is the truth: losing a job loses nothing, doubling one does nothing twice."""

import logging
from collections import Counter
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from contacts import importing, queues
from contacts.importing import ImportRefusal
from contacts.models import Import
from contacts.queues import job

logger = logging.getLogger(__name__)

#: An import whose worker gave no sign of life for so long waits for another.
STALE_AFTER = timedelta(seconds=15)


@job("imports")
def judge_import(import_id: int) -> None:
    """Check every row of an import whose mapping is confirmed."""
    try:
        importing.judge(import_id)
    except ImportRefusal as refusal:
        logger.info("import %s: %s", import_id, refusal.code)


@job("imports")
def apply_import(import_id: int) -> None:
    """Bring the rows of an import into its list."""
    try:
        importing.apply(import_id)
    except ImportRefusal as refusal:
        logger.info("import %s: %s", import_id, refusal.code)


def sweep() -> dict[str, int]:
    """Nudge the imports that wait for a worker; return how many nudges of each job."""
    is_idle = Q(beat_at=None) | Q(beat_at__lt=timezone.now() - STALE_AFTER)
    enqueued: Counter[str] = Counter()
    for found in Import.objects.filter(is_idle, status__in=("uploaded", "judging")).exclude(mapping={}):
        enqueued["judge_import"] += queues.enqueue_once(judge_import, found.pk)
    for found in Import.objects.filter(is_idle, status="applying"):
        enqueued["apply_import"] += queues.enqueue_once(apply_import, found.pk)
    return {name: count for name, count in enqueued.items() if count}
