"""Makes the PNG of a screenshot small: 256 colours, each pixel one byte. See Portable Network Graphics (PNG), W3C."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 3


def smaller(png: bytes) -> bytes:
    """The same picture with the 256 most frequent of its colours; ``png`` has 8 bits of red, green and blue a pixel."""
    chunks = list(_chunks(png))
    width, height, depth, colour = struct.unpack(">IIBB", chunks[0][1][:10])
    if (depth, colour) != (8, 2):
        raise ValueError("The picture has other pixels than 8 bits of red, green and blue.")
    packed = b"".join(content for name, content in chunks if name == b"IDAT")
    rows = list(_rows(zlib.decompress(packed), width * _RGB))
    pixels = [[row[at : at + _RGB] for at in range(0, len(row), _RGB)] for row in rows]
    counted = Counter(pixel for row in pixels for pixel in row)
    palette = [pixel for pixel, _ in counted.most_common(256)]
    index = {pixel: min(range(len(palette)), key=lambda n: _distance(palette[n], pixel)) for pixel in counted}
    # Without a filter (0): neighbouring bytes of a palette say nothing of each other.
    raw = b"".join(b"\0" + bytes(index[pixel] for pixel in row) for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, content) for name, content in parts)


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _rows(raw: bytes, length: int) -> Iterator[bytes]:
    """The bytes of each row, with the filter of its first byte undone. PNG: 9 Filtering."""
    above = bytearray(length)
    for start in range(0, len(raw), length + 1):
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + length])
        for at in range(length) if kind else ():
            left, up = (row[at - _RGB] if at >= _RGB else 0), above[at]
            corner = above[at - _RGB] if at >= _RGB else 0
            row[at] = (row[at] + (left, up, (left + up) // 2, _paeth(left, up, corner))[kind - 1]) & 0xFF
        yield bytes(row)
        above = row


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))
