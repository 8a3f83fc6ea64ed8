"""The RQ jobs of contacts. A job only says which row to work on; the database row is authoritative.

A lost job loses no work, because the sweep enqueues it again. A job that runs twice changes nothing the second time.
"""

import logging
from collections import Counter

from django.utils import timezone

from contacts import bulk, importing, queues
from contacts.importing import ImportRefusal
from contacts.models import BulkAction, Import
from contacts.queues import job

logger = logging.getLogger(__name__)


@job("imports")
def check_import(import_id: int) -> None:
    """Check every row of an import whose columns are confirmed."""
    try:
        importing.check_rows(import_id)
    except ImportRefusal as refusal:
        logger.info("import %s: %s", import_id, refusal.code)


@job("imports")
def apply_import(import_id: int) -> None:
    """Write the checked rows of an import to its list."""
    try:
        importing.apply(import_id)
    except ImportRefusal as refusal:
        logger.info("import %s: %s", import_id, refusal.code)


@job("imports")
def run_bulk_action(action_id: int) -> None:
    """Do what a person confirmed to all contacts that match a filter."""
    bulk.run(action_id)


@job("imports")
def undo_import(import_id: int) -> None:
    """Take back what an import changed in its list."""
    try:
        importing.undo(import_id)
    except ImportRefusal as refusal:
        logger.info("import %s: %s", import_id, refusal.code)


#: The job that continues an import of a status; every other status that waits for a worker needs the check.
_CONTINUES = {Import.Status.APPLYING: apply_import, Import.Status.UNDOING: undo_import}


def sweep() -> dict[str, int]:
    """Enqueue the jobs of imports and bulk actions that wait for a worker; return how many of each were enqueued."""
    enqueued: Counter[str] = Counter()
    for import_ in Import.objects.waiting_for_a_worker(timezone.now()):
        wanted = _CONTINUES.get(Import.Status(import_.status), check_import)
        enqueued[wanted.__name__] += queues.enqueue_once(wanted, import_.pk)
    for action in BulkAction.objects.waiting_for_a_worker(timezone.now()):
        enqueued[run_bulk_action.__name__] += queues.enqueue_once(run_bulk_action, action.pk)
    return {name: count for name, count in enqueued.items() if count}
