from typing import Any

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from providers import connections
from providers.errors import Refused
from providers.models import Account

pytestmark = pytest.mark.django_db
SETTINGS: dict[str, Any] = {
    "protocol": "sftp",
    "host": "ftp.smsportal.com",
    "port": 22,
    "username": "acme",
    "password": "sesame-7",
    "base_folder": "",
    "send_folder": "Send_SMS",
    "processed_folder": "Processed",
    "errors_folder": "Errors",
    "connect_seconds": None,
    "greeting_seconds": None,
    "reply_seconds": None,
}


@pytest.fixture
def account() -> Account:
    account = Account(name="Main", provider="smsportal", host_key="ssh-ed25519 AAAA")
    account.save_settings(SETTINGS)
    return account


def test_secrets_are_kept_apart_and_encrypted(account: Account) -> None:
    account.refresh_from_db()
    assert "password" not in account.settings
    assert "sesame" not in account.secrets
    assert account.open_settings() == {**SETTINGS, "host_key": "ssh-ed25519 AAAA"}


def test_a_blank_password_keeps_the_stored_one(account: Account) -> None:
    account.save_settings({**SETTINGS, "username": "other", "password": ""})
    assert account.open_settings()["password"] == "sesame-7"
    assert account.login == "other"
    assert account.host_key


@pytest.mark.parametrize("change", [{"host": "elsewhere.example"}, {"port": 2222}])
def test_another_server_clears_the_confirmed_key(account: Account, change: dict[str, Any]) -> None:
    account.save_settings({**SETTINGS, **change})
    assert account.host_key == ""


def test_the_first_reason_to_stop_stays(account: Account) -> None:
    assert account.stop("login_refused", "The server refused the login.")
    assert not account.stop("folder_missing", "There is no folder.")
    assert account.is_stopped
    assert account.stopped_code == "login_refused"
    assert account.start()
    assert not account.start()
    assert not account.is_stopped
    assert account.stopped_code == account.stopped_sentence == ""


def test_another_workers_copy_cannot_stop_it_twice(account: Account) -> None:
    copy = Account.objects.get(pk=account.pk)
    account.stop("login_refused", "The server refused the login.")
    assert not copy.stop("folder_missing", "There is no folder.")
    assert copy.stopped_code == "login_refused"


def test_lost_keys_refuse_the_account_and_say_so(account: Account, settings: Settings) -> None:
    settings.ACCOUNT_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(Refused) as caught, connections.connect(account):
        pass
    assert caught.value.code == "secrets_unreadable"
    assert caught.value.account


def test_the_history_of_an_account_holds_no_secret(account: Account) -> None:
    entries = account._meta.apps.get_model("audit", "AuditEntry").objects.all()
    assert entries
    for entry in entries:
        assert account.secrets not in str(entry.changes)
        assert "sesame" not in str(entry.changes)
