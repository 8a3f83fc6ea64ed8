"""What the lists of campaigns and recipients show."""

from typing import Any

from django import forms

from campaigns.models import Campaign
from campaigns.tables import OUTCOME_WORDS
from contacts.elements import Select


class CampaignFilter(forms.Form):
    """Which campaigns are listed."""

    name = forms.CharField(label="Name", required=False)
    status = forms.ChoiceField(
        label="Status", required=False, choices=[("", "All statuses"), *Campaign.Status.choices], widget=Select
    )
    tests = forms.BooleanField(label="Show test handovers", required=False)


class RecipientFilter(forms.Form):
    """The recipients of a campaign that are shown or exported."""

    number = forms.CharField(label="Number", required=False)
    code = forms.CharField(required=False, widget=forms.HiddenInput())
    batch = forms.IntegerField(label="File", required=False)

    field_order = ("number", "outcome", "batch", "code")

    def __init__(self, *args: Any, batch_numbers: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["outcome"] = forms.ChoiceField(
            label="Outcome", required=False, choices=[("", "All outcomes"), *OUTCOME_WORDS.items()], widget=Select
        )
        choices = [("", "All files"), *((number, f"File {number}") for number in batch_numbers)]
        self.fields["batch"].widget = Select(choices=choices)
