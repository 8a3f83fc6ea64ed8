"""Refuses to work on a database with other keys than those it was first used with.

With another installation key the names of handed-over files change, and the providers' protection against duplicates
is lost; without the account key no stored password can be read. The database stores only fingerprints of the keys.
"""

import hashlib

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from providers.models import KeyFingerprint

#: Hexadecimal digits that are stored: enough to tell keys apart, of no use to anyone who looks for one.
LENGTH = 32


class OtherInstallation(ImproperlyConfigured):
    """This host does not belong to the installation of the database; the message says why and what to do."""


class OtherKeys(OtherInstallation):
    """The keys are not those of this database; the message says which one and what to do."""


def verify() -> None:
    """Compare the keys in the settings with the database; the first start on a database records them.

    ACCOUNT_KEYS may be rotated: the key that encrypted last must still be among them, and the first one takes its
    place. Raises OtherKeys when a key differs, and DatabaseError when the database does not answer.
    """
    stored = dict(KeyFingerprint.objects.values_list("name", "fingerprint"))
    _compare(stored)
    current = _current()
    if missing := current.keys() - stored.keys():
        for name in missing:
            # Of two hosts that start first at the same time, the second compares itself with what the first one stored.
            row, _ = KeyFingerprint.objects.get_or_create(name=name, defaults={"fingerprint": current[name]})
            stored[name] = row.fingerprint
        _compare(stored)
    newest = current["account"]
    if stored["account"] != newest:
        KeyFingerprint.objects.filter(name="account").update(fingerprint=newest, changed_at=timezone.now())


def _current() -> dict[str, str]:
    return {
        "installation": fingerprint("installation", settings.INSTALLATION_KEY),
        "account": fingerprint("account", settings.ACCOUNT_KEYS[0]),
    }


def _compare(stored: dict[str, str]) -> None:
    installation = _current()["installation"]
    if stored.get("installation", installation) != installation:
        raise OtherKeys(
            "This database belongs to another installation key. With the key that is set now, files that were handed "
            "over before could be handed over again. Restore the file keys/installation_key of the data directory, or "
            "set INSTALLATION_KEY to the key this database was first used with. Until then Baton does nothing."
        )
    account = [fingerprint("account", key) for key in settings.ACCOUNT_KEYS]
    if stored.get("account", account[0]) not in account:
        raise OtherKeys(
            "ACCOUNT_KEYS lacks the key that encrypted the passwords in this database. Restore the file "
            "keys/account_key of the data directory, or list the earlier key after the new one: "
            "ACCOUNT_KEYS=new,earlier. Until then Baton does nothing."
        )


def fingerprint(name: str, key: str) -> str:
    """A text from which the key cannot be computed, different for each use of the same key."""
    return hashlib.sha256(f"baton {name} key:{key}".encode()).hexdigest()[:LENGTH]
