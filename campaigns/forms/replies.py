"""The form to upload replies."""

from django import forms
from django.core.files.uploadedfile import UploadedFile

from contacts.forms import checked_size, sheet_field
from providers.models import Account


class ReplyUploadForm(forms.Form):
    account = forms.ModelChoiceField(
        Account.objects.all(),
        label="Account",
        help_text="The replies arrived through it.",
        error_messages={"required": "Choose the account."},
    )
    file = sheet_field()

    def clean_file(self) -> UploadedFile:
        return checked_size(self.cleaned_data["file"])
