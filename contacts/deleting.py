"""Deleting a list with everything that belongs to it, or a segment. Opt-outs, consents and handed-over texts stay."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Model, ProtectedError, QuerySet
from django.db.models.deletion import Collector

from contacts import browsing
from contacts.bulk import refuse_while_busy
from contacts.errors import Refusal
from contacts.models import ContactList, ImportIssue, ImportRow, Segment

#: Rows deleted in one transaction, so that others can write in between.
RANGE = 10_000
#: Campaigns that a refusal names; the others are only counted.
NAMED = 3


def delete_list(contact_list: ContactList) -> None:
    """Delete a list, its contacts, segments and imports. Its rows go in short transactions, the list itself last.

    Raises Refusal: ``import_running``, ``bulk_action_running``, or ``in_use`` by a campaign.
    """
    refuse_deletion(contact_list)
    for window, _ in browsing.windows(contact_list.contacts.all(), size=RANGE):
        with transaction.atomic():
            window.order_by().delete()
    for import_ in contact_list.imports.all():
        # Each in the order of an index that begins with the import.
        for model, key in ((ImportRow, "msisdn"), (ImportIssue, "pk")):
            rows: QuerySet[Any] = model._default_manager.filter(import_of=import_)
            while keys := list(rows.order_by(key).values_list(key, flat=True)[:RANGE]):
                rows.filter(**{f"{key}__lte": keys[-1]}).delete()
    try:
        contact_list.delete()
    except ProtectedError as error:
        raise _in_use(contact_list, error) from error


def refuse_deletion(contact_list: ContactList) -> None:
    """Raise the Refusal of ``delete_list`` if the list cannot be deleted now."""
    refuse_while_busy(contact_list)
    try:
        # Looks for what forbids the deletion; deletes nothing.
        Collector(using=DEFAULT_DB_ALIAS).collect([contact_list])
    except ProtectedError as error:
        raise _in_use(contact_list, error) from error


def delete_segment(segment: Segment) -> None:
    """Delete a segment; its contacts stay. Raises Refusal ``in_use`` by a campaign."""
    try:
        segment.delete()
    except ProtectedError as error:
        raise _in_use(segment, error) from error


def _in_use(row: Model, error: ProtectedError) -> Refusal:
    """The refusal that names the campaigns which choose or exclude the people of ``row``."""
    users = sorted({f"“{getattr(use, 'campaign', use)}”" for use in error.protected_objects})
    named = ", ".join(users[:NAMED]) + (f" and {len(users) - NAMED} more" if len(users) > NAMED else "")
    campaigns = "the campaign" if len(users) == 1 else "the campaigns"
    return Refusal("in_use", f"{row} cannot be deleted because {campaigns} {named} chose or excluded its people.")
