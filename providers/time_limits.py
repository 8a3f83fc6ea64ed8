"""The time limits that each account can set, because they depend on how slow its provider's server is.

The form fields, and how transports read them from an account's settings; a blank or missing setting means the default
in ``providers.timing``. Even the longest limits stay below the totals there: connecting, greeting, a login of at most
two replies, and one reply together; for HTTP connecting, TLS (which gets as long as connecting) and the answer.
"""

from collections.abc import Mapping
from typing import Any

from django import forms

from providers import timing

CONNECT = "Seconds to connect"
GREETING = "Seconds to wait for the server's greeting"
REPLY = "Seconds to wait for a reply"


def connect_field() -> forms.IntegerField:
    """Return the form field for ``connect_seconds``."""
    return _field(CONNECT, f"{timing.CONNECT_SECONDS:g}", 5, 30)


def greeting_field(default: str) -> forms.IntegerField:
    """Return the form field for ``greeting_seconds`` (FTP and SFTP); ``default`` is for people."""
    return _field(GREETING, default, 5, 60)


def reply_field() -> forms.IntegerField:
    """Return the form field for ``reply_seconds`` of FTP and SFTP, whose defaults are the same."""
    return _field(REPLY, f"{timing.FTP_REPLY_SECONDS:g}", 5, 45)


def http_reply_field() -> forms.IntegerField:
    """Return the form field for ``reply_seconds`` of HTTP.

    The shortest is longer than for FTP, because the provider answers a batch only when it has read all of it.
    """
    return _field(REPLY, f"{timing.HTTP_REPLY_SECONDS:g}", 30, 130)


def connect_seconds(settings: Mapping[str, Any]) -> float:
    """How long opening a TCP connection may take."""
    return float(settings.get("connect_seconds") or timing.CONNECT_SECONDS)


def greeting_seconds(settings: Mapping[str, Any], default: float) -> float:
    """How long the server may take to introduce itself after a connection was opened."""
    return float(settings.get("greeting_seconds") or default)


def reply_seconds(settings: Mapping[str, Any], default: float) -> float:
    """How long the server may take for one reply."""
    return float(settings.get("reply_seconds") or default)


def advice(label: str) -> str:
    """Return the sentence for people that follows an error which a higher limit may prevent."""
    return f"If the server is only slow, raise “{label}” in the account's settings."


def _field(label: str, default: str, at_least: int, at_most: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=at_least,
        max_value=at_most,
        help_text=f"Blank for the default: {default}. At most {at_most}, for a slow server.",
    )
