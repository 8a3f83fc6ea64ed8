"""The forms of decisions about campaigns and batches."""

from typing import Any

from django import forms
from django.utils import timezone

from campaigns.decisions import DECISIONS
from campaigns.forms.inputs import LocalDateTimeInput
from campaigns.models import Batch, Campaign
from campaigns.results.uploaded_log import UploadedLog

#: Bytes of a provider's log that a person may upload.
LARGEST_LOG = 5_000_000


class ReasonForm(forms.Form):
    """The reason for a person's decision."""

    why = forms.CharField(label="Reason", max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


class DecideForm(ReasonForm):
    """What happened to an unclear batch."""

    decision = forms.ChoiceField(label="What happened", choices=list(DECISIONS.items()), widget=forms.RadioSelect)
    log = forms.FileField(
        label="The provider's log",
        required=False,
        allow_empty_file=True,
        help_text="Only if part was texted: the numbers it lists were texted. Text, CSV or JSON, at most 5 MB.",
    )

    field_order = ("decision", "log", "why")

    def clean_log(self) -> UploadedLog | None:
        uploaded = self.cleaned_data["log"]
        if uploaded is None:
            return None
        if uploaded.size > LARGEST_LOG:
            raise forms.ValidationError("The log is larger than 5 MB. Upload only the part about these files.")
        return UploadedLog(uploaded.name[:100], uploaded.read())


class DecideManyForm(DecideForm):
    """One decision about several of a campaign's unclear batches."""

    batches = forms.ModelMultipleChoiceField(
        queryset=Batch.objects.none(),
        error_messages={
            "required": "Choose at least one file.",
            "invalid_choice": "A file has been decided in the meantime.",
        },
    )

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["batches"].queryset = campaign.batches.filter(status=Batch.Status.UNCLEAR)  # type: ignore[attr-defined]


class StartForm(forms.Form):
    """A new start of a held campaign."""

    start_at = forms.DateTimeField(label="New start", required=False, widget=LocalDateTimeInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["start_at"].help_text = f"In {timezone.localtime():%Z}. Leave blank to start now."
