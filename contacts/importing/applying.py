"""Applying a checked import: its staged rows are written to the list in ranges of msisdns."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from contacts.importing import opt_outs
from contacts.importing.merging import end_of_range, record_buckets, upsert
from contacts.importing.state import ImportRefusal, Overtaken, advance
from contacts.models import Contact, ContactList, Import
from contacts.planner import analyze

#: Staged rows applied in one transaction.
APPLY_ROWS = 5_000


def begin_apply(import_: Import) -> None:
    """Record that a user wants the checked rows imported. Raises ImportRefusal ``not_checked``."""
    now = timezone.now()
    begun = Import.objects.filter(pk=import_.pk, status=Import.Status.CHECKED).update(
        status=Import.Status.APPLYING, progress=0, total=F("waiting"), started_at=now, beat_at=now, updated_at=now
    )
    import_.refresh_from_db()
    if not begun:
        raise ImportRefusal(
            "not_checked",
            "Only an import that has been checked can be applied."
            f" The status of this one is “{import_.get_status_display()}”.",
        )


def apply(import_id: int) -> None:
    """Write the staged rows to the list, in ranges of msisdns, until all are written. May be called again at any time.

    The rows stay, so that the import can be undone.
    Does nothing when the import is done. Raises ImportRefusal ``not_begun`` before ``begin_apply``.
    """
    import_ = Import.objects.get(pk=import_id)
    if import_.status == Import.Status.DONE:
        return
    if import_.status != Import.Status.APPLYING:
        raise ImportRefusal(
            "not_begun",
            f"This import is not being applied: its status is “{import_.get_status_display()}”.",
        )
    claim = import_.claim + 1
    now = timezone.now()
    free = Import.objects.filter(pk=import_id, status=Import.Status.APPLYING, claim=import_.claim)
    if not free.update(claim=claim, beat_at=now, updated_at=now):
        return
    ranges = 0
    try:
        while apply_range(import_id, claim):
            ranges += 1
    except Overtaken:
        return
    if ranges > 1:
        analyze(Contact)


def apply_range(import_id: int, claim: int) -> bool:
    """Apply the next range and store the progress with it; return whether more may follow. Raises Overtaken."""
    with transaction.atomic():
        advance(import_id, claim, Import.Status.APPLYING)
        import_ = Import.objects.get(pk=import_id)
        if import_.is_of_opt_outs:
            return opt_outs.apply_range(import_, claim)
        # Two imports into one list take turns, so that each counts only its own changes.
        ContactList.objects.select_for_update().get(pk=import_.contact_list.pk)
        low = import_.applied_up_to
        high = end_of_range(import_, low, APPLY_ROWS)
        counts = record_buckets(import_, low, high)
        if not counts:
            advance(import_id, claim, Import.Status.APPLYING, status=Import.Status.DONE, ended_at=timezone.now())
            return False
        upsert(import_, low, high)
        rows = sum(counts.values())
        changes = {bucket: F(bucket) + count for bucket, count in counts.items()}
        advance(
            import_id,
            claim,
            Import.Status.APPLYING,
            applied_up_to=high,
            waiting=F("waiting") - rows,
            progress=F("progress") + rows,
            **changes,
        )
    return True
