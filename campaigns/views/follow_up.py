"""Text again those who got no text, see where a campaign stands, and correct the rest of it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from campaigns import follow_up as repairs
from campaigns.models import Campaign
from campaigns.results.standing import PLACES, handover_summary
from campaigns.statuses import PAUSED_BY_USER
from contacts.errors import Refusal


@permission_required("campaigns.add_campaign", raise_exception=True)
def follow_up(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose by cause who is texted again, with how many can be and why the others cannot; a POST makes the draft.

    ``?code=`` ticks the causes with that code only.
    """
    campaign = _campaign(pk)
    causes = repairs.causes_of(campaign)
    if request.method == "POST":
        by_key = {_key(cause): cause for cause in causes}
        chosen = [by_key[key] for key in request.POST.getlist("causes") if key in by_key]
        try:
            if not chosen:
                raise Refusal("nobody_chosen", "Choose who is texted again.")
            outcomes = {cause.outcome for cause in chosen}
            pairs = {(cause.outcome, cause.code) for cause in chosen}
            draft = repairs.follow_up(campaign, outcomes, request.user, timezone.now(), pairs)
        except Refusal as refusal:
            messages.error(request, refusal.sentence)
        else:
            messages.success(request, "This is a new draft. Correct its people, then submit it for approval.")
            return redirect("campaigns:people", draft.pk)
    context = {
        "campaign": campaign,
        "groups": _groups(causes, request.GET.get("code", "")),
        "eligible": sum(cause.eligible for cause in causes),
        "people": sum(cause.people for cause in causes),
        "drafts": Campaign.objects.filter(follows=campaign, status=Campaign.Status.DRAFT).order_by("pk"),
        "why_not": repairs.why_not_follow_up(campaign),
    }
    return render(request, "campaigns/follow_up.html", context)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def standing(request: HttpRequest, pk: int) -> HttpResponse:
    """What of a campaign is handed over for good, and what a pause or a cancellation still stops, by file."""
    campaign = _campaign(pk)
    summary = handover_summary(campaign, timezone.now())
    may_change = request.user.has_perm("campaigns.change_campaign")
    may_resume = (
        may_change if campaign.reason == PAUSED_BY_USER else request.user.has_perm("campaigns.approve_campaign")
    )
    is_active = campaign.status in (Campaign.Status.RUNNING, Campaign.Status.PAUSED)
    context = {
        "campaign": campaign,
        "summary": summary,
        "headings": list(PLACES.values()),
        "between": summary.totals["committing"]
        + sum(one.batch.rows for one in summary.files if one.batch.status in ("uploading", "unclear")),
        "may_pause": may_change and campaign.status == Campaign.Status.RUNNING,
        "may_resume": may_resume and campaign.status == Campaign.Status.PAUSED,
        "may_cancel": may_change and is_active,
        "may_correct": may_change and campaign.status == Campaign.Status.PAUSED,
    }
    return render(request, "campaigns/standing.html", context)


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def correct_rest(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel the rest of a paused campaign, and continue with a draft of the people in it."""
    campaign = _campaign(pk)
    try:
        draft = repairs.correct_the_rest(campaign, request.user, timezone.now())
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect("campaigns:standing", pk)
    messages.success(
        request, f"The rest of “{campaign}” is cancelled. This new draft has its people: change the text and submit it."
    )
    return redirect("campaigns:message_step", draft.pk)


def _campaign(pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.select_related("account"), pk=pk)


def _key(cause: repairs.Cause) -> str:
    return f"{cause.outcome}:{cause.code}"


def _groups(causes: list[repairs.Cause], code: str) -> list[dict[str, Any]]:
    """The causes by outcome, each with its key in the form and the words why some are not texted again.

    Those with ``code`` are ticked, or all if it is "", as far as there is anybody to text again.
    """
    groups = []
    for outcome, words in repairs.OUTCOMES.items():
        rows = [
            {
                "key": _key(cause),
                "cause": cause,
                "is_ticked": bool(cause.eligible) and code in ("", cause.code),
                "blocked": [(count, repairs.BLOCKED[why]) for why, count in cause.blocked.items()],
            }
            for cause in causes
            if cause.outcome == outcome
        ]
        if rows:
            groups.append({"words": words, "rows": rows})
    return groups
