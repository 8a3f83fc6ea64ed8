"""Fields of a draft's text that are empty for somebody: these people are skipped, or read a fallback."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from campaigns.audience.binding import label_of
from campaigns.audience.check import AudienceCheck, usable_text_of
from campaigns.audience.sources import count_missing
from campaigns.audience.texts import with_fallback
from campaigns.models import Campaign
from campaigns.statuses import ExcludedReason
from contacts.errors import Refusal
from contacts.fields import VALUE_FIELDS
from contacts.segment_forms import query_string


def empty_fields_of(campaign: Campaign, check: AudienceCheck) -> list[dict[str, Any]]:
    """Each field that is empty for somebody, with its label, how many are skipped for it, and their pages by list."""
    if not check.excluded.get(ExcludedReason.MISSING_FIELD):
        return []
    missing = count_missing(campaign, usable_text_of(campaign))
    labels, lists = campaign.value_labels(), campaign.ordered_lists()
    return [
        {
            "field": field,
            "label": label_of(field, labels),
            "count": missing[field],
            "lists": [
                (row.name, f"{row.get_absolute_url()}?{query_string([{'field': field, 'is': 'empty', 'value': ''}])}")
                for row in lists
            ],
        }
        for field in VALUE_FIELDS
        if missing[field]
    ]


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def fallback(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a fallback to one field, wherever the text uses it."""
    campaign = get_object_or_404(Campaign, pk=pk)
    field, words = request.POST.get("field", ""), request.POST.get("fallback", "")
    label = label_of(field, campaign.value_labels()) if field in VALUE_FIELDS else field
    try:
        with transaction.atomic():
            draft = Campaign.objects.select_for_update().filter(pk=pk, status=Campaign.Status.DRAFT).first()
            if draft is None:
                raise Refusal("no_draft", f"{campaign} is no longer a draft. Nothing was changed.")
            draft.text = with_fallback(draft.text, field, words)
            draft.save(update_fields=["text"])
            if isinstance(request.user, User):
                draft.editors.add(request.user)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, f"People without {label} now read “{words.strip()}” instead.")
    return redirect(reverse("campaigns:check", args=[pk]))
