"""What a campaign is, in words: the same rows on the check, on the approval and on the campaign's page."""

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from campaigns.audience.sources import sources_of
from campaigns.audience.spec import rehearsal_of
from campaigns.audience.versions import display_value, limits_of
from campaigns.audience.warnings import CampaignWarning, Severity
from campaigns.handover.waiting import rules_in_words
from campaigns.models import Campaign, TemplateVersion
from campaigns.views.step_navigation import LABELS, step_url

#: Where a field is on the page of its step, if not under its own name.
ANCHORS = {"letters": "letters", "lists": "sources", "options": "options"}

#: Limits that ``rules_in_words`` shows.
RULES = ("Allowed hours", "Recipients an hour", "First recipients")


def facts_of(campaign: Campaign) -> dict[str, Any]:
    """What ``_facts.html`` and ``_rehearsal.html`` show."""
    fields = campaign.account.adapter.OptionsForm.base_fields if campaign.account_id else {}
    return {
        "sources": sources_of(campaign),
        "template_version": _template_version(campaign),
        "option_rows": [
            (field.label or name.replace("_", " ").capitalize(), display_value(field, campaign.options.get(name)))
            for name, field in fields.items()
        ],
        "limit_rows": [row for row in limits_of(campaign).items() if row[0] not in RULES],
        "rehearsal": rehearsal_of(campaign),
        "rule_rows": rules_in_words(campaign),
    }


def _template_version(campaign: Campaign) -> int:
    """The number of the current version of the template that the campaign copied; 0 without a template."""
    versions = TemplateVersion.objects.filter(template=campaign.template_id or 0).order_by("-number")
    return versions.values_list("number", flat=True).first() or 0


def linked(findings: Sequence[CampaignWarning], campaign: Campaign) -> list[dict[str, Any]]:
    """Each finding with its sentence and a link to the place where it is fixed; url and label may be "".

    ``is_change``: only people who may change campaigns can follow the link. ``prices_url``: where people who may change
    accounts enter the prices that are missing, or "".
    """
    is_draft = campaign.status == Campaign.Status.DRAFT
    rows = []
    for finding in findings:
        url, label = "", ""
        if finding.place == "account":
            url, label = campaign.account.get_absolute_url(), "Open the account"
        elif finding.place == "campaign":
            url, label = reverse("campaigns:campaign", args=[finding.reference]), "Open that campaign"
        elif finding.place == "number" and finding.reference:
            url, label = f"{reverse('campaigns:search')}?{urlencode({'number': finding.reference})}", "Show one of them"
        elif finding.place == "test":
            url, label = reverse("campaigns:test", args=[campaign.pk]), "Test it"
        elif finding.place in LABELS and is_draft:
            url = f"{step_url(campaign, finding.place)}#{ANCHORS.get(finding.field, f'id_{finding.field}')}"
            label = f"Fix it in {LABELS[finding.place]}"
        rows.append(
            {
                "is_blocker": finding.severity == Severity.BLOCKER,
                "is_change": finding.place == "test" or finding.place in LABELS,
                "prices_url": reverse("campaigns:prices", args=[campaign.account_id])
                if finding.code == "no_prices"
                else "",
                "sentence": finding.sentence,
                "url": url,
                "label": label,
            }
        )
    return rows
