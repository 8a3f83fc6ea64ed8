"""The phone preview of one real recipient, for the check and the approval."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from campaigns.audience import samples
from campaigns.audience.check import AudienceCheck
from campaigns.audience.statistics import Kind
from campaigns.models import Campaign
from contacts.errors import Refusal
from contacts.phones import TYPED, PhoneError, parse

#: The tabs of the preview, with their labels; the first shows everybody.
TABS = {
    "": "Anybody",
    "longest": "Longest",
    "parts": "Most parts",
    "replaced": "Special letters",
    "empty": "Empty field",
    "own": "Own message",
}


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """One real recipient's phone. ``?row=`` counts from 1, in the tab ``?kind=``; ``?number=`` asks for one person.

    ``?part=phone`` leaves out the tabs, whose numbers need all texts of a draft.
    """
    row = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    if request.GET.get("part") == "phone":
        return render(request, "campaigns/_preview_phone.html", {"campaign": row, **_phone(request, row, None)})
    return render(request, "campaigns/_preview.html", {"campaign": row, **sample_of(request, row)})


def sample_of(request: HttpRequest, row: Campaign, check: AudienceCheck | None = None) -> dict[str, Any]:
    """What ``_preview.html`` shows: a recipient, or why there is none, and the tabs.

    ``check`` is that of a draft that was checked already.
    """
    try:
        kinds = check.kinds if check else samples.kinds_of(row)
    except Refusal as refusal:
        return {"sample": None, "sample_refusal": refusal.sentence}
    phone = _phone(request, row, kinds, check.included + sum(check.skipped.values()) if check else None)
    tabs = [(kind, label, kinds[kind].count if kind else None) for kind, label in TABS.items()]
    return {**phone, "preview_tabs": [tab for tab in tabs if tab[2] != 0]}


def _phone(
    request: HttpRequest, row: Campaign, kinds: Mapping[str, Kind] | None, total: int | None = None
) -> dict[str, Any]:
    number = request.GET.get("number", "").strip()
    kind, position = asked_in(request.GET)
    context: dict[str, Any] = {"preview_kind": kind, "preview_number": number, "sample": None}
    try:
        if number:
            sample = samples.sample_of_number(row, parse(number, settings.DEFAULT_COUNTRY, TYPED))
            context["sample_refusal"] = "" if sample else "This number is not among the recipients."
        elif kind:
            sample = samples.sample_of_kind(row, (kinds or samples.kinds_of(row))[kind], position)
        else:
            sample = samples.sample(row, position, total)
    except (Refusal, PhoneError) as refusal:
        return context | {"sample_refusal": refusal.sentence}
    if sample is None:
        return context
    return context | {
        "sample": sample,
        "sample_limit": room_of(sample.measure.alphabet, sample.measure.parts),
        "sample_foreign": sample.measure.alphabet != "gsm" and row.account.adapter.limits.alphabet == "gsm",
    }


def asked_in(query: Mapping[str, str]) -> tuple[str, int]:
    """The tab and the position (from 1) of the recipient that ``kind`` and ``row`` ask for; else the first of all."""
    kind, row = query.get("kind", ""), query.get("row", "1")
    is_position = row.isascii() and row.isdigit() and len(row) < 10
    return kind if kind in TABS else "", int(row) if is_position else 1


def room_of(alphabet: str, parts: int) -> int:
    """How many units fit into this many parts."""
    single, each = (160, 153) if alphabet == "gsm" else (70, 67)
    return single if parts <= 1 else parts * each
