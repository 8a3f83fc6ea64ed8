"""The forms of test handovers and of the phones that administrators keep for them."""

from typing import Any

from django import forms

from campaigns.models import TestNumber
from campaigns.test_handover import FIRST, LONGEST, MOST
from contacts import phones
from contacts.forms import country_field


class TestForm(forms.Form):
    """Which phones get a test, and whose values it uses. ``person`` cleans to FIRST, LONGEST or a msisdn."""

    __test__ = False

    numbers = forms.ModelMultipleChoiceField(
        TestNumber.objects.all(),
        label="Phones",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one phone."},
    )
    person = forms.ChoiceField(
        label="With the values of",
        choices=[
            (FIRST, "the first recipient"),
            (LONGEST, "the recipient with the longest text"),
            ("number", "the recipient with this number"),
        ],
        widget=forms.RadioSelect,
        initial=FIRST,
    )
    number = forms.CharField(label="Number", required=False, max_length=60)

    def __init__(self, country: str, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self._country = country
        known = list(TestNumber.objects.values_list("pk", flat=True)[:2])
        if len(known) == 1:
            self.fields["numbers"].initial = known

    def clean_numbers(self) -> list[TestNumber]:
        numbers = list(self.cleaned_data["numbers"])
        if len(numbers) > MOST:
            raise forms.ValidationError(f"Choose at most {MOST} phones.")
        return numbers

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if (cleaned.get("number") or "").strip():
            # Typing a number is choosing it.
            cleaned["person"] = "number"
        if cleaned.get("person") == "number":
            try:
                cleaned["person"] = phones.parse(cleaned.get("number", ""), self._country, phones.TYPED)
            except phones.PhoneError as error:
                self.add_error("number", error.sentence)
        return cleaned


class TestNumberForm(forms.ModelForm):
    """A phone for test handovers."""

    __test__ = False

    phone = forms.CharField(label="Number", max_length=60, error_messages={"required": "Enter the phone number."})
    country = country_field("Used to read a number without a country code.")

    class Meta:
        model = TestNumber
        fields = ("name",)
        error_messages = {"name": {"required": "Enter whose phone it is."}}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("phone") and cleaned.get("country"):
            try:
                self.instance.msisdn = phones.parse(cleaned["phone"], cleaned["country"])
            except phones.PhoneError as error:
                self.add_error("phone", error.sentence)
            else:
                if TestNumber.objects.filter(msisdn=self.instance.msisdn).exists():
                    self.add_error("phone", "This number is a test number already.")
        return cleaned
