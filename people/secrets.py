"""Encrypts every stored secret with the newest account key, so that an earlier key can be removed."""

from collections.abc import Iterator
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Model

from campaigns.models import ReplyAddress
from providers import vault
from providers.models import Account

#: What an authenticator keeps encrypted: the secret of an app, the seed of recovery codes. A passkey has no secret.
ENCRYPTED = ("secret", "seed")


class CannotRotate(Exception):
    """A secret cannot be decrypted, so nothing was changed; the message names its row."""


def rotate_all() -> dict[str, int]:
    """Encrypt all secrets with the first of ACCOUNT_KEYS, in one transaction; returns how many, by kind.

    Doing it again changes nothing that matters. Raises CannotRotate, and then every secret is as it was.
    """
    with transaction.atomic():
        return {
            "accounts": _rotate(Account, "secrets"),
            "addresses for replies": _rotate(ReplyAddress, "token"),
            "authenticator apps and recovery codes": _rotate_authenticators(),
        }


def _rotate(model: type[Model], field: str) -> int:
    count = 0
    for row in _locked(model):
        stored = getattr(row, field)
        if stored:
            model._default_manager.filter(pk=row.pk).update(**{field: _rotated(stored, row)})
            count += 1
    return count


def _rotate_authenticators() -> int:
    count = 0
    for row in _locked(Authenticator):
        data = dict(row.data)
        for name in ENCRYPTED:
            if name in data:
                data[name] = _rotated(data[name], row)
        if "migrated_codes" in data:
            data["migrated_codes"] = [_rotated(code, row) for code in data["migrated_codes"]]
        if data != row.data:
            Authenticator.objects.filter(pk=row.pk).update(data=data)
            count += 1
    return count


def _locked(model: type[Model]) -> Iterator[Any]:
    """All rows; nobody saves one of them until the transaction ends."""
    return model._default_manager.select_for_update().order_by("pk").iterator()


def _rotated(stored: str, row: Model) -> str:
    try:
        return vault.rotate(stored)
    except vault.VaultError as error:
        raise CannotRotate(
            f"The secret of {row._meta.verbose_name} {row.pk} ({row}) cannot be decrypted. Nothing was changed. Add "
            "the key that it was encrypted with to ACCOUNT_KEYS, or save or delete this secret first."
        ) from error
