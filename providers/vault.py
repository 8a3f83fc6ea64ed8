"""Encrypts and decrypts account secrets; nothing else in Baton knows the keys."""

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class VaultError(Exception):
    """A stored secret cannot be opened with the keys of this installation."""


def encrypt(secrets: dict[str, Any]) -> str:
    """Return ``secrets`` as one encrypted text, made with the newest of ``settings.ACCOUNT_KEYS``."""
    return _keys().encrypt(json.dumps(secrets, sort_keys=True).encode()).decode()


def decrypt(stored: str) -> dict[str, Any]:
    """Return what ``encrypt`` was given; ``""`` is no secrets.

    Raises VaultError when no key fits or the text was changed: it never hands back what it could not read.
    """
    if not stored:
        return {}
    try:
        return dict(json.loads(_keys().decrypt(stored.encode())))
    except (InvalidToken, ValueError, TypeError) as error:
        raise VaultError(
            "The account's secrets cannot be opened: ACCOUNT_KEYS lacks the key they were stored with."
        ) from error


def rotate(stored: str) -> str:
    """Return the same secrets encrypted with the newest key. Raises VaultError as ``decrypt`` does."""
    return encrypt(decrypt(stored)) if stored else stored


def _keys() -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in settings.ACCOUNT_KEYS])
    except ValueError as error:
        raise VaultError(
            "ACCOUNT_KEYS holds something that is not a key: each is 32 bytes in URL-safe base64."
        ) from error
