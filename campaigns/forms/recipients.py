"""The form of the first step of a draft: who gets the text."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from campaigns.forms.steps import StepForm
from campaigns.models import Campaign, CampaignList
from contacts.fields import FIELD_LABELS, VALUE_FIELDS
from contacts.models import ContactList


class ListsWidget(forms.SelectMultiple):
    """Several selects with the same name, in their order on the page."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])


class ListsField(forms.Field):
    """The chosen contact lists in order; cleans to a list of ContactList, which is empty if none is chosen."""

    widget = ListsWidget

    def clean(self, value: Any) -> list[ContactList]:
        chosen = [item for item in value or [] if item]
        known = ContactList.objects.in_bulk([int(item) for item in chosen if str(item).isdigit()])
        lists = [known[int(item)] for item in chosen if str(item).isdigit() and int(item) in known]
        if len(lists) != len(chosen):
            raise forms.ValidationError("A list that you chose was deleted. Choose again.", code="unknown_list")
        if len(set(lists)) != len(lists):
            twice = next(row for row in lists if lists.count(row) > 1)
            raise forms.ValidationError(f"{twice} is chosen twice.", code="list_twice")
        return lists


def labels_of(lists: Sequence[str]) -> dict[str, str]:
    """The fields that a text can use with their labels, by the first chosen list. ``lists``: primary keys or "".

    A list without labels, or no list, offers all six values by their number.
    """
    first = next((pk for pk in lists if pk.isdigit()), None)
    chosen = ContactList.objects.filter(pk=first).first() if first else None
    labelled = chosen.labelled_fields() if chosen else {}
    return labelled or {field: FIELD_LABELS[field] for field in VALUE_FIELDS}


class RecipientsForm(StepForm):
    """Whose contacts get the text. ``lists`` in ``initial`` holds primary keys."""

    lists = ListsField(label="Lists", required=False)

    class Meta:
        model = Campaign
        fields = ()

    def chosen_lists(self) -> list[str]:
        """The primary keys chosen right now, in the order of the selects."""
        if self.is_bound:
            return self.data.getlist("lists") or [""]  # type: ignore[attr-defined]
        return [str(pk) for pk in self.initial.get("lists", [])] or [""]

    def save(self, campaign: Campaign) -> None:  # type: ignore[override]
        super().save(campaign)
        if "lists" not in self.cleaned_data:
            return
        campaign.campaignlist_set.all().delete()
        CampaignList.objects.bulk_create(
            CampaignList(campaign=campaign, contact_list=chosen, position=position)
            for position, chosen in enumerate(self.cleaned_data["lists"], start=1)
        )


def turned(posted: QueryDict) -> QueryDict:
    """The data of the step after one of its small buttons (``turn``), without checking or saving it."""
    verb, _, where = posted.get("turn", "").partition("-")
    data, lists = posted.copy(), posted.getlist("lists")
    at = int(where) if where.isdigit() else -1
    if verb == "add":
        lists.append("")
    elif verb == "remove" and 0 <= at < len(lists):
        del lists[at]
    elif verb == "up" and 0 < at < len(lists):
        lists[at - 1], lists[at] = lists[at], lists[at - 1]
    elif verb == "down" and 0 <= at < len(lists) - 1:
        lists[at + 1], lists[at] = lists[at], lists[at + 1]
    data.setlist("lists", lists)
    return data
