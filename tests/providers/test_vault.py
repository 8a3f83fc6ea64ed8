import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from providers import vault

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_it_gives_back_what_it_was_given(settings: Settings) -> None:
    settings.ACCOUNT_KEYS = [OLD]
    stored = vault.encrypt({"password": "sésame"})
    assert "same" not in stored
    assert vault.decrypt(stored) == {"password": "sésame"}


def test_an_empty_set_of_secrets_stays_empty() -> None:
    assert vault.decrypt("") == {}
    assert vault.rotate("") == ""


def test_a_wrong_key_raises_and_never_gives_the_stored_text(settings: Settings) -> None:
    settings.ACCOUNT_KEYS = [OLD]
    stored = vault.encrypt({"password": "x"})
    settings.ACCOUNT_KEYS = [NEW]
    with pytest.raises(vault.VaultError) as caught:
        vault.decrypt(stored)
    assert stored not in str(caught.value)


def test_a_changed_text_raises(settings: Settings) -> None:
    settings.ACCOUNT_KEYS = [OLD]
    stored = vault.encrypt({"password": "x"})
    with pytest.raises(vault.VaultError):
        vault.decrypt(stored[:-6] + "AAAAA=")


def test_a_rotated_secret_needs_only_the_newest_key(settings: Settings) -> None:
    settings.ACCOUNT_KEYS = [OLD]
    stored = vault.encrypt({"password": "x"})
    settings.ACCOUNT_KEYS = [NEW, OLD]
    rotated = vault.rotate(stored)
    settings.ACCOUNT_KEYS = [NEW]
    assert vault.decrypt(rotated) == {"password": "x"}


def test_a_broken_key_gives_a_plain_error(settings: Settings) -> None:
    settings.ACCOUNT_KEYS = ["short"]
    with pytest.raises(vault.VaultError, match="ACCOUNT_KEYS"):
        vault.encrypt({})
