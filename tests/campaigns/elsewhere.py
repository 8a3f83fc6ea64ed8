"""Accounts with third-party servers: pyftpdlib, vsftpd, OpenSSH, and small HTTP servers of the tests."""

from typing import Any

from providers.models import Account
from tests.providers.servers import FileServer

#: What each provider needs besides host, port, user name and password.
_FURTHER: dict[str, dict[str, Any]] = {
    "smsportal": {},
    "gatewayapi": {"host_b": ""},
    "clickatell": {"api_id": "3210", "api_user": "acme", "api_password": "pass-word-7"},
    "bulksms": {"joins_long_texts": True},
}


def account_with(slug: str, *, host_key: str = "", **settings: Any) -> Account:
    """An account with these settings; all others have the defaults of its form."""
    made = Account(name=f"{slug} main", provider=slug, host_key=host_key)
    fields = made.adapter.SettingsForm.base_fields
    login = {"username": "acme", "password": "secret-7"}
    filled = {name: field.initial for name, field in fields.items()} | login | _FURTHER[slug] | settings
    form = made.adapter.SettingsForm(filled)
    assert form.is_valid(), form.errors
    made.save_settings(form.cleaned_data)
    return made


def account_at_server(slug: str, *servers: FileServer, **settings: Any) -> Account:
    """An account with one file server, or with two (GatewayAPI's a and b); SMSPortal gets its three folders."""
    first = servers[0]
    if slug == "gatewayapi":
        names = [f"{server.host}:{server.port}" for server in servers]
        there: dict[str, Any] = {"host_a": names[0], "host_b": (*names, "")[1]}
    else:
        there = {"host": first.host, "port": first.port}
    if slug == "smsportal":
        there["protocol"] = "sftp" if first.host_key else "ftp"
        for folder in ("Send_SMS", "Processed", "Errors"):
            (first.home / folder).mkdir(exist_ok=True)
    login = {"username": first.username, "password": first.password}
    return account_with(slug, host_key=first.host_key, **(there | login | settings))
