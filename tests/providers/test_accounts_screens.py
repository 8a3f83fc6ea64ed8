import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from providers import capabilities, checking, locks, registry
from providers.base import Check
from providers.forms import secret_fields
from providers.models import Account
from providers.sandbox.server import Sandbox
from providers.transports.sftp import fingerprint
from providers.views.accounts import line_of
from tests.pages import html_of

LogIn = Callable[[User], Client]
FORM = {
    "name": "SMSPortal main",
    "protocol": "sftp",
    "host": "ftp.smsportal.com",
    "port": "22",
    "username": "acme",
    "password": "sesame-7",
    "send_folder": "Send_SMS",
    "processed_folder": "Processed",
    "errors_folder": "Errors",
    "is_active": "on",
}


@pytest.fixture
def client(logged_in: LogIn, administrator: User) -> Client:
    return logged_in(administrator)


@pytest.fixture
def account(db: None, sftp_settings: dict[str, Any], settings: Settings) -> Account:
    settings.ALLOW_PRIVATE_HOSTS = True
    account = Account(name="Main", provider="smsportal", host_key=sftp_settings["host_key"])
    fields = {**FORM, **{name: sftp_settings[name] for name in ("host", "port", "username", "password")}}
    account.save_settings(dict.fromkeys(account.adapter.SettingsForm.base_fields, "") | fields)
    return account


def url(name: str, account: Account) -> str:
    return reverse(f"providers:{name}", args=[account.pk])


def test_an_empty_list_says_what_to_do(client: Client) -> None:
    page = client.get(reverse("providers:accounts")).content.decode()
    assert "No accounts yet" in page
    assert reverse("providers:account_add") in page
    assert "What the providers can do" in page


def test_it_adds_an_account_with_its_password_encrypted(client: Client) -> None:
    answer = client.post(f"{reverse('providers:account_add')}?provider=smsportal", FORM)
    account = Account.objects.get()
    assert answer.headers["Location"] == account.get_absolute_url()
    assert account.host == "ftp.smsportal.com:22"
    assert account.login == "acme"
    assert "password" not in account.settings
    assert "sesame" not in account.secrets
    assert account.open_settings()["password"] == "sesame-7"


def test_the_password_is_never_shown_and_a_blank_one_keeps_it(client: Client, account: Account) -> None:
    stored = account.open_settings()["password"]
    assert stored not in client.get(account.get_absolute_url()).content.decode()
    client.post(account.get_absolute_url(), {**FORM, **account.settings, "name": "Renamed", "password": ""})
    account.refresh_from_db()
    assert account.name == "Renamed"
    assert account.open_settings()["password"] == stored


def test_another_host_needs_the_password_again_and_clears_the_key(client: Client, account: Account) -> None:
    there = {**FORM, **account.settings, "host": "sftp.example.org"}
    page = client.post(account.get_absolute_url(), {**there, "password": ""})
    assert "The host changed" in page.content.decode()
    account.refresh_from_db()
    assert account.host_key
    client.post(account.get_absolute_url(), {**there, "password": "another"})
    account.refresh_from_db()
    assert account.settings["host"] == "sftp.example.org"
    assert account.host_key == ""


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "main", "Another account has this name"),
        ("host", "sftp://x/y", "Enter a host name"),
        ("port", "70000", "65535"),
    ],
)
def test_errors_are_shown_beside_the_field(
    client: Client, account: Account, field: str, value: str, words: str
) -> None:
    page = client.post(f"{reverse('providers:account_add')}?provider=smsportal", {**FORM, field: value})
    assert words in page.content.decode()
    assert Account.objects.count() == 1


def test_an_unknown_provider_is_not_found(client: Client) -> None:
    assert client.get(f"{reverse('providers:account_add')}?provider=nobody").status_code == 404


def test_a_passed_test_is_shown_with_its_time(client: Client, account: Account) -> None:
    client.post(url("account_test", account))
    account.refresh_from_db()
    assert account.checked_at
    assert [check["passed"] for check in account.check_result] == [True] * 6 + [None, None]
    assert account.check_result[-1]["sentence"] == "No credit check: this provider offers none."
    page = client.get(account.get_absolute_url()).content.decode()
    assert "Folder Processed" in page
    assert "Working" in client.get(reverse("providers:accounts")).content.decode()


def test_a_passed_test_starts_a_stopped_account(client: Client, account: Account) -> None:
    account.stop("login_refused", "The server refused the login.")
    assert "The server refused the login." in client.get(account.get_absolute_url()).content.decode()
    page = html_of(client.post(url("account_test", account), follow=True))
    assert "Main works again. No credit check: this provider offers none." in page
    account.refresh_from_db()
    assert not account.is_stopped


def test_a_refused_login_hints_at_the_channel_and_starts_nothing(
    client: Client, account: Account, sandbox: Sandbox
) -> None:
    account.stop("login_refused", "The server refused the login.")
    sandbox.fault("smsportal:refuse-login")
    page = client.post(url("account_test", account), follow=True).content.decode()
    assert "API Keys" in page
    account.refresh_from_db()
    assert account.is_stopped


def test_a_missing_folder_is_named(client: Client, account: Account, sandbox: Sandbox) -> None:
    sandbox.fault("smsportal:missing-folder")
    client.post(url("account_test", account))
    account.refresh_from_db()
    failed = [check for check in account.check_result if check["passed"] is False]
    assert [check["code"] for check in failed] == ["folder_send_folder"]


def test_an_unknown_key_is_shown_first_and_pinned_when_confirmed(client: Client, account: Account) -> None:
    host_key, account.host_key = account.host_key, ""
    account.save()
    answer = client.post(url("account_test", account))
    assert answer.headers["Location"] == url("account_host_key", account)
    page = client.get(url("account_host_key", account)).content.decode()
    assert fingerprint(host_key) in page
    account.refresh_from_db()
    assert account.host_key == ""
    client.post(url("account_host_key", account), {"fingerprint": fingerprint(host_key)})
    account.refresh_from_db()
    assert account.host_key == host_key
    assert account.checked_at


def test_only_the_fingerprint_that_was_shown_is_confirmed(client: Client, account: Account) -> None:
    account.host_key = ""
    account.save()
    client.post(url("account_host_key", account), {"fingerprint": "SHA256:of-another-server"})
    account.refresh_from_db()
    assert account.host_key == ""


def test_a_changed_key_warns_and_waits_for_an_administrator(client: Client, account: Account) -> None:
    true_key, account.host_key = account.host_key, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFub3RoZXI="
    account.save()
    page = client.post(url("account_test", account), follow=True).content.decode()
    assert "The server&#x27;s key changed." in page or "The server's key changed." in page
    page = client.get(url("account_host_key", account)).content.decode()
    assert "This is not the confirmed key." in page
    assert fingerprint(true_key) in page
    client.post(url("account_host_key", account), {"fingerprint": fingerprint(true_key)})
    account.refresh_from_db()
    assert account.host_key == true_key


def test_a_test_waits_its_turn(client: Client, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    with locks.account_slot(account), locks.account_slot(account):
        page = client.post(url("account_test", account), follow=True).content.decode()
    assert "in use" in page
    account.refresh_from_db()
    assert account.checked_at is None


def test_a_private_host_is_refused_unless_allowed(client: Client, account: Account, settings: Settings) -> None:
    settings.ALLOW_PRIVATE_HOSTS = False
    client.post(url("account_test", account))
    account.refresh_from_db()
    assert account.check_result[0]["code"] == "host_private"


@pytest.mark.parametrize("name", ["account_test"])
def test_actions_are_post_only(client: Client, account: Account, name: str) -> None:
    assert client.get(url(name, account)).status_code == 405


def test_a_viewer_reads_and_changes_nothing(logged_in: LogIn, viewer: User, account: Account) -> None:
    client = logged_in(viewer)
    page = client.get(account.get_absolute_url())
    assert page.status_code == 200
    assert "Save account" not in page.content.decode()
    assert client.post(account.get_absolute_url(), FORM).status_code == 403
    assert client.post(url("account_test", account)).status_code == 403
    assert client.get(url("account_host_key", account)).status_code == 403
    assert client.get(reverse("providers:account_add")).status_code == 403


def test_an_approver_may_test_but_not_edit(logged_in: LogIn, approver: User, account: Account) -> None:
    client = logged_in(approver)
    assert client.post(url("account_test", account)).status_code == 302
    account.refresh_from_db()
    assert account.checked_at
    assert client.post(account.get_absolute_url(), FORM).status_code == 403


def test_the_admin_never_shows_a_secret(logged_in: LogIn, admin_user: User, account: Account) -> None:
    client = logged_in(admin_user)
    assert client.get(reverse("admin:providers_account_changelist")).status_code == 200
    page = client.get(reverse("admin:providers_account_change", args=[account.pk])).content.decode()
    assert account.secrets not in page
    assert account.open_settings()["password"] not in page


def test_a_warning_is_not_shown_as_a_success(client: Client, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        Check("login", "Login", True, "The login works."),
        Check("line", "Encryption", None, "The line is not encrypted.", is_warning=True),
        Check("credits", "Free credits", True, "There are 5 free credits.", credit="5"),
    ]
    monkeypatch.setattr(type(account.adapter), "check", lambda *_: lines)
    page = client.post(url("account_test", account), follow=True).content.decode()
    assert "The test passed with a warning: The line is not encrypted." in page
    assert "notice-success" not in page
    assert "Warning</span>" in page
    assert "Unknown" not in page
    for path in ("/", "/accounts/", account.get_absolute_url()):
        assert "Working, with warnings</span>" in client.get(path).content.decode(), path


@pytest.mark.parametrize(
    ("provider", "changes", "line"),
    [
        ("smsportal", {"protocol": "sftp"}, "encrypted"),
        ("smsportal", {"protocol": "ftp"}, "not encrypted"),
        ("clickatell", {}, "not encrypted"),
        ("gatewayapi", {"use_tls": False}, "not encrypted"),
        ("gatewayapi", {"use_tls": True}, "encrypted"),
        ("bulksms", {"api_url": "https://bulksms.example/eapi"}, "encrypted"),
        ("bulksms", {"api_url": "http://bulksms.example/eapi"}, "not encrypted"),
        ("bulksms", {"api_url": ""}, ""),
    ],
)
def test_it_says_whether_the_connection_is_encrypted(
    client: Client, provider: str, changes: dict[str, Any], line: str
) -> None:
    made = Account(name="Main", provider=provider)
    fields = made.adapter.SettingsForm.base_fields
    made.save_settings({name: field.initial or "" for name, field in fields.items()} | changes)
    assert line_of(made) == line
    for path in ("/accounts/", made.get_absolute_url()):
        page = html_of(client.get(path))
        said = re.findall(r"</svg>\s*((?:not )?encrypted)</span>", page)
        assert said == ([line] if line else []), path


# -- every provider -----------------------------------------------------------------------------------------------


def filled(slug: str, sandbox: Sandbox) -> dict[str, Any]:
    """What a person would enter for an account with the sandbox provider."""
    fields = registry.adapter(slug).SettingsForm.base_fields
    known = {name: field.initial for name, field in fields.items()} | sandbox.providers[slug]
    entered = {name: known[name] for name in fields if known.get(name) not in (None, False, "")}
    return {"name": f"{slug} here", "is_active": "on", **entered}


def add(client: Client, slug: str, sandbox: Sandbox) -> Account:
    client.post(f"{reverse('providers:account_add')}?provider={slug}", filled(slug, sandbox))
    added = Account.objects.get(provider=slug)
    added.host_key = str(sandbox.providers[slug].get("host_key", ""))
    added.save()
    return added


def test_every_provider_is_offered_with_its_distinguishing_features(client: Client) -> None:
    page = client.get(reverse("providers:account_add")).content.decode()
    for slug, adapter in registry.all_adapters().items():
        assert f"?provider={slug}" in page
        assert capabilities.summary(adapter) in page


@pytest.mark.parametrize("slug", registry.all_adapters())
def test_an_account_of_every_provider_is_added_tested_and_shown_without_its_secrets(
    client: Client, sandbox: Sandbox, settings: Settings, slug: str
) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True
    added = add(client, slug, sandbox)
    opened = added.open_settings()
    assert all(opened[name] == sandbox.providers[slug][name] for name in secret_fields(added.adapter))
    tested = client.post(url("account_test", added), follow=True).content.decode()
    added.refresh_from_db()
    assert added.checked_at
    assert len(added.check_result) > 1
    assert all(check["passed"] is not False for check in added.check_result), added.check_result
    warned = [check for check in added.check_result if check["is_warning"]]
    for page in (tested, client.get(reverse("providers:accounts")).content.decode()):
        assert ("Working, with warnings" if warned else "Working") in page
        for name in secret_fields(added.adapter):
            assert opened[name] not in page
    for check in added.check_result:
        assert check["label"] in tested
    assert ("Unknown</span>" in tested) is any(
        check["passed"] is None and not check["is_warning"] for check in added.check_result
    )
    assert ("Server key" in tested) is bool(added.host_key)


@pytest.mark.parametrize("slug", registry.all_adapters())
def test_a_refused_form_gives_no_secret_back(client: Client, sandbox: Sandbox, slug: str) -> None:
    entered = {**filled(slug, sandbox), "name": ""}
    page = client.post(f"{reverse('providers:account_add')}?provider={slug}", entered).content.decode()
    for name in secret_fields(registry.adapter(slug)):
        assert str(entered[name]) not in page
    assert not Account.objects.exists()


@pytest.mark.parametrize(("slug", "name"), [("gatewayapi", "use_tls"), ("bulksms", "joins_long_texts")])
def test_a_switch_can_be_put_on_and_off(client: Client, sandbox: Sandbox, slug: str, name: str) -> None:
    added = add(client, slug, sandbox)
    for entered, stored in (({name: "on"}, True), ({}, False)):
        others = {key: value for key, value in filled(slug, sandbox).items() if key != name}
        client.post(added.get_absolute_url(), {**others, **entered})
        added.refresh_from_db()
        assert added.settings[name] is stored
        form = client.get(added.get_absolute_url()).context["form"]
        assert bool(form[name].value()) is stored


def test_a_certificate_is_entered_in_a_field_of_several_lines(client: Client, sandbox: Sandbox) -> None:
    entered = {**filled("gatewayapi", sandbox), "tls_certificate": "no certificate\nat all"}
    page = client.post(f"{reverse('providers:account_add')}?provider=gatewayapi", entered).content.decode()
    assert "This is not a certificate." in page
    assert "no certificate\nat all</textarea>" in page


def test_a_stored_key_that_cannot_be_read_is_reported_and_breaks_nothing(client: Client, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(host_key="ssh-ed25519 not base64!")
    assert "cannot be read" in client.get(account.get_absolute_url()).content.decode()
    assert "cannot be read" in client.get(url("account_host_key", account)).content.decode()
    client.post(url("account_test", account))
    account.refresh_from_db()
    assert account.check_result[0]["passed"] is False


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([True, True], "The test passed."),
        ([True, None], "Everything that could be tested passed"),
        ([True, False, None], "Test failed. See the details below."),
    ],
)
def test_the_outcome_of_a_test_is_a_sentence(
    client: Client, account: Account, monkeypatch: pytest.MonkeyPatch, answers: list[bool | None], words: str
) -> None:
    checks = [Check(f"check_{number}", "A check", passed, "Words.") for number, passed in enumerate(answers)]
    monkeypatch.setattr(checking, "_check", lambda account: checks)
    assert words in client.post(url("account_test", account), follow=True).content.decode()


def test_smsportal_over_ftp_says_so_and_has_no_server_key(
    client: Client, account: Account, sandbox: Sandbox, settings: Settings
) -> None:
    over_ftp = {**FORM, **account.settings, "protocol": "ftp", "port": str(sandbox.providers["smsportal"]["ftp_port"])}
    page = client.post(account.get_absolute_url(), {**over_ftp, "password": ""}).content.decode()
    assert "The host changed. Enter this again" in page
    client.post(account.get_absolute_url(), {**over_ftp, "password": sandbox.password})
    account.refresh_from_db()
    page = client.post(url("account_test", account), follow=True).content.decode()
    account.refresh_from_db()
    assert account.host.endswith("(FTP)")
    assert account.host in page
    assert "Server key" not in page
    assert all(check["passed"] is not False for check in account.check_result), account.check_result
    assert client.get(url("account_host_key", account)).status_code == 404
