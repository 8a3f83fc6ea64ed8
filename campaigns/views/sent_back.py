"""Drafts that an approver sent back: their writers see why, until they submit them again or dismiss it."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import Exists, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from campaigns.models import Campaign, Event
from campaigns.statuses import SENT_BACK, CampaignStatus


def sent_back(user: Any) -> list[Campaign]:
    """The user's drafts that were sent back and not submitted again since, the latest first.

    Each has ``sent_back_by``, a name, and ``sent_back_at``. A user's drafts are those that they created, edited or
    submitted.
    """
    drafts = Campaign.objects.filter(status=CampaignStatus.DRAFT, reason=SENT_BACK)
    if not drafts.exists():
        # The rule, and cheaper to find out than to compile the query below.
        return []
    rejections = Event.objects.filter(
        campaign=OuterRef("pk"), to_status=CampaignStatus.DRAFT, reason=SENT_BACK
    ).order_by("-id")
    submitted = Event.objects.filter(campaign=OuterRef("pk"), to_status=CampaignStatus.FREEZING, user=user)
    mine = (
        drafts.filter(Q(created_by=user) | Q(editors=user) | Exists(submitted))
        .annotate(
            sent_back_at=Subquery(rejections.values("at")[:1]),
            first_name=Subquery(rejections.values("user__first_name")[:1]),
            last_name=Subquery(rejections.values("user__last_name")[:1]),
            username=Subquery(rejections.values("user__username")[:1]),
        )
        .distinct()
        .order_by("-sent_back_at")
    )
    found: list[Any] = list(mine)
    for draft in found:
        draft.sent_back_by = f"{draft.first_name} {draft.last_name}".strip() or draft.username
    return found


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a draft that was sent back off the overview. The reason stays in the draft's history."""
    Campaign.objects.filter(pk=pk, status=CampaignStatus.DRAFT, reason=SENT_BACK).update(reason="", sentence="")
    return redirect("overview")
