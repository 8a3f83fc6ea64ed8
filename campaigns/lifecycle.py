"""Every change of status in Baton: the two tables of transitions. Only ``transition()`` writes a status."""

import logging
from typing import Any, TypeVar

from auditlog import get_logentry_model
from django.contrib.auth.models import User
from django.db import transaction

from campaigns.models import Batch, Campaign, Event
from campaigns.statuses import BatchStatus, CampaignStatus
from contacts.audit_log import Changes, record
from contacts.errors import Refusal

logger = logging.getLogger(__name__)

CAMPAIGN_TRANSITIONS: dict[str, frozenset[str]] = {
    CampaignStatus.DRAFT: frozenset({CampaignStatus.FREEZING, CampaignStatus.CANCELLED}),
    CampaignStatus.FREEZING: frozenset({CampaignStatus.FROZEN, CampaignStatus.DRAFT, CampaignStatus.CANCELLED}),
    CampaignStatus.FROZEN: frozenset({CampaignStatus.APPROVED, CampaignStatus.DRAFT, CampaignStatus.CANCELLED}),
    CampaignStatus.APPROVED: frozenset(
        {
            CampaignStatus.RUNNING,
            CampaignStatus.DRAFT,
            CampaignStatus.FROZEN,
            CampaignStatus.HELD,
            CampaignStatus.CANCELLED,
        }
    ),
    CampaignStatus.HELD: frozenset(
        {CampaignStatus.APPROVED, CampaignStatus.FROZEN, CampaignStatus.DRAFT, CampaignStatus.CANCELLED}
    ),
    CampaignStatus.RUNNING: frozenset({CampaignStatus.PAUSED, CampaignStatus.CLOSED, CampaignStatus.CANCELLED}),
    CampaignStatus.PAUSED: frozenset({CampaignStatus.RUNNING, CampaignStatus.CLOSED, CampaignStatus.CANCELLED}),
    CampaignStatus.CLOSED: frozenset(),
    CampaignStatus.CANCELLED: frozenset(),
}

BATCH_TRANSITIONS: dict[str, frozenset[str]] = {
    BatchStatus.PREPARED: frozenset(
        {BatchStatus.UPLOADING, BatchStatus.HELD, BatchStatus.SUPERSEDED, BatchStatus.CANCELLED}
    ),
    BatchStatus.UPLOADING: frozenset(
        {
            BatchStatus.COMMITTING,
            BatchStatus.PREPARED,
            BatchStatus.SUPERSEDED,
            BatchStatus.HELD,
            BatchStatus.CANCELLED,
        }
    ),
    BatchStatus.COMMITTING: frozenset(
        {
            BatchStatus.HANDED_OVER,
            BatchStatus.PROCESSING,
            BatchStatus.ACCEPTED,
            BatchStatus.REJECTED,
            BatchStatus.UNCLEAR,
            BatchStatus.HELD,
            BatchStatus.PREPARED,
        }
    ),
    # Back to committing only if the provider reported that it dropped every attempt unread and a repeat is harmless.
    BatchStatus.HANDED_OVER: frozenset(
        {
            BatchStatus.COMMITTING,
            BatchStatus.PROCESSING,
            BatchStatus.ACCEPTED,
            BatchStatus.REJECTED,
            BatchStatus.UNCLEAR,
        }
    ),
    BatchStatus.PROCESSING: frozenset(
        {BatchStatus.COMMITTING, BatchStatus.ACCEPTED, BatchStatus.REJECTED, BatchStatus.UNCLEAR}
    ),
    BatchStatus.HELD: frozenset({BatchStatus.PREPARED, BatchStatus.CANCELLED}),
    BatchStatus.UNCLEAR: frozenset(
        {
            BatchStatus.PROCESSING,
            BatchStatus.ACCEPTED,
            BatchStatus.REJECTED,
            BatchStatus.HANDED_OVER,
            BatchStatus.SUPERSEDED,
            BatchStatus.CANCELLED,
        }
    ),
    BatchStatus.ACCEPTED: frozenset(),
    BatchStatus.REJECTED: frozenset(),
    BatchStatus.SUPERSEDED: frozenset(),
    BatchStatus.CANCELLED: frozenset(),
}

#: Batches whose recipients may still be texted or whose result is not known: those that may still change.
OPEN: tuple[str, ...] = tuple(status for status in BatchStatus if BATCH_TRANSITIONS[status])

Row = TypeVar("Row", Campaign, Batch)


class StaleTransition(Refusal):
    """Somebody else changed the row first. Nothing was changed."""

    def __init__(self, row: Campaign | Batch) -> None:
        super().__init__("stale_transition", f"{row} changed in the meantime. Check it again before you decide.")


def transition(
    row: Row, to: str, *, reason: str = "", sentence: str = "", user: User | None = None, **fields: Any
) -> Row:
    """Change ``row`` from the status it was read with to ``to``, write ``fields`` with it, and record the event.

    All in one transaction; ``row`` is updated in memory. ``reason`` (a code) and ``sentence`` are stored on the row and
    the event; neither contains a phone number. Raises ValueError for a transition that the table does not allow, and
    StaleTransition if the row no longer has the status it was read with.
    """
    batch = row if isinstance(row, Batch) else None
    table = CAMPAIGN_TRANSITIONS if batch is None else BATCH_TRANSITIONS
    if to not in table[row.status]:
        raise ValueError(f"{row.status} -> {to} is not a transition")
    # Plain strings, as they are read from the database.
    fields |= {"status": str(to), "reason": reason, "sentence": sentence}
    # Within a caller's transaction, a savepoint would be two more queries. None is needed: an error here ends it too.
    with transaction.atomic(savepoint=False):
        is_changed = type(row).objects.filter(pk=row.pk, status=row.status).update(**fields) == 1
        if is_changed:
            Event.objects.create(
                campaign_id=row.pk if batch is None else batch.campaign_id,
                batch=batch,
                from_status=row.status,
                to_status=str(to),
                reason=reason,
                sentence=sentence,
                user=user,
            )
            _record(row, user, {"status": (row.status, str(to)), "reason": ("", reason), "sentence": ("", sentence)})
    if not is_changed:
        # Outside the block: the caller's transaction may continue.
        raise StaleTransition(row)
    ids = {"campaign": row.pk} if batch is None else {"campaign": batch.campaign_id, "batch": batch.pk}
    what = "campaign" if batch is None else "batch"
    logger.info("%s %s: %s -> %s %s", what, row.pk, row.status, to, reason, extra=ids)
    for name, value in fields.items():
        setattr(row, name, value)
    return row


def lock_campaign(campaign_id: int) -> Campaign:
    """Return the campaign's row with its account, locked until the transaction ends. Lock it before any of its batches.

    Others may still store events of the campaign. They wait only where they would change its row.
    """
    rows = Campaign.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("account").get(pk=campaign_id)


def record_event(
    campaign: Campaign,
    reason: str,
    sentence: str,
    *,
    batch: Batch | None = None,
    user: User | None = None,
) -> None:
    """Record something in the history that is not a change of status. Never a phone number."""
    Event.objects.create(campaign=campaign, batch=batch, reason=reason, sentence=sentence, user=user)
    _record(batch or campaign, user, {"decision": ("", reason), "sentence": ("", sentence)})


def _record(row: Campaign | Batch, user: User | None, changes: Changes) -> None:
    """Write what a person did into the audit trail. What Baton does by itself is in the history only."""
    if user is not None:
        told = {name: values for name, values in changes.items() if any(values)}
        record(row, get_logentry_model().Action.UPDATE, told, user=user)


def require_permission(user: Any, *permissions: str) -> None:
    """Raise Refusal ``not_allowed`` unless ``user`` has one of ``permissions``: ``campaigns.approve_campaign``, ..."""
    if not any(map(user.has_perm, permissions)):
        raise Refusal("not_allowed", "Your role does not allow this. Ask an administrator.")


def batch_lock_name(batch_id: int) -> str:
    """The lock that a worker or a decision holds while it works on a batch."""
    return f"batch-{batch_id}"


def campaign_lock_name(campaign_id: int) -> str:
    """The lock for freezing a campaign, creating its batches and rebuilding them."""
    return f"campaign-{campaign_id}"
