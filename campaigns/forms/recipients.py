"""The form of the first step of a draft: who gets the text."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from auditlog import get_logentry_model
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.http import QueryDict

from campaigns.audience.sources import Sources
from campaigns.forms.source_choices import (
    Groups,
    exclusion_of,
    exclusions_to_choose,
    key_of,
    source_of,
    sources_to_choose,
)
from campaigns.forms.steps import StepForm
from campaigns.models import Campaign, CampaignExclusion, CampaignList
from contacts.audit_log import record
from contacts.fields import FIELD_LABELS, VALUE_FIELDS
from contacts.ids import as_id
from contacts.segments import MAX_DAYS

Row = TypeVar("Row", CampaignList, CampaignExclusion)


class KeysWidget(forms.SelectMultiple):
    """Several selects with the same name, in their order on the page."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])


class RowsField(forms.Field, Generic[Row]):
    """Keys of ``source_choices`` in order; cleans to unsaved rows, possibly none."""

    widget = KeysWidget

    def __init__(self, row_of: Callable[[str], Row | None], **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.row_of: Callable[[str], Row | None] = row_of

    def clean(self, value: Any) -> list[Row]:
        keys = [str(key) for key in value or [] if key]
        rows = [row for key in keys if (row := self.row_of(key))]
        if len(rows) != len(keys):
            raise forms.ValidationError(
                "A list, segment or campaign that you chose was deleted. Choose again.", code="unknown_list"
            )
        twice = next((row for row, key in zip(rows, keys, strict=True) if keys.count(key) > 1), None)
        if twice:
            raise forms.ValidationError(f"{twice.name} is chosen twice.", code="list_twice")
        return rows


def labels_of(campaign: Campaign) -> dict[str, str]:
    """The fields that the text of a draft can use, with their labels: see Campaign.value_labels.

    Lists without labels, or no list, offer all six values by their number.
    """
    return campaign.value_labels() or {field: FIELD_LABELS[field] for field in VALUE_FIELDS}


class RecipientsForm(StepForm):
    """Who gets the text. ``lists`` and ``exclude`` in ``initial`` hold keys of ``source_choices``."""

    lists = RowsField[CampaignList](source_of, label="Lists")
    exclude = RowsField[CampaignExclusion](exclusion_of, label="Exclude")

    class Meta:
        model = Campaign
        fields = ("not_texted_for_days",)
        labels = {"not_texted_for_days": "Skip people who were texted in the last days"}
        help_texts = {
            "not_texted_for_days": "A number of days, such as 30. Leave blank to text people however recently any"
            " campaign texted them."
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = self.fields["not_texted_for_days"]
        sentence = f"Enter a number of days from 1 to {MAX_DAYS:,}, or leave it blank."
        days.validators += [MinValueValidator(1, sentence), MaxValueValidator(MAX_DAYS, sentence)]
        days.widget.attrs |= {"min": 1, "max": MAX_DAYS}

    def chosen_lists(self) -> list[str]:
        """The keys chosen right now, in the order of the selects."""
        return self._keys("lists") or [""]

    def chosen_exclusions(self) -> list[str]:
        """The keys excluded right now, in the order of the selects."""
        return self._keys("exclude")

    def offered_lists(self) -> Groups:
        return sources_to_choose(self.instance, self.chosen_lists())

    def offered_exclusions(self) -> Groups:
        return exclusions_to_choose(self.instance, self.chosen_exclusions())

    def sources(self) -> Sources:
        """What is chosen right now, whether it is valid or not; nothing is saved."""
        days = as_id(self["not_texted_for_days"].value())
        return Sources(
            [row for key in dict.fromkeys(self._keys("lists")) if (row := source_of(key))],
            [out for key in dict.fromkeys(self._keys("exclude")) if (out := exclusion_of(key))],
            days if days is not None and days <= MAX_DAYS else None,
        )

    def is_as_saved(self) -> bool:
        """Whether what is chosen right now is what the draft has stored."""
        if not self.instance.pk:
            return False
        chosen = {name: list(dict.fromkeys(self._keys(name))) for name in ("lists", "exclude")}
        days = as_id(self["not_texted_for_days"].value())
        return (chosen, days) == (chosen_keys(self.instance), self.instance.not_texted_for_days)

    @classmethod
    def stored(cls, campaign: Campaign) -> list[Any]:
        return [*super().stored(campaign), *chosen_keys(campaign).items()]

    def save(self, campaign: Campaign) -> None:  # type: ignore[override]
        super().save(campaign)
        before = _names(campaign)
        if "lists" in self.cleaned_data:
            _replace(campaign.campaignlist_set.all(), campaign, self.cleaned_data["lists"])
        if "exclude" in self.cleaned_data:
            _replace(campaign.exclusions.all(), campaign, self.cleaned_data["exclude"])
        after = _names(campaign)
        changes = {kind: (before[kind], after[kind]) for kind in after if before[kind] != after[kind]}
        if changes:
            record(campaign, get_logentry_model().Action.UPDATE, changes)

    def _keys(self, name: str) -> list[str]:
        return [str(key) for key in self[name].value() or []]


def chosen_keys(campaign: Campaign) -> dict[str, list[str]]:
    """What a saved campaign chooses and excludes, as ``initial`` of the form."""
    return {
        "lists": [key_of(row) for row in campaign.campaignlist_set.order_by("position")],
        "exclude": [key_of(row) for row in campaign.exclusions.all()],
    }


def _names(campaign: Campaign) -> dict[str, str]:
    """What a saved campaign chooses and excludes, as the audit trail names it."""
    return {
        "lists": ", ".join(row.name for row in campaign.campaignlist_set.order_by("position")),
        "excluded": ", ".join(row.name for row in campaign.exclusions.all()),
    }


def _replace(saved: models.QuerySet[Any], campaign: Campaign, rows: Sequence[Any]) -> None:
    saved.delete()
    for position, row in enumerate(rows, start=1):
        row.campaign = campaign
        if isinstance(row, CampaignList):
            row.position = position
        row.save()


def turned(posted: QueryDict, campaign: Campaign) -> QueryDict:
    """The data of the step after one of its small buttons (``turn``), without checking or saving it."""
    verb, _, where = posted.get("turn", "").partition("-")
    data = posted.copy()
    name = "exclude" if verb.endswith("_exclusion") else "lists"
    keys, found = data.getlist(name), as_id(where)
    at = -1 if found is None else found
    if verb in ("add", "add_exclusion"):
        keys.append("")
    elif verb in ("remove", "remove_exclusion") and 0 <= at < len(keys):
        del keys[at]
    elif verb == "up" and 0 < at < len(keys):
        keys[at - 1], keys[at] = keys[at], keys[at - 1]
    elif verb == "down" and 0 <= at < len(keys) - 1:
        keys[at + 1], keys[at] = keys[at], keys[at + 1]
    data.setlist(name, keys)
    return data
