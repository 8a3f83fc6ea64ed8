"""Every change of status in the product: two tables of transitions; only ``transition()`` writes a status."""

from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import transaction

from campaigns.models import Batch, Campaign, Event

CAMPAIGN_TRANSITIONS: dict[str, frozenset[str]] = {
    "draft": frozenset({"freezing", "cancelled"}),
    "freezing": frozenset({"frozen", "draft", "cancelled"}),
    "frozen": frozenset({"approved", "draft", "cancelled"}),
    "approved": frozenset({"running", "draft", "frozen", "held", "cancelled"}),
    "held": frozenset({"approved", "frozen", "draft", "cancelled"}),
    "running": frozenset({"paused", "closed", "cancelled"}),
    "paused": frozenset({"running", "closed", "cancelled"}),
    "closed": frozenset(),
    "cancelled": frozenset(),
}

BATCH_TRANSITIONS: dict[str, frozenset[str]] = {
    "prepared": frozenset({"uploading", "held", "superseded", "cancelled"}),
    "uploading": frozenset({"committing", "prepared", "superseded", "held", "cancelled"}),
    "committing": frozenset({"handed_over", "processing", "accepted", "rejected", "unclear", "held", "prepared"}),
    "handed_over": frozenset({"processing", "accepted", "rejected", "unclear"}),
    "processing": frozenset({"accepted", "rejected", "unclear"}),
    "held": frozenset({"prepared", "cancelled"}),
    "unclear": frozenset({"processing", "accepted", "rejected", "handed_over", "superseded", "cancelled"}),
    "accepted": frozenset(),
    "rejected": frozenset(),
    "superseded": frozenset(),
    "cancelled": frozenset(),
}

#: Batches whose recipients may still be texted or whose fate is not known.
OPEN = ("prepared", "uploading", "committing", "handed_over", "processing", "unclear", "held")

Row = TypeVar("Row", Campaign, Batch)


class Refusal(Exception):
    """Something that may not be done now: ``code`` to count, ``sentence`` to show."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class StaleTransition(Refusal):
    """Somebody else moved the row first; nothing was changed."""

    def __init__(self, row: Campaign | Batch) -> None:
        super().__init__("stale_transition", f"{row} changed in the meantime. Look again before you decide.")


def transition(
    row: Row, to: str, *, reason: str = "", sentence: str = "", user: User | None = None, **fields: Any
) -> Row:
    """Move ``row`` from the status it was read with to ``to``, write ``fields`` with it, and record the event.

    One transaction; ``row`` is updated in memory. ``reason`` (a code) and ``sentence`` become the row's own and the
    event's; neither holds a phone number. Raises ValueError for a move the table does not know and StaleTransition
    when the row no longer has the status it was read with.
    """
    batch = row if isinstance(row, Batch) else None
    table = CAMPAIGN_TRANSITIONS if batch is None else BATCH_TRANSITIONS
    if to not in table[row.status]:
        raise ValueError(f"{row.status} -> {to} is not a move")
    fields |= {"status": to, "reason": reason, "sentence": sentence}
    with transaction.atomic():
        if type(row).objects.filter(pk=row.pk, status=row.status).update(**fields) != 1:
            raise StaleTransition(row)
        Event.objects.create(
            campaign_id=row.pk if batch is None else batch.campaign_id,
            batch=batch,
            from_status=row.status,
            to_status=to,
            reason=reason,
            sentence=sentence,
            user=user,
        )
    for name, value in fields.items():
        setattr(row, name, value)
    return row


def locked(campaign_id: int) -> Campaign:
    """The campaign's row with its account, locked until the transaction ends; before any of its batches is.

    Meanwhile others may store events of the campaign, and wait only where they would change its row.
    """
    rows = Campaign.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("account").get(pk=campaign_id)


def note(
    campaign: Campaign,
    reason: str,
    sentence: str,
    *,
    batch: Batch | None = None,
    user: User | None = None,
) -> None:
    """Record in the history something that is not a change of status. Never a phone number."""
    Event.objects.create(campaign=campaign, batch=batch, reason=reason, sentence=sentence, user=user)


def may(user: Any, permission: str) -> None:
    """Raise Refusal ``not_allowed`` unless ``user`` has ``permission``, such as ``campaigns.approve_campaign``."""
    if not user.has_perm(permission):
        raise Refusal("not_allowed", "Your role does not allow this. Ask an administrator.")


def batch_lock_name(batch_id: int) -> str:
    """The lock a batch is held under while something is done with it."""
    return f"batch-{batch_id}"


def campaign_lock_name(campaign_id: int) -> str:
    """The lock of a campaign's freeze, cut and re-cut."""
    return f"campaign-{campaign_id}"
