"""What the forms of the steps of a draft have in common."""

import hashlib
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.validators import MaxValueValidator, MinValueValidator

from campaigns.models import Campaign
from campaigns.statuses import SENT_BACK

#: The largest number that the database stores.
LARGEST = 2_147_483_647


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
        return [campaign.serializable_value(name) for name in cls._meta.fields or ()]

    def has_errors(self) -> bool:
        """Whether it shows errors. A form that nobody asked to save shows none."""
        return bool(self.errors)

    def is_any_set(self, *names: str) -> bool:
        """Whether one of these fields has a value or an error now."""
        return any(self[name].value() not in (None, "") or self[name].errors for name in names)

    def forget_errors(self) -> None:
        """Show the form as it is without its errors: nobody asked to save it."""
        self.errors.clear()


def record_edit(draft: Campaign, user: Any) -> None:
    """Record who edited a draft that the caller has locked, and clear why it could not be submitted.

    Why an approver sent it back stays until it is submitted again.
    """
    Campaign.objects.filter(pk=draft.pk).update(problems=[])
    Campaign.objects.filter(pk=draft.pk).exclude(reason=SENT_BACK).update(reason="", sentence="")
    if isinstance(user, User):
        draft.editors.add(user)


def fingerprint(forms_of_step: Iterable[type[StepForm]], campaign: Campaign) -> str:
    """A digest of what the forms of a step store; it differs once anybody saved something else in the step."""
    stored = [form.stored(campaign) for form in forms_of_step]
    return hashlib.sha256(repr(stored).encode()).hexdigest()[:32]


def say_in_words(field: forms.Field, least: int) -> None:
    """Give the errors of a number that may be left blank; anything below ``least`` or absurdly large is one of them."""
    wanted = f"Enter a number of at least {least}, or leave it blank."
    field.widget.attrs |= {"min": least}
    others = [validator for validator in field.validators if not isinstance(validator, MinValueValidator)]
    field.validators = [*others, MinValueValidator(least)]
    if not isinstance(field, forms.DecimalField):
        field.validators.append(MaxValueValidator(LARGEST))
    field.error_messages |= {
        "min_value": wanted,
        "invalid": wanted,
        "max_value": "Enter a smaller number.",
        "max_digits": "Enter a smaller number.",
        "max_whole_digits": "Enter a smaller number.",
        "max_decimal_places": "Enter at most two digits after the point.",
    }


class NameForm(StepForm):
    """The name of a draft: the only thing that it needs."""

    class Meta:
        model = Campaign
        fields = ("name",)
        help_texts = {"name": "Shown in Baton only."}
        error_messages = {"name": {"required": "Give the campaign a name."}}
