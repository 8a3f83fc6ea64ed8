"""Recognising an upload: the same file was imported before, or files with the same header into another list."""

from django.db.models import ProtectedError, QuerySet

from contacts.importing.state import ImportRefusal
from contacts.importing.uploading import ALREADY_CONFIRMED
from contacts.models import ContactList, Import


def same_file(import_: Import) -> Import | None:
    """The last import of the same bytes that is done, into any list."""
    if not import_.sha256 or import_.is_of_opt_outs:
        return None
    return _done(import_).filter(sha256=import_.sha256).order_by("-ended_at").first()


def same_header(import_: Import) -> Import | None:
    """The last import of a file with the same titles into another list, if none of its own list has had them."""
    if import_.is_of_opt_outs or sum(bool(title.strip()) for title in import_.header) < 2:
        return None
    done = _done(import_).filter(header=import_.header)
    if done.filter(list=import_.list_id).exists():
        return None
    return done.order_by("-ended_at").first()


def remembered_columns(import_: Import) -> Import | None:
    """The last import into the same list with the same titles, whose columns are offered again; None if there is none.

    Its ``mapping`` and ``formats`` are as they are stored.
    """
    if not any(title.strip() for title in import_.header):
        return None
    return _done(import_).filter(list=import_.list_id, header=import_.header).order_by("-ended_at").first()


def _done(import_: Import) -> QuerySet[Import]:
    done = Import.objects.filter(purpose=Import.Purpose.CONTACTS, status=Import.Status.DONE)
    return done.exclude(pk=import_.pk).select_related("list", "created_by")


def move(import_: Import, contact_list: ContactList) -> bool:
    """Have the upload imported into ``contact_list``; return whether its own list, now without use, was deleted.

    Raises ImportRefusal ``already_checked``.
    """
    before = import_.contact_list
    moved = Import.objects.filter(pk=import_.pk, status=Import.Status.UPLOADED, mapping={}).update(
        list=contact_list, country=contact_list.country
    )
    if not moved:
        raise ImportRefusal("already_checked", ALREADY_CONFIRMED)
    import_.refresh_from_db()
    # A list that this upload created has no labels and no contacts yet. A draft campaign may use it all the same.
    if before.labels or before.contacts.exists() or before.imports.exists():
        return False
    try:
        before.delete()
    except ProtectedError:
        return False
    return True
