"""The list of campaigns, and the check of a draft."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_tables2 import RequestConfig

from campaigns import test_handover
from campaigns.audience.check import check_audience
from campaigns.audience.readiness import findings_of
from campaigns.forms.filters import CampaignFilter
from campaigns.forms.letters import LettersForm
from campaigns.models import Campaign
from campaigns.results import summary
from campaigns.tables import EXCLUDED_WORDS, CampaignTable
from campaigns.views.empty_fields import empty_fields_of
from campaigns.views.facts import facts_of, linked
from campaigns.views.forecasts import last_of_draft
from campaigns.views.letters import expensive_words, grouped
from campaigns.views.preview import sample_of
from campaigns.views.step_navigation import fix_label, fix_url, step_url, steps_of
from campaigns.views.test_handover import results_context
from contacts.errors import Refusal
from providers.models import Account


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def campaigns(request: HttpRequest) -> HttpResponse:
    form = CampaignFilter(request.GET)
    rows = Campaign.objects.select_related("account").all()
    if form.is_valid():
        rows = rows.filter(Q(name__icontains=form.cleaned_data["name"]))
        if form.cleaned_data["status"]:
            rows = rows.filter(status=form.cleaned_data["status"])
    if not form.is_valid() or not form.cleaned_data["tests"]:
        rows = rows.filter(kind=Campaign.Kind.REGULAR)
    table = CampaignTable(rows)
    RequestConfig(request, paginate={"per_page": 25, "silent": True}).configure(table)
    shown = [line.record for line in table.page.object_list]
    summaries = summary.of(shown)
    for row in shown:
        row.summary = summaries[row.pk]
    is_filtered = any(request.GET.get(name) for name in ("name", "status", "tests"))
    return render(request, "campaigns/list.html", {"table": table, "filter": form, "is_filtered": is_filtered})


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def check(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    if campaign.status != Campaign.Status.DRAFT:
        return redirect(campaign)
    return check_page(request, campaign)


def check_page(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """What a draft would become if it were frozen now. A refusal is shown with a link to where it can be fixed."""
    context: dict[str, Any] = {"campaign": campaign, "steps": steps_of(campaign, "check"), **facts_of(campaign)}
    context["back_url"] = step_url(campaign, "when")
    context["may_change"] = request.user.has_perm("campaigns.change_campaign")
    context["is_comparable"] = Account.objects.filter(is_active=True).exclude(pk=campaign.account_id or 0).exists()
    context["events"] = campaign.events.select_related("user", "batch").order_by("-id")[:50]
    context |= results_context(campaign)
    try:
        audience_check = check_audience(campaign)
    except Refusal as refusal:
        # Everything that the steps lack; if they lack nothing, the refusal itself.
        blockers = [
            {"is_blocker": True, "sentence": sentence, "url": f"{step.url}?fix=1", "label": f"Fix it in {step.label}"}
            for step in context["steps"]
            if not step.is_current
            for sentence in step.missing
        ]
        alone = {
            "is_blocker": True,
            "sentence": refusal.sentence,
            "url": fix_url(campaign, refusal.code),
            "label": fix_label(refusal.code),
        }
        return render(request, "campaigns/check.html", context | {"refusal": refusal, "blockers": blockers or [alone]})
    now = timezone.now()
    found = [*findings_of(campaign, audience_check, now), *test_handover.no_test_warning(context["tests"])]
    findings = linked(found, campaign)
    context |= {
        "check": audience_check,
        "empty_fields": empty_fields_of(campaign, audience_check),
        "blockers": [finding for finding in findings if finding["is_blocker"]],
        "warnings": [finding for finding in findings if not finding["is_blocker"]],
        "excluded": [(EXCLUDED_WORDS[reason], n) for reason, n in sorted(audience_check.excluded.items()) if n],
        "histogram": sorted(audience_check.histogram.items()),
        "last_sentence": last_of_draft(campaign, audience_check.included, now, audience_check.msisdns),
    }
    context |= {
        "letters_in_text": audience_check.letters_in_text,
        "letters_by_field": grouped(campaign, audience_check.letters),
        "letters_form": LettersForm(instance=campaign),
        "typical": audience_check.typical,
        "expensive": expensive_words(audience_check.expensive),
    }
    context |= sample_of(request, campaign, audience_check)
    return render(request, "campaigns/check.html", context)
