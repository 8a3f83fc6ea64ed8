"""Encrypted files of any size, written and read once from the beginning to the end.

A file is a header (``MAGIC``, the fingerprint of the key, 32 random bytes) and segments of 1 MiB, each encrypted with
AES-256-GCM. The key of a file is derived with HKDF-SHA256 from the backup key and the random bytes, so no key is used
for two files. The nonce of a segment is its number, eleven bytes, and one byte that marks the last segment: segments
cannot be left out, reordered or cut off without being noticed. This is the STREAM construction of Hoang, Reyhanitabar,
Rogaway and Vizár (2015), as in the file format of age.
"""

import io
import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from providers.keys import fingerprint

MAGIC = b"baton backup 1\n"
SALT_BYTES = 32
SEGMENT_BYTES = 1 << 20
TAG_BYTES = 16


class CannotRead(Exception):
    """The file is not a backup, is damaged, or was encrypted with another key; the message is for people."""


class EncryptingWriter:
    """Encrypts what is written to it into ``target``. Without ``close`` the file has no last segment and is refused.

    It inherits from none of Python's file classes, because the garbage collector closes those, even after an error.
    """

    def __init__(self, target: BinaryIO, key: str) -> None:
        salt = os.urandom(SALT_BYTES)
        target.write(MAGIC + _named(key) + salt)
        self._target = target
        self._cipher = _cipher(key, salt)
        self._waiting = bytearray()
        self._number = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        added = memoryview(data).nbytes
        self._waiting += data
        # The last segment is only known at the end, so one whole segment may wait.
        while len(self._waiting) > SEGMENT_BYTES:
            self._write_segment(bytes(self._waiting[:SEGMENT_BYTES]), is_last=False)
            del self._waiting[:SEGMENT_BYTES]
        return added

    def flush(self) -> None:
        """Write nothing: segments are whole."""

    def close(self) -> None:
        """Write the last segment."""
        self._write_segment(bytes(self._waiting), is_last=True)

    def _write_segment(self, plain: bytes, is_last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._number, is_last), plain, None))
        self._number += 1


class DecryptingReader(io.RawIOBase):
    """Decrypts ``source``. Returns only bytes that were authenticated; reading raises CannotRead."""

    def __init__(self, source: BinaryIO, key: str) -> None:
        named = _named(key)
        header = source.read(len(MAGIC) + len(named) + SALT_BYTES)
        if not header.startswith(MAGIC) or len(header) < len(MAGIC) + len(named) + SALT_BYTES:
            raise CannotRead("This file is not a backup that Baton has made.")
        if header[len(MAGIC) : -SALT_BYTES] != named:
            raise CannotRead(
                "This backup was encrypted with another key. Put back the file keys/backup_key of the installation that"
                " made it, or set BACKUP_KEY."
            )
        self._source = source
        self._cipher = _cipher(key, header[-SALT_BYTES:])
        self._next = source.read(SEGMENT_BYTES + TAG_BYTES)
        self._number = 0
        self._plain = memoryview(b"")
        self._is_at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while not self._plain and not self._is_at_end:
            self._read_segment()
        count = min(len(target), len(self._plain))
        target[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def _read_segment(self) -> None:
        sealed, self._next = self._next, self._source.read(SEGMENT_BYTES + TAG_BYTES)
        self._is_at_end = not self._next
        try:
            plain = self._cipher.decrypt(_nonce(self._number, self._is_at_end), sealed, None)
        except (InvalidTag, ValueError):
            raise CannotRead("This backup is damaged or incomplete. Use another one.") from None
        self._plain = memoryview(plain)
        self._number += 1


def _named(key: str) -> bytes:
    """The bytes that name a file's key in its header."""
    return fingerprint("backup", key).encode()


def _cipher(key: str, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt, MAGIC).derive(key.encode()))


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
