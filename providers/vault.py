"""Encrypts and decrypts account secrets; nothing else in Baton uses the keys."""

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class VaultError(Exception):
    """A stored secret cannot be decrypted with the keys of this installation."""


def encrypt(secrets: dict[str, Any]) -> str:
    """Return ``secrets`` as one text, encrypted with the first of ``settings.ACCOUNT_KEYS``, which is the newest."""
    return _keys().encrypt(json.dumps(secrets, sort_keys=True).encode()).decode()


def decrypt(stored: str) -> dict[str, Any]:
    """Return what ``encrypt`` was given; for ``""`` an empty dictionary.

    Raises VaultError if no key fits or the text was changed, rather than return something it could not decrypt.
    """
    if not stored:
        return {}
    try:
        return dict(json.loads(_keys().decrypt(stored.encode())))
    except (InvalidToken, ValueError, TypeError) as error:
        raise VaultError(
            "The account's secrets cannot be decrypted: ACCOUNT_KEYS lacks the key that they were encrypted with."
        ) from error


def rotate(stored: str) -> str:
    """Return the same secrets encrypted with the newest key. Raises VaultError as ``decrypt`` does."""
    return encrypt(decrypt(stored)) if stored else stored


def _keys() -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in settings.ACCOUNT_KEYS])
    except ValueError as error:
        raise VaultError(
            "ACCOUNT_KEYS contains something that is not a key: each key is 32 bytes in URL-safe base64."
        ) from error
