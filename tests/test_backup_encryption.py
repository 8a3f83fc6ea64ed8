"""What is encrypted comes back whole, or not at all."""

import io

import pytest

from config.backup.encryption import MAGIC, SEGMENT_BYTES, TAG_BYTES, CannotRead, DecryptingReader, EncryptingWriter

KEY = "the backup key"
SEGMENT = SEGMENT_BYTES + TAG_BYTES


def encrypted(plain: bytes, key: str = KEY) -> bytes:
    target = io.BytesIO()
    writer = EncryptingWriter(target, key)
    for start in range(0, len(plain), 700_001):
        writer.write(plain[start : start + 700_001])
    writer.close()
    return target.getvalue()


def decrypted(sealed: bytes, key: str = KEY) -> bytes:
    return DecryptingReader(io.BytesIO(sealed), key).read()


@pytest.mark.parametrize("size", [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES])
def test_every_size_comes_back(size: int) -> None:
    plain = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    sealed = encrypted(plain)
    assert decrypted(sealed) == plain
    assert b"0123456789abcdef" not in sealed
    assert encrypted(plain) != sealed


def test_what_was_changed_cut_off_or_reordered_is_refused() -> None:
    sealed = encrypted(bytes(3 * SEGMENT_BYTES))
    start = len(sealed) - 3 * SEGMENT
    assert start > 0
    first, second = sealed[start : start + SEGMENT], sealed[start + SEGMENT : start + 2 * SEGMENT]
    for changed in (
        sealed[:-SEGMENT],
        sealed[:-1],
        sealed[:start],
        sealed + b"\0",
        sealed[:start] + second + first + sealed[start + 2 * SEGMENT :],
        sealed[:start] + sealed[start + SEGMENT :],
        sealed[: start + 9] + bytes([sealed[start + 9] ^ 1]) + sealed[start + 10 :],
        sealed[: start - 1] + bytes([sealed[start - 1] ^ 1]) + sealed[start:],
    ):
        with pytest.raises(CannotRead, match="damaged or incomplete"):
            decrypted(changed)


def test_another_key_and_another_file_are_told_apart() -> None:
    with pytest.raises(CannotRead, match="another key"):
        decrypted(encrypted(b"plain"), "another")
    for other in (b"", MAGIC, b"PK\3\4" + bytes(500)):
        with pytest.raises(CannotRead, match="not a backup"):
            decrypted(other)


def test_a_file_without_its_end_is_refused() -> None:
    target = io.BytesIO()
    EncryptingWriter(target, KEY).write(b"plain")
    with pytest.raises(CannotRead):
        decrypted(target.getvalue())
