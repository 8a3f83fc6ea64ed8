"""RQ's way in. A job is a nudge, the row is the truth: losing a job loses nothing, doubling one does nothing twice."""

import logging
from collections import Counter
from datetime import timedelta

import django_rq
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from redis.exceptions import RedisError

from contacts import importing
from contacts.importing import ImportRefusal
from contacts.models import Import

logger = logging.getLogger(__name__)

QUEUE = "imports"
#: A nudge that was not taken up within this many seconds is given again.
NUDGE_LASTS = 30
#: An import whose worker gave no sign of life for so long waits for another.
STALE_AFTER = timedelta(seconds=15)


def nudge(job: str, pk: int) -> bool:
    """Ask a worker to do ``job`` (``judge_import`` or ``apply_import``) for the import ``pk``; return whether new.

    A nudge that waits already is not doubled. Where Redis cannot be reached nothing is lost: the sweep finds the row.
    """
    try:
        queue = django_rq.get_queue(QUEUE)
        if not queue.connection.set(_waiting_key(job, pk), 1, nx=True, ex=NUDGE_LASTS):
            return False
        queue.enqueue(f"contacts.jobs.{job}", pk)
    except RedisError as error:
        logger.warning("%s %s could not be nudged: %s", job, pk, type(error).__name__)
        return False
    return True


def judge_import(import_id: int) -> None:
    """Check every row of an import whose mapping is confirmed."""
    _taken_up("judge_import", import_id)
    try:
        importing.judge(import_id)
    except ImportRefusal as refusal:
        logger.info("import %s: %s", import_id, refusal.code)


def apply_import(import_id: int) -> None:
    """Bring the rows of an import into its list."""
    _taken_up("apply_import", import_id)
    try:
        importing.apply(import_id)
    except ImportRefusal as refusal:
        logger.info("import %s: %s", import_id, refusal.code)


def sweep() -> dict[str, int]:
    """Nudge the imports that wait for a worker; return how many nudges of each job."""
    is_idle = Q(beat_at=None) | Q(beat_at__lt=timezone.now() - STALE_AFTER)
    nudged: Counter[str] = Counter()
    for found in Import.objects.filter(is_idle, status__in=("uploaded", "judging")).exclude(mapping={}):
        nudged["judge_import"] += nudge("judge_import", found.pk)
    for found in Import.objects.filter(is_idle, status="applying"):
        nudged["apply_import"] += nudge("apply_import", found.pk)
    return {job: count for job, count in nudged.items() if count}


def _waiting_key(job: str, pk: int) -> str:
    return f"baton:{settings.RUN_DIR.name}:nudge:{job}:{pk}"


def _taken_up(job: str, pk: int) -> None:
    """From here on a new nudge is a new job: this one may have read the rows already."""
    try:
        django_rq.get_queue(QUEUE).connection.delete(_waiting_key(job, pk))
    except RedisError:
        logger.warning("%s %s starts without Redis", job, pk)
