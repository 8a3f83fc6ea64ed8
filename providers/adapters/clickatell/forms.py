"""The settings of a Clickatell account, and the options of a campaign through it."""

from django import forms

from providers import time_limits
from providers.adapters.clickatell.wire import CREDENTIAL, DEFAULT_PARTS, MAX_DELAY_MINUTES
from providers.fields import HostField, SecretField


def _without_breaks(value: str) -> None:
    if not value.isprintable():
        raise forms.ValidationError("Use no line break and no other control character.")


def _as_a_line(value: str) -> None:
    if not CREDENTIAL.fullmatch(value):
        raise forms.ValidationError(
            "Use ASCII characters only, with no line break and no space at either end: this becomes a line of the file."
        )


class SettingsForm(forms.Form):
    host = HostField(
        label="Host",
        initial="ftpupload.clickatell.com",
        scheme="ftp",
        help_text="Clickatell documents plain FTP only: passwords and texts cross the network unencrypted.",
    )
    # assumption: no port is documented.
    port = forms.IntegerField(label="Port", initial=21, min_value=1, max_value=65535)
    username = forms.CharField(label="FTP user name (your api_id)", max_length=200, validators=[_without_breaks])
    password = SecretField(label="FTP password", validators=[_without_breaks])
    api_id = forms.CharField(label="api_id", max_length=200, validators=[_as_a_line])
    api_user = forms.CharField(
        label="API user", max_length=200, validators=[_as_a_line], help_text="Your Clickatell user name."
    )
    api_password = SecretField(
        label="API password",
        validators=[_as_a_line],
        help_text="Your Clickatell password. It is added to each file only during the upload, never to a stored file.",
    )
    connect_seconds = time_limits.connect_field()
    greeting_seconds = time_limits.greeting_field("10")
    reply_seconds = time_limits.reply_field()


class OptionsForm(forms.Form):
    unicode = forms.BooleanField(
        label="Unicode",
        required=False,
        help_text="Allows every character, including emoji; each part then has 70 characters instead of 160.",
    )
    flash = forms.BooleanField(
        label="Flash", required=False, help_text="Shown at once on the phone, and often not stored there."
    )
    concat = forms.IntegerField(
        label="Maximum parts per text",
        required=False,
        initial=DEFAULT_PARTS,
        min_value=1,
        max_value=35,
        help_text="A longer text is refused before anything is handed over. Blank: 3.",
    )
    validity = forms.IntegerField(
        label="Valid for (minutes)",
        required=False,
        min_value=1,
        max_value=MAX_DELAY_MINUTES,
        help_text="How long a text may wait in Clickatell's queue. Blank: 1,440. Use at least 240 for many recipients.",
    )
    deliv_ack = forms.BooleanField(label="Request delivery acknowledgements", required=False)
    callback = forms.ChoiceField(
        label="Callbacks",
        required=False,
        choices=[
            ("", "As set with Clickatell"),
            ("0", "None"),
            ("1", "Intermediate statuses"),
            ("2", "Final statuses"),
            ("3", "Intermediate and final statuses"),
            ("4", "Errors"),
            ("5", "Intermediate statuses and errors"),
            ("6", "Final statuses and errors"),
            ("7", "All"),
        ],
        help_text="What Clickatell reports to the address set in its own control panel.",
    )
    escalate = forms.BooleanField(
        label="Escalate delayed texts to more expensive gateways",
        required=False,
        help_text="Up to the maximum credits below.",
    )
    # assumption: no range is documented; whole numbers fit every reading of the document.
    max_credits = forms.IntegerField(
        label="Maximum credits per text", required=False, min_value=1, max_value=99_999, help_text="Blank: no limit."
    )
    queue = forms.ChoiceField(
        label="Queue",
        required=False,
        choices=[("", "As set with Clickatell"), ("1", "1"), ("2", "2"), ("3", "3")],
        help_text="Clickatell has three queues of different priority.",
    )
    mo = forms.BooleanField(
        label="Use a route that supports replies", required=False, help_text="Needs a numeric sender."
    )
    # An option of the campaign, not of the account, so that the approval covers the bytes.
    charset = forms.ChoiceField(
        label="Encoding of non-ASCII characters",
        required=False,
        initial="iso-8859-1",
        choices=[("iso-8859-1", "ISO-8859-1 (no € and no Greek capitals)"), ("utf-8", "UTF-8")],
        help_text="Clickatell does not document its encoding. Choose UTF-8 only if é arrived as é in a test handover.",
    )
