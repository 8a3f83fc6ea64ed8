"""The forms of the contact screens. A form cleans; the views and deeds save."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import phonenumbers
from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from contacts import columns, phones
from contacts.models import FIELD_LABELS, VALUE_FIELDS, Contact, ContactList, Import
from contacts.sheets import ENCODINGS

ENCODING_WORDS = {
    "utf-8": "UTF-8",
    "cp1252": "Windows, Western Europe (cp1252)",
    "iso-8859-1": "Latin 1 (ISO 8859-1)",
    "utf-16": "UTF-16",
}
SHEET_ENDINGS = ".xlsx,.xlsm,.csv,.tsv,.txt"


@cache
def countries() -> list[tuple[str, str]]:
    """Every country whose numbers Baton can read, as ``("ZA", "South Africa (+27)")``, by name."""
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    known = [
        (code, f"{name} (+{phonenumbers.country_code_for_region(code)})")
        for code, name in lines
        if code in phonenumbers.SUPPORTED_REGIONS
    ]
    return sorted(known, key=lambda country: country[1])


def country_field(hint: str) -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Country", choices=countries, initial=lambda: settings.DEFAULT_COUNTRY, help_text=hint
    )


class ContactListForm(forms.ModelForm):
    country = country_field("Numbers without a country code are read as a person there would write them.")

    class Meta:
        model = ContactList
        fields = ("name", "country")
        help_texts = {"name": "Only people here see it."}
        error_messages = {
            "name": {"required": "Give the list a name.", "unique": "There is a list with this name already."}
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in VALUE_FIELDS:
            self.fields[f"label_{field}"] = forms.CharField(
                label=f"{FIELD_LABELS[field]} is called",
                required=False,
                max_length=40,
                initial=self.instance.labels.get(field, ""),
            )

    def label_fields(self) -> list[forms.BoundField]:
        return [self[f"label_{field}"] for field in VALUE_FIELDS]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        labels: dict[str, str] = {}
        for field in VALUE_FIELDS:
            label = (cleaned.get(f"label_{field}") or "").strip()
            if label and label.lower() in (known.lower() for known in labels.values()):
                self.add_error(f"label_{field}", "Another field has this name already. Choose a different one.")
            elif label:
                labels[field] = label
        self.instance.labels = labels
        return cleaned


class ContactForm(forms.ModelForm):
    """One person on one list; ``instance.list`` is set."""

    class Meta:
        model = Contact
        fields = ("phone", "name", "customer_id", *VALUE_FIELDS, "message")
        widgets = {"message": forms.Textarea(attrs={"rows": 3})}
        labels = {"message": "Own text", "customer_id": "Customer ID"}
        help_texts = {"message": "Replaces the campaign's text for this person. Mostly blank."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        contact_list = self.instance.list
        self.fields["phone"].required = True
        self.fields["phone"].help_text = f"Without a country code it is read as in {contact_list.country}."
        self.fields["phone"].error_messages["required"] = "Write the phone number."
        if self.instance.pk and not self.instance.phone:
            self.initial["phone"] = f"+{self.instance.msisdn}"
        for field in VALUE_FIELDS:
            self.fields[field].label = contact_list.label(field)

    def clean_phone(self) -> str:
        typed = self.cleaned_data["phone"]
        self.instance.msisdn = parsed(typed, self.instance.list.country)
        others = Contact.objects.filter(list=self.instance.list, msisdn=self.instance.msisdn)
        if others.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(ON_LIST_ALREADY, code="on_list_already")
        return typed


ON_LIST_ALREADY = "This number is on the list already. Change that contact instead."


def parsed(typed: str, country: str) -> str:
    """The digits of ``typed``. Raises ValidationError with the sentence of what is wrong."""
    try:
        return phones.parse(typed, country)
    except phones.PhoneError as error:
        raise forms.ValidationError(error.sentence, code=error.code) from error


class SearchForm(forms.Form):
    q = forms.CharField(label="Search", required=False, strip=True)


def checked_size(file: UploadedFile) -> UploadedFile:
    """``file`` unless it is too large. Raises ValidationError."""
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        most = settings.UPLOAD_MAX_BYTES // 1024**2
        raise forms.ValidationError(f"The file is larger than {most:,} MB. Split it.", code="too_large")
    return file


def sheet_field() -> forms.FileField:
    return forms.FileField(
        label="Spreadsheet",
        widget=forms.FileInput(attrs={"accept": SHEET_ENDINGS}),
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
    )


class UploadForm(forms.Form):
    """A spreadsheet for a list that exists or one to be made."""

    list = forms.ModelChoiceField(
        ContactList.objects.all(),
        required=False,
        empty_label="Make a new list",
        error_messages={"invalid_choice": "This list is gone. Choose again."},
    )
    new_list = forms.CharField(label="Name of the new list", required=False, max_length=100)
    file = sheet_field()

    def clean_file(self) -> UploadedFile:
        return checked_size(self.cleaned_data["file"])

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        name = cleaned.get("new_list", "")
        if "list" in self.errors or cleaned.get("list"):
            return cleaned
        if not name:
            self.add_error("new_list", "Choose a list above, or give the new one a name.")
        elif ContactList.objects.filter(name=name).exists():
            self.add_error("new_list", "There is a list with this name already. Choose it above, or take another name.")
        return cleaned


class ColumnsForm(forms.Form):
    """What each column of an import's sheet holds; cleans to ``country`` and ``mapping``."""

    country = country_field("Numbers without a country code are read as a person there would write them.")

    def __init__(self, *args: Any, upload: Import, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.upload = upload
        self.fields["country"].initial = upload.country
        guessed = columns.guess(upload.header, upload.list.labels)
        self.guessed = guessed
        for number, title in enumerate(upload.header):
            self.fields[f"column_{number}"] = forms.ChoiceField(
                label=f"{title or f'Column {number + 1}'} goes to",
                choices=self._goals,
                required=False,
                initial=guessed.get(number, ""),
            )

    def _goals(self) -> list[tuple[str, str]]:
        labels = self.upload.list.labels
        called = [
            (field, f"{word} “{labels[field]}”" if labels.get(field) else word) for field, word in FIELD_LABELS.items()
        ]
        return [("", "(leave out)"), *called]

    def lines(self) -> Iterator[tuple[str, list[str], forms.BoundField]]:
        """Each column: its title, samples, and the field that says where it goes."""
        for number, title in enumerate(self.upload.header):
            samples = [row[number] if number < len(row) else "" for row in self.upload.samples[:3]]
            yield title or f"Column {number + 1}", samples, self[f"column_{number}"]

    def clean(self) -> dict[str, Any]:
        chosen = {number: self.cleaned_data.get(f"column_{number}", "") for number in range(len(self.upload.header))}
        mapping = {number: field for number, field in chosen.items() if field}
        if not self.errors:
            self._check(mapping)
        return {**self.cleaned_data, "mapping": mapping}

    def _check(self, mapping: dict[int, str]) -> None:
        try:
            columns.validate(mapping, self.upload.header)
        except columns.ColumnsError as error:
            place = None
            if error.code == "field_twice":
                goals = list(mapping.values())
                place = next(f"column_{n}" for n, field in reversed(mapping.items()) if goals.count(field) > 1)
            self.add_error(place, forms.ValidationError(error.sentence, code=error.code))


class EncodingForm(forms.Form):
    encoding = forms.ChoiceField(
        label="The one that reads right",
        choices=[(name, ENCODING_WORDS.get(name, name)) for name in ENCODINGS],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose the one that reads right."},
    )


class OptOutForm(forms.Form):
    """One number; cleans to ``msisdn`` and ``note``."""

    country = country_field("For a number without a country code.")
    phone = forms.CharField(label="Phone number", max_length=60, error_messages={"required": "Write the phone number."})
    note = forms.CharField(
        label="Note", required=False, max_length=500, help_text="How the person opted out, for example by phone."
    )

    def clean_phone(self) -> str:
        typed = self.cleaned_data["phone"]
        self.cleaned_data["msisdn"] = parsed(typed, self.cleaned_data.get("country", settings.DEFAULT_COUNTRY))
        return typed


class OptOutPasteForm(forms.Form):
    country = country_field("For numbers without a country code.")
    text = forms.CharField(
        label="Phone numbers",
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="One a line, or with commas between them.",
        error_messages={"required": "Paste the numbers."},
    )
    note = forms.CharField(label="Note", required=False, max_length=500, help_text="Where they come from.")


class OptOutUploadForm(forms.Form):
    country = country_field("For numbers without a country code.")
    file = sheet_field()

    def clean_file(self) -> UploadedFile:
        return checked_size(self.cleaned_data["file"])


class ConsentForm(forms.Form):
    note = forms.CharField(
        label="Proof of consent",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="How and when the person asked to get texts again.",
        error_messages={"required": "Say how and when the person asked. Without proof the opt-out stays."},
    )
