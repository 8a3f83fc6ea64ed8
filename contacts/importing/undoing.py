"""Undoing an import: what it created is removed, what it updated is put back, in ranges of msisdns.

A row is left as it is if its contact was changed since or is in use by a campaign. Opt-outs are never undone.
"""

from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from contacts import usage
from contacts.importing.reverting import count_outcomes, decide_outcomes, lock_contacts, put_back, remove_created
from contacts.importing.state import ImportRefusal, Overtaken, advance
from contacts.models import UNDONE_BUCKETS, ContactList, Import, ImportRow, UndoOutcome

#: Rows undone in one transaction.
UNDO_ROWS = 5_000


def begin_undo(import_: Import, user: Any = None) -> None:
    """Record that ``user`` wants an import undone. Raises ImportRefusal ``not_done`` or ``erased``."""
    now = timezone.now()
    done = Import.objects.filter(
        pk=import_.pk, status=Import.Status.DONE, purpose=Import.Purpose.CONTACTS, upload_erased_at=None
    )
    begun = done.update(
        status=Import.Status.UNDOING,
        applied_up_to="",
        progress=0,
        total=sum(F(bucket) for bucket in UNDONE_BUCKETS),
        undo_counts=dict.fromkeys(UndoOutcome.values, 0),
        undone_by=user,
        started_at=now,
        beat_at=now,
        updated_at=now,
    )
    import_.refresh_from_db()
    if not begun and import_.upload_erased_at:
        raise ImportRefusal(
            "erased", "This import can no longer be undone: its rows were erased to protect personal data."
        )
    if not begun:
        raise ImportRefusal(
            "not_done",
            "Only a finished import of contacts can be undone."
            f" The status of this one is “{import_.get_status_display()}”.",
        )


def undo(import_id: int) -> None:
    """Undo the rows of an import, in ranges of msisdns, until all are undone. May be called again at any time.

    Does nothing when the import is undone. Raises ImportRefusal ``not_begun`` before ``begin_undo``.
    """
    import_ = Import.objects.get(pk=import_id)
    if import_.status == Import.Status.UNDONE:
        return
    if import_.status != Import.Status.UNDOING:
        raise ImportRefusal(
            "not_begun", f"This import is not being undone: its status is “{import_.get_status_display()}”."
        )
    claim = import_.claim + 1
    now = timezone.now()
    free = Import.objects.filter(pk=import_id, status=Import.Status.UNDOING, claim=import_.claim)
    if not free.update(claim=claim, beat_at=now, updated_at=now):
        return
    try:
        while undo_range(import_id, claim):
            pass
    except Overtaken:
        return


def undo_range(import_id: int, claim: int) -> bool:
    """Undo the next range and store the progress with it; return whether more may follow. Raises Overtaken."""
    with transaction.atomic():
        advance(import_id, claim, Import.Status.UNDOING)
        import_ = Import.objects.get(pk=import_id)
        # Imports of one list take turns, so that none changes a contact between the comparison and the change.
        ContactList.objects.select_for_update().get(pk=import_.contact_list.pk)
        low = import_.applied_up_to
        rows = ImportRow.objects.filter(import_of=import_id, bucket__in=UNDONE_BUCKETS, msisdn__gt=low)
        numbers = list(rows.order_by("msisdn").values_list("msisdn", flat=True)[:UNDO_ROWS])
        if not numbers:
            advance(import_id, claim, Import.Status.UNDOING, status=Import.Status.UNDONE, undone_at=timezone.now())
            return False
        high = numbers[-1]
        lock_contacts(import_, numbers)
        in_use = usage.in_use(import_.contact_list.pk, numbers)
        if in_use:
            rows.filter(msisdn__in=in_use).update(undone_as=UndoOutcome.IN_USE)
        decide_outcomes(import_, low, high, later_imports(import_))
        counts = count_outcomes(import_, low, high)
        put_back(import_, low, high)
        remove_created(import_, low, high)
        advance(
            import_id,
            claim,
            Import.Status.UNDOING,
            applied_up_to=high,
            progress=F("progress") + len(numbers),
            undo_counts={name: import_.undo_counts[name] + counts.get(name, 0) for name in UndoOutcome.values},
        )
    return True


def later_imports(import_: Import) -> list[int]:
    """The ids of the imports into the same list that were applied after this one, or are being applied."""
    status = Import.Status
    is_later = Q(status=status.APPLYING) | Q(status__in=(status.DONE, status.UNDOING), ended_at__gt=import_.ended_at)
    others = Import.objects.filter(is_later, list=import_.list_id).exclude(pk=import_.pk)
    return list(others.values_list("pk", flat=True))
