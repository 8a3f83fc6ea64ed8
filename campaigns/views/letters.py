"""The letters of a campaign that its account lacks: what they are, whose they are, and what is done about them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from campaigns.audience.check import CHECKED
from campaigns.audience.letter_counts import OWN_TEXT
from campaigns.audience.replacements import find_replacements
from campaigns.forms.letters import LettersForm
from campaigns.forms.steps import record_edit
from campaigns.models import Campaign
from campaigns.templatetags.badges import visible
from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS
from providers import gsm

ROWS = 50


@require_http_methods(["GET", "POST"])
@permission_required("campaigns.view_campaign", raise_exception=True)
def letters(request: HttpRequest, pk: int) -> HttpResponse:
    """Before and after of everything that is replaced or lacking; a POST stores the choice of a draft.

    ``?field=`` and ``?letter=`` list the people who have a letter in a field.
    """
    row = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    if request.method == "POST":
        return _choose(request, row)
    field, letter = request.GET.get("field", ""), request.GET.get("letter", "")
    context: dict[str, Any] = {"campaign": row, "field": field, "letter": letter}
    context["may_change"] = row.status == Campaign.Status.DRAFT and request.user.has_perm("campaigns.change_campaign")
    context["letters_form"] = LettersForm(instance=row)
    try:
        if row.account_id is None:
            raise Refusal("no_account", "Choose the account first: each account takes other characters.")
        found = find_replacements(row, field, letter)
    except Refusal as refusal:
        return render(request, "campaigns/letters.html", context | {"refusal": refusal})
    page = Paginator(found.rows, ROWS).get_page(request.GET.get("page"))
    labels = labels_of(row)
    context |= {"in_text": found.in_text, "by_field": grouped(row, found.by_field), "page": page}
    context["is_cut"] = row.status == Campaign.Status.DRAFT and found.looked_at >= CHECKED
    context |= {"field_label": labels.get(field, ""), "rows": [(labels[each.field], each) for each in page]}
    return render(request, "campaigns/letters.html", context)


def labels_of(campaign: Campaign) -> dict[str, str]:
    """What each field is called on the campaign's lists, and the person's own text."""
    return {**FIELD_LABELS, OWN_TEXT: "Own message", **campaign.value_labels()}


def grouped(campaign: Campaign, by_field: dict[str, Any]) -> list[dict[str, Any]]:
    """For each field its label and the letters in it with their number of people, the most frequent first."""
    labels = labels_of(campaign)
    return [
        {"field": field, "label": labels[field], "letters": sorted(found.items(), key=lambda item: (-item[1], item[0]))}
        for field, found in by_field.items()
    ]


def expensive_words(expensive: Mapping[str, Sequence[int]]) -> list[str]:
    """A sentence for each character that makes texts cost more parts: ``{character: (texts, additional parts)}``."""
    sentences = []
    for character, (texts, parts) in list(expensive.items())[:3]:
        why = "takes two characters" if character in gsm.EXTENSION else "makes them Unicode"
        sentences.append(
            f"“{visible(character)}” makes {texts:,} {'text' if texts == 1 else 'texts'} longer: it {why}, which adds"
            f" {parts:,} {'part' if parts == 1 else 'parts'}."
        )
    return sentences


def _choose(request: HttpRequest, row: Campaign) -> HttpResponse:
    if not request.user.has_perm("campaigns.change_campaign"):
        raise PermissionDenied
    with transaction.atomic():
        draft = Campaign.objects.select_for_update().filter(pk=row.pk, status=Campaign.Status.DRAFT).first()
        form = LettersForm(request.POST, instance=draft) if draft else None
        if draft is None:
            messages.error(request, f"{row} is not a draft. Nothing was changed.")
        elif form and form.is_valid():
            form.save(draft)
            record_edit(draft, request.user)
    address = reverse(f"campaigns:{'check' if request.POST.get('back') == 'check' else 'letters'}", args=[row.pk])
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)  # type: ignore[attr-defined]
