"""The forms of a GatewayAPI account and of a campaign that uses one."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms

from providers import time_limits
from providers.fields import CertificateField, HostField, SecretField

CLASS = re.compile(r"^[A-Za-z0-9_.-]{1,40}\Z")


class SettingsForm(forms.Form):
    host_a = HostField(label="Server a", initial="a.ftp.gatewayapi.com", scheme="ftp", takes_port=True)
    host_b = HostField(
        label="Server b",
        initial="b.ftp.gatewayapi.com",
        scheme="ftp",
        takes_port=True,
        required=False,
        help_text="Used automatically when server a does not answer. Leave blank if there is only one server.",
    )
    port = forms.IntegerField(label="Port", initial=21, min_value=1, max_value=65535)
    username = forms.CharField(label="User name", max_length=200, help_text="The user name of the FTP credentials.")
    password = SecretField(label="Password")
    # The document says FTP and does not mention encryption.
    use_tls = forms.BooleanField(
        label="Encrypt the connection (FTPS)",
        required=False,
        help_text="GatewayAPI documents plain FTP only. Switch this on if its servers accept AUTH TLS.",
    )
    tls_certificate = CertificateField(
        help_text="PEM; needed only if the servers' certificate is not signed by a public authority."
    )
    connect_seconds = time_limits.connect_field()
    greeting_seconds = time_limits.greeting_field("10")
    reply_seconds = time_limits.reply_field()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        both = servers(cleaned)
        if len(both) == 2 and both[0] == both[1]:
            self.add_error("host_b", "This is the same as server a. Leave it blank if there is only one server.")
        return cleaned


class OptionsForm(forms.Form):
    message_class = forms.RegexField(
        label="Message class",
        regex=CLASS,
        required=False,
        max_length=40,
        initial="",
        empty_value="",
        help_text="standard, premium, or another class that GatewayAPI gave you. Blank: its default, standard.",
        error_messages={"invalid": "A class is one word of letters, digits and the characters - _ . such as standard."},
    )
    encoding = forms.ChoiceField(
        label="File encoding",
        required=False,
        initial="utf8",
        choices=[
            ("utf8", "UTF-8 (.utf8.ready)"),
            ("cp1252", "Windows-1252 (.cp1252.ready)"),
            ("excel", "Excel, with semicolons (.excel.ready)"),
        ],
        help_text="UTF-8 can encode every text. The others lack the Greek capitals.",
    )


def servers(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the account's servers as ``name:port``, server a first; a port in a name takes precedence."""
    names = [str(settings.get(field) or "") for field in ("host_a", "host_b")]
    port = settings.get("port") or 21
    return tuple(name if ":" in name else f"{name}:{port}" for name in names if name)
