"""The form of the start and the end of a draft."""

from typing import Any

from django.utils import timezone

from campaigns.forms.inputs import LocalDateTimeInput
from campaigns.forms.steps import StepForm
from campaigns.models import Campaign


class TimesForm(StepForm):
    """When a campaign starts and ends, and whether its files are uploaded before the start."""

    class Meta:
        model = Campaign
        fields = ("start_at", "end_at", "is_early")
        widgets = {"start_at": LocalDateTimeInput(), "end_at": LocalDateTimeInput()}
        labels = {
            "start_at": "Start",
            "end_at": "End",
            "is_early": "Upload now; the provider waits until the start time",
        }
        help_texts = {"is_early": "The files cannot be recalled, and opt-outs received later do not count."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = f"{timezone.localtime():%Z}"
        self.fields["start_at"].help_text = f"In {zone}. Leave blank to start as soon as it is approved."
        self.fields["end_at"].help_text = f"In {zone}. Nothing is handed over after the end. Leave blank for no end."
        if not self.can_be_early():
            del self.fields["is_early"]

    def can_be_early(self) -> bool:
        """Whether the chosen account's provider holds files until a start."""
        account = self.instance.account if self.instance.account_id else None
        return bool(account and account.adapter.starts_later)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end, now = cleaned.get("start_at"), cleaned.get("end_at"), timezone.now()
        if start and "start_at" in self.changed_data and start < now:
            self.add_error("start_at", "The start is in the past. Choose a later one, or leave it blank.")
        if end and end <= now:
            self.add_error("end_at", "The end is in the past. Choose a later one.")
        elif end and start and end <= start:
            self.add_error("end_at", "The end must be later than the start.")
        if cleaned.get("is_early"):
            self._clean_early(start)
        return cleaned

    def _clean_early(self, start: Any) -> None:
        ahead = self.instance.account.adapter.limits.start_ahead
        if not start:
            self.add_error("is_early", "Uploading now needs a start.")
        elif ahead and start > timezone.now() + ahead:
            self.add_error("start_at", f"The provider holds files for at most {ahead.days} days.")
