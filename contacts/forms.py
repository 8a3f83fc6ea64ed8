"""The forms of the contact screens. Forms clean and validate; views and operations save."""

from datetime import date
from itertools import count
from pathlib import PurePath
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from contacts import countries, phones
from contacts.fields import FIELD_LABELS, FIELD_NAMES, HELP_TEXTS, VALUE_FIELDS
from contacts.models import BulkAction, Contact, ContactList
from contacts.sheets import ENCODINGS, ENDINGS

ENCODING_LABELS = {
    "utf-8": "UTF-8",
    "cp1252": "Windows, Western Europe (cp1252)",
    "cp1250": "Windows, Central Europe (cp1250)",
    "cp1251": "Windows, Cyrillic (cp1251)",
    "cp1253": "Windows, Greek (cp1253)",
    "cp1254": "Windows, Turkish (cp1254)",
    "cp1256": "Windows, Arabic (cp1256)",
    "iso-8859-1": "Latin 1 (ISO 8859-1)",
    "iso-8859-2": "Latin 2, Central Europe (ISO 8859-2)",
    "mac_roman": "Mac (Mac Roman)",
    "cp850": "DOS, Western Europe (cp850)",
    "utf-16": "UTF-16",
}
PHONE_REQUIRED = "Enter the phone number."
LIST_EXISTS = "A list with this name already exists."
ON_LIST_ALREADY = "This number is already on the list. Edit that contact instead."


def country_field(help_text: str) -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Default country",
        choices=countries.choices,
        initial=lambda: settings.DEFAULT_COUNTRY,
        help_text=help_text,
    )


class ContactListForm(forms.ModelForm):
    country = country_field("Used to read numbers without a country code.")

    class Meta:
        model = ContactList
        fields = ("name", "country")
        help_texts = {"name": "Recipients do not see it."}
        error_messages = {"name": {"required": "Enter a name for the list.", "unique": LIST_EXISTS}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in VALUE_FIELDS:
            self.fields[f"label_{field}"] = forms.CharField(
                label=f"Label for {FIELD_LABELS[field]}",
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
                self.add_error(f"label_{field}", "Another field already has this label. Choose a different one.")
            elif label:
                labels[field] = label
        self.instance.labels = labels
        return cleaned


class ContactForm(forms.ModelForm):
    """One person on one list; ``instance.list`` is set."""

    class Meta:
        model = Contact
        fields = FIELD_NAMES
        widgets = {"message": forms.Textarea(attrs={"rows": 3})}
        help_texts = HELP_TEXTS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        contact_list = self.instance.list
        self.fields["phone"].required = True
        self.fields["phone"].help_text = f"Default country: {countries.name_of(contact_list.country)}"
        self.fields["phone"].error_messages["required"] = PHONE_REQUIRED
        if self.instance.pk and not self.instance.phone:
            self.initial["phone"] = phones.formatted(self.instance.msisdn)
        for field in FIELD_NAMES:
            self.fields[field].label = contact_list.label(field)

    def clean_phone(self) -> str:
        phone = self.cleaned_data["phone"]
        # A number that an import took in, such as one of another country without a plus, stays when it is not changed.
        if self.instance.pk is None or phone != self.initial["phone"]:
            self.instance.msisdn = parsed(phone, self.instance.list.country, phones.TYPED)
        others = Contact.objects.filter(list=self.instance.list, msisdn=self.instance.msisdn)
        if others.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(ON_LIST_ALREADY, code="on_list_already")
        return phone


def parsed(phone: str, country: str, accepted: phones.Accepted) -> str:
    """The msisdn of ``phone`` as entered. Raises ValidationError."""
    try:
        return phones.parse(phone, country, accepted)
    except phones.PhoneError as error:
        raise forms.ValidationError(error.sentence, code=error.code) from error


class SearchForm(forms.Form):
    q = forms.CharField(label="Search", required=False, strip=True)


def checked_size(file: UploadedFile) -> UploadedFile:
    """``file``, if it is not too large. Raises ValidationError."""
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        maximum = settings.UPLOAD_MAX_BYTES // 1024**2
        raise forms.ValidationError(f"This file is larger than {maximum:,} MB. Split it.", code="too_large")
    return file


def sheet_field() -> forms.FileField:
    return forms.FileField(
        label="Spreadsheet",
        widget=forms.FileInput(attrs={"accept": ",".join(ENDINGS)}),
        error_messages={"required": "Choose a file.", "empty": "This file is empty."},
    )


def unused_list_name(stem: str) -> str:
    """``stem``, the name of a file without its ending, as the name of a new list: ``"customers 2"`` if need be."""
    stem = " ".join(stem.replace("_", " ").split())[:90] or "Contacts"
    names = (stem if number == 1 else f"{stem} {number}" for number in count(1))
    return next(name for name in names if not ContactList.objects.filter(name=name).exists())


class UploadForm(forms.Form):
    """A spreadsheet for an existing or a new list."""

    list = forms.ModelChoiceField(
        ContactList.objects.all(),
        required=False,
        empty_label="New list",
        error_messages={"invalid_choice": "This list no longer exists. Choose another one."},
    )
    new_list = forms.CharField(
        label="Name of the new list",
        required=False,
        max_length=100,
        help_text="Leave blank to name it after the file.",
    )
    file = sheet_field()

    def clean_file(self) -> UploadedFile:
        return checked_size(self.cleaned_data["file"])

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        name = cleaned.get("new_list", "")
        if "list" in self.errors or cleaned.get("list"):
            return cleaned
        if not name and cleaned.get("file"):
            cleaned["new_list"] = unused_list_name(PurePath(cleaned["file"].name).stem)
        elif name and ContactList.objects.filter(name=name).exists():
            self.add_error("new_list", f"{LIST_EXISTS} Choose it above or enter a different name.")
        return cleaned


class BulkActionForm(forms.Form):
    """Confirms a bulk action. ``matched``: the number of contacts that the person saw."""

    matched = forms.IntegerField(widget=forms.HiddenInput, min_value=1)

    def __init__(self, *args: Any, kind: str, contact_list: ContactList, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if kind in (BulkAction.Kind.COPY, BulkAction.Kind.MOVE):
            self.fields["target"] = forms.ModelChoiceField(
                ContactList.objects.exclude(pk=contact_list.pk),
                label="To the list",
                error_messages={"required": "Choose a list.", "invalid_choice": "This list no longer exists."},
            )
        elif kind == BulkAction.Kind.OPT_OUT:
            self.fields["note"] = forms.CharField(
                label="Proof",
                max_length=300,
                help_text="How these people opted out. The name of the list is recorded with it.",
                error_messages={"required": "Enter how these people opted out."},
            )


class EncodingForm(forms.Form):
    encoding = forms.ChoiceField(
        label="Encoding",
        choices=[(name, ENCODING_LABELS.get(name, name)) for name in ENCODINGS],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose an encoding."},
    )


class OptedOutOn(forms.Form):
    """The day on which a person opted out."""

    opted_out_on = forms.DateField(
        label="Opted out on",
        widget=forms.DateInput(attrs={"type": "date"}),
        initial=timezone.localdate,
        error_messages={"required": "Enter the day the person opted out."},
    )

    def clean_opted_out_on(self) -> date | None:
        day: date | None = self.cleaned_data["opted_out_on"]
        if day and day > timezone.localdate():
            raise forms.ValidationError("This day is in the future.", code="in_the_future")
        return day


class OptOutForm(OptedOutOn):
    """One number. Cleans to ``msisdn``, ``opted_out_on`` (None if the day is not known) and ``note``."""

    phone = forms.CharField(label="Phone number", max_length=60, error_messages={"required": PHONE_REQUIRED})
    country = country_field("Used if the number has no country code.")
    note = forms.CharField(
        label="Note", required=False, max_length=500, help_text="How the person opted out, for example by phone."
    )

    field_order = ("phone", "country", "opted_out_on", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["opted_out_on"].required = False
        self.fields["opted_out_on"].help_text = "Leave blank if the day is not known."

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if "phone" in cleaned:
            try:
                country = cleaned.get("country", settings.DEFAULT_COUNTRY)
                cleaned["msisdn"] = parsed(cleaned["phone"], country, phones.EVERYTHING)
            except forms.ValidationError as error:
                self.add_error("phone", error)
        return cleaned


class DatedOptOutForm(OptedOutOn):
    """The opt-out of a number that is known. Cleans to ``opted_out_on`` and ``note``."""

    note = forms.CharField(
        label="Proof",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="How the person opted out, for example “phoned the shop, spoke to Thandi”.",
        error_messages={"required": "Enter how the person opted out."},
    )


class OptOutPasteForm(forms.Form):
    text = forms.CharField(
        label="Phone numbers",
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="One per line, or separated by commas.",
        error_messages={"required": "Paste the numbers."},
    )
    country = country_field("Used to read numbers without a country code.")
    note = forms.CharField(label="Note", required=False, max_length=500, help_text="Where the numbers come from.")


class OptOutUploadForm(forms.Form):
    country = country_field("Used to read numbers without a country code.")
    file = sheet_field()

    def clean_file(self) -> UploadedFile:
        return checked_size(self.cleaned_data["file"])


class CorrectedFileForm(forms.Form):
    """A file that takes the place of the one of an import."""

    file = sheet_field()

    def clean_file(self) -> UploadedFile:
        return checked_size(self.cleaned_data["file"])


class ConsentForm(forms.Form):
    note = forms.CharField(
        label="Proof of consent",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="How and when the person asked to be texted again.",
        error_messages={"required": "Enter how and when the person asked. Without proof the opt-out stays."},
    )
