"""The same files on third-party servers: one campaign through each of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from campaigns.audience.spec import finished_text
from campaigns.handover import batches
from campaigns.results import balance
from contacts.models import ContactList
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, approve, default_options, freeze, until_closed
from tests.providers import servers

TEXT = 'Hi @@value1@@, "20 %"; off\\on'
WAYS = {
    "smsportal through openssh": ("smsportal", "openssh", {}),
    "smsportal through SFTP without exclusive create": ("smsportal", "plain_create", {}),
    "smsportal through vsftpd": ("smsportal", "vsftpd", {}),
    "gatewayapi through vsftpd": ("gatewayapi", "vsftpd", {}),
    "gatewayapi through vsftpd with TLS": ("gatewayapi", "vsftpd", {"tls": True}),
    "clickatell through vsftpd": ("clickatell", "vsftpd", {}),
}
#: ProFTPD and Pure-FTPd; only GatewayAPI documents FTP with TLS, and only its account offers it.
FURTHER_WAYS = {
    f"{slug} through {program}{' with TLS' if tls else ''}": (slug, program, {"tls": tls})
    for program in ("proftpd", "pure_ftpd")
    for slug, tls in (("smsportal", False), ("gatewayapi", False), ("gatewayapi", True), ("clickatell", False))
}
CASES = [pytest.param(*way, id=name) for name, way in WAYS.items()]
CASES += [pytest.param(*way, id=name, marks=pytest.mark.slow) for name, way in FURTHER_WAYS.items()]


def settings_at(slug: str, server: servers.FileServer) -> dict[str, Any]:
    """The values that an account's form needs to log in at the server."""
    place = f"{server.host}:{server.port}"
    hosts = {"host_a": place, "host_b": ""} if slug == "gatewayapi" else {"host": server.host}
    protocol = "sftp" if server.host_key else "ftp"
    return {**server.settings(), **hosts, "protocol": protocol}


@pytest.mark.parametrize(("slug", "program", "options"), CASES)
def test_what_they_take_is_what_the_preview_showed(
    slug: str,
    program: str,
    options: dict[str, Any],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    settings: Settings,
    make_list: Callable[..., ContactList],
    make_campaign: MakeCampaign,
    operator: User,
    approver: User,
    clock: Clock,
) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True
    with getattr(servers, program)(tmp_path, request.node.nodeid, **options) as server:
        # The sandbox provider reads the folder that the other server writes.
        home = tmp_path / "sandbox" / slug / "demo" / "home"
        home.parent.mkdir(parents=True)
        home.symlink_to(server.home)
        with Sandbox(tmp_path / "sandbox") as sandbox:
            for folder in server.home.iterdir():
                # The sandbox has made them; Pure-FTPd's logins are nobody.
                folder.chmod(0o777)
            account = Account(name=slug, provider=slug)
            known = sandbox.providers[slug] | settings_at(slug, server)
            fields = account.adapter.SettingsForm.base_fields
            form = account.adapter.SettingsForm({name: known.get(name, made.initial) for name, made in fields.items()})
            assert form.is_valid(), form.errors
            account.host_key = server.host_key
            account.save_settings(form.cleaned_data)
            campaign = make_campaign(account, make_list(count=30), text=TEXT, options=default_options(account))
            campaign = approve(freeze(campaign, operator), approver)
            previews = {person.msisdn: finished_text(campaign, person) for person in campaign.recipients.all()}
            batches.create_batches(campaign.pk, timezone.now())
            until_closed(campaign, clock)
            assert balance.audit(campaign).outcomes["accepted"] == 30
            ledger = sandbox.messages(slug)
            assert {line["msisdn"]: line["text"] for line in ledger} == previews
            assert len(ledger) == 30
            # The bytes that arrived, without the login that a file may begin with.
            assert {line["sha256"] for line in ledger} == set(campaign.batches.values_list("sha256", flat=True))
