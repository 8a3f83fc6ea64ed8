"""What the forms of the steps of a draft have in common."""

import hashlib
from collections.abc import Iterable
from typing import Any

from django import forms

from campaigns.models import Campaign


class StepForm(forms.ModelForm):
    """One step of a draft, or a part of it. Its fields have no prefix.

    A step is saved as it is left, so ``save`` also works after ``is_valid`` returned False: it stores what is valid
    and leaves the rest as it was.
    """

    def save(self, campaign: Campaign) -> None:  # type: ignore[override]
        """Store the valid fields in ``campaign``, a row that the caller has locked."""
        names = [name for name in self._meta.fields or () if name in self.cleaned_data]
        for name in names:
            setattr(campaign, name, self.cleaned_data[name])
        if names:
            campaign.save(update_fields=names)

    @classmethod
    def stored(cls, campaign: Campaign) -> list[Any]:
        """What ``save`` stores, as ``campaign`` has it."""
        return [getattr(campaign, campaign._meta.get_field(name).attname) for name in cls._meta.fields or ()]

    def has_errors(self) -> bool:
        """Whether it shows errors. A form that nobody asked to save shows none."""
        return bool(self.errors)

    def forget_errors(self) -> None:
        """Show the form as it is without its errors: nobody asked to save it."""
        self.errors.clear()


def fingerprint(forms_of_step: Iterable[type[StepForm]], campaign: Campaign) -> str:
    """A digest of what the forms of a step store; it differs once anybody saved something else in the step."""
    stored = [form.stored(campaign) for form in forms_of_step]
    return hashlib.sha256(repr(stored).encode()).hexdigest()[:32]


class NameForm(StepForm):
    """The name of a draft: the only thing that it needs."""

    class Meta:
        model = Campaign
        fields = ("name",)
        help_texts = {"name": "Shown in Baton only."}
        error_messages = {"name": {"required": "Give the campaign a name."}}
