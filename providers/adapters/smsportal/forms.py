"""The forms of an SMSPortal account and of a campaign that uses one."""

from typing import Any

from django import forms

from providers import time_limits
from providers.adapters.smsportal.words import ERRORS, PROCESSED, SEND
from providers.fields import HostField, SecretField

SFTP, FTP = "sftp", "ftp"
# SMSPortal SFTP, "Login & Authentication".
PORTS = {SFTP: 22, FTP: 21}


class SettingsForm(forms.Form):
    # assumption: FTPS is not documented, so it is not offered.
    protocol = forms.ChoiceField(
        label="Protocol",
        choices=[(SFTP, "SFTP (recommended)"), (FTP, "FTP")],
        initial=SFTP,
        required=False,
        help_text="FTP encrypts nothing: the password, the texts and the numbers can be read on the way.",
    )
    host = HostField(label="Host", initial="ftp.smsportal.com", scheme="sftp")
    port = forms.IntegerField(
        label="Port",
        required=False,
        min_value=1,
        max_value=65535,
        help_text="Blank for the default: 22 for SFTP, 21 for FTP.",
    )
    username = forms.CharField(label="User name", max_length=200, help_text="Your SMSPortal user name.")
    password = SecretField(label="Password")
    # The document does not say whether the folders are directly under the login's home folder.
    base_folder = forms.CharField(
        label="Base folder",
        required=False,
        max_length=200,
        help_text="The folder that contains the three folders below; blank for the login's home folder.",
    )
    send_folder = forms.CharField(label="Folder for new files", initial=SEND, max_length=100)
    processed_folder = forms.CharField(label="Folder for processed files", initial=PROCESSED, max_length=100)
    errors_folder = forms.CharField(label="Folder for failed files", initial=ERRORS, max_length=100)
    connect_seconds = time_limits.connect_field()
    greeting_seconds = time_limits.greeting_field("30 for SFTP, 10 for FTP")
    reply_seconds = time_limits.reply_field()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "port" not in cleaned or "protocol" not in cleaned:
            return cleaned
        protocol = cleaned["protocol"] = cleaned["protocol"] or SFTP
        port = cleaned["port"] = cleaned["port"] or PORTS[protocol]
        if port != PORTS[protocol] and port in PORTS.values():
            self.add_error(
                "port",
                f"Port {port} is not the {protocol.upper()} port. Enter {PORTS[protocol]}, or leave it blank.",
            )
        return cleaned


class OptionsForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address for file status",
        required=False,
        help_text="SMSPortal reports to this address whether it processed each file. Leave blank to use the account's "
        "address.",
    )
    check_optouts = forms.BooleanField(
        label="Let SMSPortal drop its own opt-outs as well", required=False, initial=True
    )
    max_errors = forms.IntegerField(
        label="Error limit per file",
        required=False,
        min_value=1,
        max_value=10_000,
        help_text="SMSPortal abandons the whole file if it has more errors than this. Blank: no limit.",
    )
