"""The phone of one real recipient, for the check and for the approval."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from campaigns.audience import check
from campaigns.models import Campaign
from contacts.errors import Refusal


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """One real recipient's phone; ``?row=`` counts from 1."""
    row = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    return render(request, "campaigns/_preview.html", {"campaign": row, **sample_of(request, row)})


def sample_of(request: HttpRequest, row: Campaign) -> dict[str, Any]:
    """The recipient to show on the phone, or why there is none."""
    raw = request.GET.get("row", "1")
    try:
        sample = check.sample(row, int(raw) if raw.isdigit() and len(raw) < 10 else 1)
    except Refusal as refusal:
        return {"sample": None, "sample_refusal": refusal.sentence}
    if sample is None:
        return {"sample": None}
    return {
        "sample": sample,
        "sample_limit": _room(sample.measure.alphabet, sample.measure.parts),
        "sample_foreign": sample.measure.alphabet != "gsm" and row.account.adapter.limits.alphabet == "gsm",
    }


def _room(alphabet: str, parts: int) -> int:
    single, each = (160, 153) if alphabet == "gsm" else (70, 67)
    return single if parts <= 1 else parts * each
