"""One recipient of a campaign: the exact text, the file and the line, the outcome, and everything that happened."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from campaigns import corrections
from campaigns.models import Campaign, Event, Recipient
from campaigns.results.causes import Step, step_of
from campaigns.views import timeline
from contacts.fields import FIELD_LABELS
from contacts.models import Suppression
from contacts.snapshots import snapshot

#: Events that are shown, of the campaign and of the files of this recipient.
MOST = 300


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def recipient(request: HttpRequest, pk: int, recipient_pk: int) -> HttpResponse:
    """The page of one recipient; ``pk`` is the campaign's id."""
    with snapshot():
        rows = Recipient.objects.select_related("campaign__account", "campaign__approved_by", "campaign__frozen_by")
        row = get_object_or_404(rows, pk=recipient_pk, campaign=pk)
        context = _context(row)
    return render(request, "campaigns/recipient.html", context)


def _context(row: Recipient) -> dict[str, Any]:
    campaign = row.campaign
    text = timeline.text_of(row)
    values = {"customer_id": FIELD_LABELS["customer_id"], **campaign.value_labels()}
    own, batch = text.more["own"], text.more["batch"]
    step = None
    if text.more["outcome"] in ("row_error", "rejected", "needs_decision"):
        code, status = (own.code, "") if own else (batch.reason, batch.status)
        step = step_of(campaign.account.adapter, code, status)
    elif own and own.delivery == "undelivered":
        step = Step.UNDELIVERED
    return {
        "campaign": campaign,
        "row": row,
        "more": text.more,
        "old_number": corrections.old_number(row) if campaign.follows_id else "",
        "advice": step.for_one if step else "",
        "values": []
        if row.is_erased
        else [(label, getattr(row, field)) for field, label in values.items() if getattr(row, field)],
        "opt_out": Suppression.objects.active().filter(msisdn=row.msisdn).first(),
        "others": sorted(
            timeline.since(row.msisdn, campaign.frozen_at or campaign.created_at), key=lambda entry: entry.at
        ),
        "events": _events(campaign, row),
    }


def _events(campaign: Campaign, row: Recipient) -> list[Event]:
    """What happened to the campaign and to the files with this recipient, the newest first."""
    of_its_files = Q(batch__isnull=False, batch__number=row.batch_number) if row.batch_number else Q(pk__in=[])
    events = campaign.events.filter(Q(batch=None) | of_its_files)
    return list(events.select_related("user", "batch").order_by("-id")[:MOST])
