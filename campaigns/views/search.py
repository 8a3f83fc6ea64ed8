"""One number: everything that was ever done about it."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from campaigns.audience.spec import finished_text, rehearsal_of
from campaigns.audience.texts import compile_text
from campaigns.models import Batch, Recipient
from campaigns.views import recipients
from contacts.errors import Refusal
from contacts.models import Consent, Contact, ContactList, Suppression
from contacts.phones import EVERYTHING, PhoneError, parse

SHOWN = 200


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def search(request: HttpRequest) -> HttpResponse:
    typed = request.GET.get("number", "").strip()
    if not typed:
        return render(request, "campaigns/search.html", {})
    try:
        msisdn = parse(typed, settings.DEFAULT_COUNTRY, EVERYTHING)
    except PhoneError as error:
        return render(
            request, "campaigns/search.html", {"typed": typed, "error": getattr(error, "sentence", str(error))}
        )
    suppressions = list(Suppression.objects.filter(msisdn=msisdn).select_related("created_by"))
    context = {
        "typed": typed,
        "msisdn": msisdn,
        "contacts": Contact.objects.filter(msisdn=msisdn).select_related("list"),
        "suppressions": suppressions,
        "is_opted_out": any(row.lifted_at is None for row in suppressions),
        "consents": Consent.objects.filter(msisdn=msisdn).select_related("created_by"),
        "history": _history(msisdn),
    }
    return render(request, "campaigns/search.html", context)


def _history(msisdn: str) -> list[dict[str, Any]]:
    """The campaigns that include this number, newest first, with its text and its outcome."""
    found = list(Recipient.objects.filter(msisdn=msisdn).select_related("campaign__account").order_by("-id")[:SHOWN])
    batches: dict[int, list[Batch]] = {}
    for batch in Batch.objects.filter(campaign__in={row.campaign_id for row in found}):
        batches.setdefault(batch.campaign_id, []).append(batch)
    names = dict(ContactList.objects.filter(pk__in={row.list_id for row in found}).values_list("pk", "name"))
    history = []
    for row in found:
        of_campaign = batches.get(row.campaign_id, [])
        recipients.add_outcomes(row.campaign, of_campaign, [row])
        try:
            text = finished_text(compile_text(row.campaign.text), row)
        except Refusal:
            text = row.campaign.text
        current = recipients.current_generations(of_campaign).get(row.batch_number or 0)
        history.append(
            {
                "recipient": row,
                "text": text,
                "batch": current,
                "list_name": names.get(row.list_id, ""),
                "rehearsal": rehearsal_of(row.campaign),
            }
        )
    return history
