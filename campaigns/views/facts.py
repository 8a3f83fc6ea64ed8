"""What a campaign is, in words: the same rows on the check, on the approval and on the campaign's page."""

from typing import Any

from django import forms

from campaigns.audience.spec import rehearsal_of
from campaigns.models import Campaign


def facts_of(campaign: Campaign) -> dict[str, Any]:
    """What ``_facts.html`` and ``_rehearsal.html`` show."""
    fields = campaign.account.adapter.OptionsForm.base_fields
    return {
        "lists": campaign.ordered_lists(),
        "option_rows": [
            (field.label or name.replace("_", " ").capitalize(), display_value(field, campaign.options.get(name)))
            for name, field in fields.items()
        ],
        "rehearsal": rehearsal_of(campaign),
    }


def display_value(field: forms.Field, value: Any) -> str:
    """Return the value of an option as its form shows it: a choice by its label, never by its code."""
    if isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        for code, label in choices:
            if str(code) == ("" if value is None else str(value)):
                return str(label)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if value is None and isinstance(field, forms.BooleanField):
        return "No"
    return "—" if value in (None, "") else str(value)
