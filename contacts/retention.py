"""Erases what imports leave behind: uploaded files with their staged rows, and the cells of rows that were left out.

The counters of an import, the checksum of its file and the reasons of rows that were left out stay.
"""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from contacts import importing
from contacts.models import Import, ImportCorrection, ImportIssue, ImportRow, ImportStatus

#: Rows erased in one transaction, so that others can write in between.
CHUNK = 10_000
#: What an issue says once its cells are erased; its code still says the reason.
ERASED = "The cells of this row were erased."

_ENDED = (ImportStatus.DONE, ImportStatus.UNDONE, ImportStatus.FAILED, ImportStatus.CANCELLED)
#: Nobody decided about these imports; they are cancelled first.
_ABANDONED = (ImportStatus.UPLOADED, ImportStatus.CHECKED)


def due_uploads(before: datetime) -> QuerySet[Import]:
    """Imports that nobody and no worker has touched since ``before`` (UTC) and whose upload is not erased yet."""
    rows = Import.objects.filter(status__in=(*_ENDED, *_ABANDONED), updated_at__lt=before, upload_erased_at=None)
    return rows.order_by("pk")


def due_left_out(before: datetime) -> QuerySet[Import]:
    """Imports that ended before ``before`` (UTC) and whose rows that were left out are not erased yet."""
    return Import.objects.filter(status__in=_ENDED, updated_at__lt=before, left_out_erased_at=None).order_by("pk")


def erase_upload(import_: Import, now: datetime) -> None:
    """Delete the uploaded file, its first rows and the staged rows of an import. It cannot be undone afterwards.

    An import that nobody decided about is cancelled. Raises ImportRefusal if somebody has begun to apply it since.
    After a crash, call it again.
    """
    if import_.status in _ABANDONED:
        importing.cancel(import_)
    rows = ImportRow.objects.filter(import_of=import_.pk)
    while msisdns := list(rows.order_by("msisdn").values_list("msisdn", flat=True)[:CHUNK]):
        rows.filter(msisdn__lte=msisdns[-1]).delete()
    delete_file(import_, now)


def delete_file(import_: Import, now: datetime) -> None:
    """Delete the uploaded file of an import and what is kept of its first rows."""
    if import_.file:
        import_.file.storage.delete(str(import_.file))
    # Not the time of the last change: other kinds of data are kept by that.
    Import.objects.filter(pk=import_.pk).update(file="", first_rows=[], samples=[], upload_erased_at=now)
    import_.file.name = ""


def erase_left_out(import_: Import, now: datetime) -> int:
    """Erase the cells of the rows that were left out, and corrected cells; return how many rows. The reasons stay."""
    erased = _in_chunks(
        ImportIssue.objects.filter(import_of=import_.pk), value="", cells=[], problems={}, sentence=ERASED
    )
    _in_chunks(ImportCorrection.objects.filter(import_of=import_.pk), old="", new="")
    Import.objects.filter(pk=import_.pk).update(left_out_erased_at=now)
    return erased


def _in_chunks(rows: QuerySet[Any], **values: Any) -> int:
    """Update rows in short transactions; return how many."""
    last = updated = 0
    while keys := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        last = keys[-1]
        updated += rows.filter(pk__gte=keys[0], pk__lte=last).update(**values)
    return updated
