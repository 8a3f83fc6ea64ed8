"""Unknown host names and wrong keys, certificates and logins: nothing is handed over, and the reason is shown."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography import x509
from django.conf import settings as django_settings
from django.utils import timezone
from pyftpdlib.handlers import FTPHandler
from pytest_django import Settings

from campaigns.handover import journal
from campaigns.models import Batch, Campaign
from campaigns.results import balance
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, default_options, hand_over, until_closed
from tests.campaigns.elsewhere import account_at_server, account_with
from tests.providers import servers
from tests.providers.test_http import Server, encrypted, serving

pytestmark = pytest.mark.django_db

LOOPBACK = x509.IPAddress(ip_address("127.0.0.1"))


@pytest.fixture(autouse=True)
def allowed(settings: Settings) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True


def handed_over_once(account: Account, make_running: MakeCampaign, clock: Clock) -> tuple[Campaign, Batch]:
    """Make a campaign and run the job once; the account is reloaded from the database."""
    campaign = make_running(account, options=default_options(account))
    hand_over(campaign, clock)
    account.refresh_from_db()
    assert balance.audit(campaign).balanced
    return campaign, campaign.batches.get()


def nothing_went_out(batch: Batch) -> bool:
    """Whether the batch waits as if nothing had been tried, in our own records too."""
    arrived = batch.attempts.exclude(ending__in=("refused", "unreachable")).exists()
    return batch.status == "prepared" and not arrived and journal.intents(batch.stem) == []


# -- host names


@pytest.mark.parametrize(
    ("slug", "there"),
    [
        ("smsportal", {"host": "no-such-host.invalid"}),
        ("gatewayapi", {"host_a": "no-such-host.invalid"}),
        ("clickatell", {"host": "no-such-host.invalid"}),
        ("bulksms", {"api_url": "https://no-such-host.invalid/eapi"}),
    ],
)
def test_an_unknown_host_name_is_tried_again_later(
    make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch, slug: str, there: dict[str, str]
) -> None:
    def unknown(*arguments: Any, **named: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    account = account_with(slug, host_key="ssh-ed25519 AAAA" if slug == "smsportal" else "", **there)
    with monkeypatch.context() as patched:
        # No test may query a name server outside this machine.
        patched.setattr(socket, "getaddrinfo", unknown)
        _, batch = handed_over_once(account, make_running, clock)

    assert nothing_went_out(batch)
    assert batch.reason == "host_unknown"
    assert batch.sentence == "The host name no-such-host.invalid is not known. Check its spelling."
    assert batch.failures == 1
    assert batch.due_at is not None
    assert not account.is_stopped


# -- the server's key


def test_a_changed_host_key_gets_no_password_and_the_new_one_must_be_confirmed(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    right = sandbox_account.host_key
    kind, _, key = right.partition(" ")
    sandbox_account.host_key = f"{kind} {key[:-6]}AAAAAA"
    sandbox_account.save()

    campaign, batch = handed_over_once(sandbox_account, make_running, clock)

    assert nothing_went_out(batch)
    assert sandbox_account.stopped_code == "host_key_changed"
    assert "is not the one that was confirmed" in batch.sentence
    assert sandbox.messages() == []
    clock.forward(minutes=3)
    hand_over(campaign, clock)
    assert campaign.batches.get().attempts.count() == 0  # Nothing is tried while the account is stopped.
    Account.objects.filter(pk=sandbox_account.pk).update(host_key=right)
    sandbox_account.refresh_from_db()
    sandbox_account.start()
    until_closed(campaign, clock)
    assert len(sandbox.messages()) == 5


def test_without_a_confirmed_host_key_nobody_is_dialled(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    sandbox_account.host_key = ""
    sandbox_account.save()

    _, batch = handed_over_once(sandbox_account, make_running, clock)

    assert nothing_went_out(batch)
    assert sandbox_account.stopped_code == "host_key_unknown"
    assert "confirm its fingerprint" in batch.sentence


# -- the certificate


@pytest.fixture
def passwords(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that pyftpdlib receives."""
    given: list[str] = []

    def keep(self: FTPHandler, line: str) -> None:
        given.append(line)
        self.respond("530 No.")

    monkeypatch.setattr(FTPHandler, "ftp_PASS", keep)
    return given


def test_an_expired_certificate_of_an_ftp_server_gets_no_password(
    make_running: MakeCampaign, clock: Clock, tmp_path: Path, passwords: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=30)):
        expired = servers.certificate(tmp_path)
    monkeypatch.setattr(servers, "certificate", lambda folder: expired)
    with servers.pyftpdlib(tmp_path / "home", tls=True) as server:
        account = account_at_server("gatewayapi", server, use_tls=True, tls_certificate=expired)
        _, batch = handed_over_once(account, make_running, clock)

    assert nothing_went_out(batch)
    assert account.stopped_code == "certificate_refused"
    assert "certificate has expired" in batch.sentence
    assert passwords == []


def test_an_expired_certificate_of_an_http_server_gets_no_password(
    make_running: MakeCampaign, clock: Clock, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        with time_machine.travel(timezone.now() - timedelta(days=60)):
            server, certificate = stack.enter_context(encrypted(tmp_path, LOOPBACK))
        address = f"https://127.0.0.1:{server.server_port}/eapi"
        account = account_with("bulksms", api_url=address, tls_certificate=certificate)
        _, batch = handed_over_once(account, make_running, clock)

    assert nothing_went_out(batch)
    assert account.stopped_code == "certificate_refused"
    assert "certificate has expired" in batch.sentence
    assert server.asked == []


# -- encryption removed by an attacker


def test_an_ftp_server_that_offers_no_encryption_gets_no_password(
    make_running: MakeCampaign, clock: Clock, tmp_path: Path, passwords: list[str]
) -> None:
    with servers.pyftpdlib(tmp_path / "home") as server:
        account = account_at_server("gatewayapi", server, use_tls=True)
        _, batch = handed_over_once(account, make_running, clock)

    assert nothing_went_out(batch)
    assert account.stopped_code == "tls_refused"
    assert "offers no encryption that Baton accepts. The password was not sent." in batch.sentence
    assert passwords == []


def test_an_https_address_where_nobody_encrypts_gets_no_password(make_running: MakeCampaign, clock: Clock) -> None:
    with serving(Server()) as server:
        account = account_with("bulksms", api_url=f"https://127.0.0.1:{server.server_port}/eapi")
        _, batch = handed_over_once(account, make_running, clock)

    assert nothing_went_out(batch)
    assert batch.reason == "tls_failed"
    assert "answers, but not with encryption (TLS)" in batch.sentence
    assert server.asked == []
    assert not account.is_stopped


# -- the login


@pytest.mark.parametrize(
    ("slug", "status", "words"),
    [
        ("smsportal", "prepared", "The server refused the login."),
        ("gatewayapi", "prepared", "The server refused the login."),
        ("clickatell", "prepared", "The server refused the login."),
        ("bulksms", "held", "BulkSMS refused the login."),
    ],
)
def test_a_refused_login_stops_the_account_and_texts_nobody(
    sandbox: Sandbox,
    account_at: Callable[..., Account],
    make_running: MakeCampaign,
    clock: Clock,
    slug: str,
    status: str,
    words: str,
) -> None:
    account = account_at(slug, password="not-the-password")

    campaign, batch = handed_over_once(account, make_running, clock)
    for _ in range(3):
        clock.forward(minutes=5)
        hand_over(campaign, clock)

    batch.refresh_from_db()
    assert (batch.status, account.is_stopped) == (status, True)
    assert batch.sentence.startswith(words)
    assert account.stopped_sentence.startswith(words)
    assert batch.attempts.count() == (1 if slug == "bulksms" else 0)
    assert sandbox.messages() == []
    written = [path.read_text(errors="replace") for path in django_settings.JOURNAL_DIR.glob("*.jsonl")]
    assert "not-the-password" not in "".join([batch.sentence, account.stopped_sentence, *written])
