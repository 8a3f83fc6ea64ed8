"""Form fields that the settings of several providers have."""

import re
import ssl
from typing import Any

from django import forms

_HOST = re.compile(r"[a-z0-9.:_-]+")
_HOST_AND_PORT = re.compile(r"[a-z0-9_.-]+(?::\d{1,5})?")


class HostField(forms.CharField):
    """A host name in lower case, like ``initial``; with ``takes_port`` it may be ``name:port``.

    ``scheme`` is the prefix that people tend to type in front of it.
    """

    def __init__(self, *, scheme: str, takes_port: bool = False, **options: Any) -> None:
        super().__init__(max_length=253, **options)
        self._pattern = _HOST_AND_PORT if takes_port else _HOST
        hint = "; a port can follow after a colon" if takes_port else ""
        self._sentence = f"Enter a host name like {self.initial}, without {scheme}:// and without a path{hint}."

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).lower()

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not self._pattern.fullmatch(value):
            raise forms.ValidationError(self._sentence)


class SecretField(forms.CharField):
    """A password exactly as it was typed; stored encrypted and never shown."""

    def __init__(self, **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "off"})
        super().__init__(max_length=500, strip=False, widget=widget, **options)


class CertificateField(forms.CharField):
    """One or more certificates as PEM text, or nothing."""

    def __init__(self, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})
        super().__init__(label="Certificate to trust", required=False, max_length=100_000, widget=widget, **options)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if not value:
            return
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=value)
        # TypeError: a character outside ASCII.
        except (ssl.SSLError, TypeError, ValueError):
            raise forms.ValidationError(
                "This is not a certificate. Paste all of it, starting with -----BEGIN CERTIFICATE-----."
            ) from None
