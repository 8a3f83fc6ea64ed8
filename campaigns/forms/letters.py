"""How letters that the provider lacks are handled."""

from typing import Any

from django import forms

from campaigns.forms.steps import StepForm
from campaigns.models import Campaign


class LettersForm(StepForm):
    """How letters that the provider lacks are handled."""

    class Meta:
        model = Campaign
        fields = ("letters",)
        widgets = {"letters": forms.RadioSelect}
        labels = {"letters": "Letters that the provider lacks"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A page that does not ask leaves the choice as it is.
        self.fields["letters"].required = False

    def clean_letters(self) -> str:
        return self.cleaned_data["letters"] or self.instance.letters
