"""The settings of a BulkSMS account, and the options of a campaign through it."""

from typing import Any

from django import forms

from providers import time_limits
from providers.adapters.bulksms.wire import DEFAULT_PARTS
from providers.errors import Refused
from providers.fields import CertificateField, SecretField
from providers.transports.http import address


def _latin_1(value: str) -> None:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise forms.ValidationError("BulkSMS accepts only ISO-8859-1 characters here.") from None


class SettingsForm(forms.Form):
    api_url = forms.CharField(
        label="Address",
        initial="https://bulksms.vsms.net/eapi",
        max_length=200,
        help_text="The address of the account's region, ending in /eapi: bulksms.vsms.net (international), "
        "www.bulksms.co.uk, usa.bulksms.com, bulksms.2way.co.za, bulksms.com.es, bulksms.de, "
        "community.bulksms.co.uk, community.bulksms.com or www.flashsms.co.uk.",
    )
    allow_plain_http = forms.BooleanField(
        label="Allow an address without encryption (http://)",
        required=False,
        help_text="Anyone on the network path can then read the password, the numbers and the texts.",
    )
    username = forms.CharField(label="User name", max_length=200, validators=[_latin_1])
    password = SecretField(label="Password", validators=[_latin_1])
    joins_long_texts = forms.BooleanField(
        label="Allow texts of more than one part",
        required=False,
        initial=True,
        help_text="BulkSMS documents this for single messages, not for batches. If switched off, texts of more than "
        "160 characters are refused.",
    )
    tls_certificate = CertificateField(
        help_text="PEM text. Only needed if no authority that this machine trusts has signed the server's certificate."
    )
    connect_seconds = time_limits.connect_field()
    reply_seconds = time_limits.http_reply_field()

    def clean_api_url(self) -> str:
        try:
            return str(address(str(self.cleaned_data["api_url"])))
        except Refused as refused:
            raise forms.ValidationError(refused.sentence) from refused

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if str(cleaned.get("api_url", "")).startswith("http://") and not cleaned.get("allow_plain_http"):
            self.add_error("api_url", "This address is not encrypted. Use https://, or allow it below.")
        return cleaned


class OptionsForm(forms.Form):
    alphabet = forms.ChoiceField(
        label="Alphabet",
        required=False,
        initial="7bit",
        choices=[("7bit", "GSM, 160 characters a part"), ("16bit", "Unicode, at most 70 characters")],
        help_text="Applies to every text in the campaign. The characters ^ { } [ ] ~ | \\ are GSM, but BulkSMS warns "
        "that not every network shows them. Unicode depends on the account's routes.",
    )
    max_parts = forms.IntegerField(
        label="Maximum parts per text",
        required=False,
        initial=DEFAULT_PARTS,
        min_value=1,
        max_value=20,
        help_text=f"A GSM text that needs more is refused. Blank: {DEFAULT_PARTS}.",
    )
    msg_class = forms.ChoiceField(
        label="Kind",
        required=False,
        initial="2",
        choices=[("2", "Normal text"), ("0", "Flash: shown at once and not kept")],
    )
    want_report = forms.BooleanField(label="Ask the networks for delivery reports", required=False, initial=True)
    routing_group = forms.ChoiceField(
        label="Routing group",
        required=False,
        choices=[("", "The account's setting"), ("1", "1"), ("2", "2"), ("3", "3")],
        help_text="Groups routes by cost or quality.",
    )
    source_id = forms.RegexField(
        r"^[ -~]*$",
        label="Source id",
        required=False,
        max_length=20,
        help_text="For your own accounting; BulkSMS returns it with replies.",
    )
    repliable = forms.ChoiceField(
        label="Replies",
        required=False,
        choices=[("", "As set at BulkSMS"), ("1", "Collected by BulkSMS"), ("0", "Not collected")],
        help_text="Collecting replies replaces the sender with a BulkSMS number.",
    )
    scheduling_description = forms.CharField(
        label="Description of the schedule",
        required=False,
        max_length=100,
        validators=[_latin_1],
        help_text="Shown at BulkSMS when uploaded early. The credits are charged at once, and a batch scheduled "
        "there cannot be cancelled.",
    )
    rehearsal = forms.ChoiceField(
        label="Rehearsal",
        required=False,
        choices=[
            ("", "No: text people"),
            ("succeed", "BulkSMS checks the batch, texts nobody and accepts it"),
            ("fail", "BulkSMS checks the batch, texts nobody and rejects it"),
        ],
    )
