"""Keyed hashes that replace personal data, so that what is left can be proved without being read.

The key is derived from INSTALLATION_KEY. Whoever has it can tell whether a given number or row is the one that was
replaced; nobody can compute a number from its hash alone. See docs/privacy.md.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable

from django.conf import settings

#: What a pseudonym begins with; no number does.
MARK = "~"
#: Characters after the mark, of six bits each. A pseudonym is as long as the longest number.
_LENGTH = 14


def keyed_hash(text: str) -> str:
    """The HMAC-SHA256 of ``text`` with the key of this installation, as 64 hexadecimal digits."""
    return _hmac(text).hex()


def pseudonym(msisdn: str) -> str:
    """What replaces a number (digits): ``~`` and 84 bits of its keyed hash, 15 characters; a pseudonym stays as it is.

    The same number always has the same pseudonym, so that an index finds everything about it.
    """
    if is_pseudonym(msisdn):
        return msisdn
    return MARK + urlsafe_b64encode(_hmac(f"number {msisdn}")).decode()[:_LENGTH]


def row_pseudonym(values: Iterable[str]) -> str:
    """What replaces the customer ID of an erased row: ``~`` and the keyed hash of all of its values in their order."""
    return MARK + keyed_hash("row " + "\x1f".join(f"{len(value)}:{value}" for value in values))


def is_pseudonym(text: str) -> bool:
    """Whether ``text`` stands where a number or a row was erased."""
    return text.startswith(MARK)


def _hmac(text: str) -> bytes:
    key = hashlib.sha256(f"pseudonyms {settings.INSTALLATION_KEY}".encode()).digest()
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")
