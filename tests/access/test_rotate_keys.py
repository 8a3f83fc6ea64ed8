"""After ``manage.py rotate_keys`` the earlier account key is not needed any more."""

from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEntry
from campaigns.models import ReplyAddress
from campaigns.results import replies
from config.accounts import SecondStep
from providers import vault
from providers.models import Account

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def stored(operator: User, settings: Settings) -> list[str]:
    """Every kind of secret, encrypted with the earlier key; returns what they are in plain text."""
    settings.ACCOUNT_KEYS = [OLD]
    account = Account(name="One", provider="smsportal", settings={"protocol": "sftp"})
    account.secrets = vault.encrypt({"password": "sésame"})
    account.save()
    Account.objects.create(name="Without secrets", provider="smsportal")
    token = replies.new_address(account, operator, timezone.now())
    TOTP.activate(operator, SECRET)
    codes = RecoveryCodes.activate(operator)
    return [token, *codes.get_unused_codes()]


def read_all() -> list[str]:
    """Check that every secret can be read with the keys of the settings, and return those of ``stored``."""
    assert Account.objects.get(name="One").open_settings()["password"] == "sésame"
    rows = {row.type: row for row in Authenticator.objects.all()}
    assert SecondStep().decrypt(rows["totp"].data["secret"]) == SECRET
    return [replies.token_of(ReplyAddress.objects.get()), *rows["recovery_codes"].wrap().get_unused_codes()]


def test_every_secret_is_encrypted_with_the_newest_key(stored: list[str], settings: Settings) -> None:
    settings.ACCOUNT_KEYS = [NEW, OLD]
    said = StringIO()
    call_command("rotate_keys", stdout=said)
    assert "accounts: 1 " in said.getvalue()
    assert "recovery codes: 2 " in said.getvalue()
    assert "remove the earlier keys" in said.getvalue()
    entry = AuditEntry.objects.get(object_repr="keys rotated")
    assert entry.changes_dict["accounts"] == ["", "1 encrypted with the newest key"]
    settings.ACCOUNT_KEYS = [NEW]
    assert read_all() == stored
    call_command("rotate_keys", stdout=StringIO())
    assert read_all() == stored


def test_a_secret_that_cannot_be_read_stops_it_and_nothing_changes(stored: list[str], settings: Settings) -> None:
    settings.ACCOUNT_KEYS = [Fernet.generate_key().decode()]
    Account.objects.create(name="Lost", provider="smsportal", secrets=vault.encrypt({"password": "x"}))
    settings.ACCOUNT_KEYS = [NEW, OLD]
    with pytest.raises(CommandError, match=r"Lost.*Nothing was changed"):
        call_command("rotate_keys", stdout=StringIO())
    settings.ACCOUNT_KEYS = [OLD]
    assert read_all() == stored
