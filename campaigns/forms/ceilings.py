"""The most that a draft may cost."""

from typing import Any

from campaigns.forms.steps import StepForm, say_in_words
from campaigns.models import Campaign


class CeilingsForm(StepForm):
    """The most that a draft may cost, in parts and in money; above it, it is not submitted."""

    class Meta:
        model = Campaign
        fields = ("parts_ceiling", "cost_ceiling")
        labels = {"parts_ceiling": "At most this many parts", "cost_ceiling": "At most this much money"}
        help_texts = {
            "parts_ceiling": "A text with more than 160 characters has several parts. Leave blank for no limit.",
            "cost_ceiling": "Leave blank for no limit.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            say_in_words(field, 0)
            field.widget.attrs |= {"inputmode": "decimal"}
        account = self.instance.account
        if account is not None and account.currency:
            hint = f"In {account.currency}, by the prices of {account}. Leave blank for no limit."
            self.fields["cost_ceiling"].help_text = hint
        elif account is not None:
            hint = f"Needs the prices of {account}, which it does not have yet. Leave blank for no limit."
            self.fields["cost_ceiling"].help_text = hint

    def is_open(self) -> bool:
        return self.is_any_set("parts_ceiling", "cost_ceiling")
