"""Bulk actions: delete, opt out, copy or move all contacts of a list that match a filter.

The contacts are worked on in ranges of msisdns. What a range changed and the progress are written in one transaction,
so that a crash loses and repeats nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from contacts import browsing, segments, suppression
from contacts.errors import Refusal
from contacts.fields import FIELD_NAMES, VALUE_FIELDS
from contacts.models import BulkAction, Contact, ContactList, Suppression

#: Contacts of the list looked at in one transaction.
RANGE = 5_000
#: Up to this many contacts, the person waits for the result.
AT_ONCE = 2_000


def begin(
    contact_list: ContactList,
    kind: str,
    conditions: Sequence[dict[str, str]],
    matched: int,
    user: Any,
    now: datetime,
    target: ContactList | None = None,
    note: str = "",
) -> BulkAction:
    """Record what a person confirmed for the ``matched`` contacts; ``run`` does it. ``target``: of a copy or a move.

    Raises Refusal: ``import_running`` or ``bulk_action_running`` on one of the lists, ``same_list``, ``no_field``.
    """
    involved = [contact_list, *([target] if target else [])]
    with transaction.atomic():
        # Also waits for the range of an import that is being applied.
        list(ContactList.objects.select_for_update().filter(pk__in=[row.pk for row in involved]).order_by("pk"))
        for row in involved:
            refuse_while_busy(row)
        fields = _matched_fields(contact_list, target) if target else {}
        return BulkAction.objects.create(
            list=contact_list,
            kind=kind,
            conditions=segments.validated(list(conditions)),
            target=target,
            fields=fields,
            note=note,
            matched=matched,
            created_by=user,
            confirmed_at=now,
            beat_at=now,
        )


def refuse_while_busy(contact_list: ContactList) -> None:
    """Raise Refusal ``import_running`` or ``bulk_action_running`` while contacts of the list are being changed."""
    if contact_list.imports.changing_contacts().exists():
        raise Refusal("import_running", f"An import into {contact_list} is running. Wait until it is done.")
    if (
        contact_list.bulk_actions.running().exists()
        or BulkAction.objects.running().filter(target=contact_list).exists()
    ):
        raise Refusal("bulk_action_running", f"Contacts of {contact_list} are being changed. Wait until that is done.")


def _matched_fields(source: ContactList, target: ContactList) -> dict[str, str]:
    """The value field of ``target`` for each one of ``source``; fields with a new label are added to it.

    A field without a label keeps its place if that is free in the target, and is left out otherwise.
    """
    if source == target:
        raise Refusal("same_list", "Choose another list than the one the contacts are on.")
    by_label = {label.casefold(): field for field, label in target.labelled_fields().items()}
    free = [field for field in VALUE_FIELDS if field not in target.labelled_fields()]
    fields: dict[str, str] = {}
    missing = []
    for field, label in source.labelled_fields().items():
        if label.casefold() in by_label:
            fields[field] = by_label[label.casefold()]
        elif free:
            # The same field where it is free, so that texts written for one list fit the other.
            fields[field] = free.pop(free.index(field) if field in free else 0)
            target.labels[fields[field]] = label
        else:
            missing.append(f"“{label}”")
    if missing:
        raise Refusal(
            "no_field",
            f"{target} has no field left for {', '.join(missing)}. Rename or clear one of its fields first.",
        )
    target.save(update_fields=["labels", "updated_at"])
    return fields | {field: field for field in free if field not in source.labelled_fields()}


def run(action_id: int) -> None:
    """Do a bulk action to its end. May be called again at any time; does nothing once it is done."""
    while run_range(action_id):
        pass


def run_range(action_id: int) -> bool:
    """Do the next range and store the progress with it; return whether more may follow."""
    with transaction.atomic():
        action = BulkAction.objects.select_for_update(of=("self",)).select_related("list", "target").get(pk=action_id)
        if action.status != BulkAction.Status.RUNNING:
            return False
        involved = [pk for pk in (action.list_id, action.target_id) if pk]
        list(ContactList.objects.select_for_update().filter(pk__in=involved).order_by("pk"))
        window, last = next(browsing.windows(action.list.contacts.all(), action.done_up_to, size=RANGE))
        chosen = window.filter(segments.query_of(action.conditions), created_at__lte=action.confirmed_at)
        changed, already = _do(action, chosen)
        now = timezone.now()
        BulkAction.objects.filter(pk=action.pk).update(
            changed=F("changed") + changed,
            already=F("already") + already,
            progress=F("progress") + changed + already,
            done_up_to=last.msisdn if last else action.done_up_to,
            beat_at=now,
            **({} if last else {"status": BulkAction.Status.DONE, "ended_at": now}),
        )
    return last is not None


def _do(action: BulkAction, chosen: QuerySet[Contact]) -> tuple[int, int]:
    """Do the action to ``chosen``; return how many it changed and for how many nothing was to be done."""
    if action.kind == BulkAction.Kind.DELETE:
        return _deleted(chosen), 0
    if action.kind == BulkAction.Kind.OPT_OUT:
        numbers = list(chosen.values_list("msisdn", flat=True))
        note = f"On the list {action.list}" + (f": {action.note}" if action.note else "")
        return suppression.suppress(numbers, Suppression.Source.MANUAL, note, action.created_by)
    contacts = list(chosen)
    added = _copied(action, contacts)
    if action.kind == BulkAction.Kind.MOVE:
        _deleted(Contact.objects.filter(pk__in=[contact.pk for contact in contacts]))
    return added, len(contacts) - added


def _deleted(contacts: QuerySet[Contact]) -> int:
    return contacts.order_by().delete()[0]


def _copied(action: BulkAction, contacts: Iterable[Contact]) -> int:
    """Copy ``contacts`` to the target; a number that is there already stays as it is. Return how many were added."""
    assert action.target is not None
    there = action.target.contacts
    known = set(there.filter(msisdn__in=[contact.msisdn for contact in contacts]).values_list("msisdn", flat=True))
    kept = [field for field in FIELD_NAMES if field not in VALUE_FIELDS]
    copies = [
        Contact(
            list=action.target,
            msisdn=contact.msisdn,
            number_country=contact.number_country,
            number_kind=contact.number_kind,
            **{field: getattr(contact, field) for field in kept},
            **{to: getattr(contact, field) for field, to in action.fields.items()},
        )
        for contact in contacts
        if contact.msisdn not in known
    ]
    there.bulk_create(copies)
    return len(copies)
