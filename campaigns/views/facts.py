"""What a campaign is, in words: the same rows on the check, on the approval and on the campaign's page."""

from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from campaigns.audience.spec import rehearsal_of
from campaigns.audience.versions import display_value
from campaigns.audience.warnings import CampaignWarning
from campaigns.models import Campaign
from campaigns.views.step_navigation import step_url


def facts_of(campaign: Campaign) -> dict[str, Any]:
    """What ``_facts.html`` and ``_rehearsal.html`` show."""
    fields = campaign.account.adapter.OptionsForm.base_fields if campaign.account_id else {}
    return {
        "lists": campaign.ordered_lists(),
        "option_rows": [
            (field.label or name.replace("_", " ").capitalize(), display_value(field, campaign.options.get(name)))
            for name, field in fields.items()
        ],
        "rehearsal": rehearsal_of(campaign),
    }


def linked(warnings: list[CampaignWarning], campaign: Campaign) -> list[dict[str, str]]:
    """Each warning with its sentence and a link to the place where it is fixed; url and label may be ""."""
    edit = step_url(campaign, "message") if campaign.status == Campaign.Status.DRAFT else ""
    rows = []
    for warning in warnings:
        url, label = "", ""
        if warning.place == "account":
            url, label = campaign.account.get_absolute_url(), "Open the account"
        elif warning.place == "campaign":
            url, label = reverse("campaigns:campaign", args=[warning.reference]), "Open that campaign"
        elif warning.place == "number" and warning.reference:
            url, label = f"{reverse('campaigns:search')}?{urlencode({'number': warning.reference})}", "Show one of them"
        elif warning.place == "text" and edit:
            url, label = edit, "Edit the text"
        rows.append({"sentence": warning.sentence, "url": url, "label": label})
    return rows
