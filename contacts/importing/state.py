"""The state of an import that every step shares: which worker holds it, and cancelling it."""

from typing import Any

from django.utils import timezone

from contacts.errors import Refusal
from contacts.models import TO_CHECK, Import, ImportIssue, ImportRow


class ImportRefusal(Refusal):
    """The import is not in a state that allows the operation."""


class Overtaken(Exception):
    """Another worker took this import, or a user cancelled it: this worker must stop."""


def advance(import_id: int, claim: int, expected: Import.Status, /, **changes: Any) -> None:
    """Write ``changes`` to an import that this worker still holds. Raises Overtaken.

    As the first statement of a transaction it also locks the import until the end.
    """
    now = timezone.now()
    held = Import.objects.filter(pk=import_id, claim=claim, status=expected)
    if not held.update(beat_at=now, updated_at=now, **changes):
        raise Overtaken


def delete_rows(import_id: int) -> None:
    """Delete the staged rows and the issues of an import."""
    ImportRow.objects.filter(import_of=import_id).delete()
    ImportIssue.objects.filter(import_of=import_id).delete()


def cancel(import_: Import) -> None:
    """Cancel an import before any contact was changed. Raises ImportRefusal ``too_late``."""
    now = timezone.now()
    open_import = Import.objects.filter(pk=import_.pk, status__in=(*TO_CHECK, Import.Status.CHECKED))
    cancelled = open_import.update(status=Import.Status.CANCELLED, ended_at=now, updated_at=now)
    import_.refresh_from_db()
    if not cancelled:
        raise ImportRefusal(
            "too_late",
            "An import can be cancelled only before it starts to change contacts."
            f" The status of this one is “{import_.get_status_display()}”.",
        )
    ImportRow.objects.filter(import_of=import_.pk).delete()
