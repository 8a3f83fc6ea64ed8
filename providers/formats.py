"""Turns rows into bytes; the same arguments always give the same bytes."""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring_ascii
from typing import Any

from isal import isal_zlib

#: The bytes of this level were the same on x86-64 with SSE4.2, AVX2 and AVX-512, those of level 3 were not. Without
#: SSE4.2 the same file gives other bytes, and it may on another architecture.
_LEVEL = 2
#: 1 January 1980 at midnight, as MS-DOS writes date and time.
_DOS_DATE, _DOS_TIME = 1 << 5 | 1, 0
#: Version 2.0 of the format, which deflate needs; written on Unix.
_VERSION, _UNIX = 20, 3
_DEFLATED = 8
_REGULAR_FILE = 0o100644 << 16


def versioned_json(version: int, head: Mapping[str, Any], list_name: str, rows: Iterable[str]) -> bytes:
    """Return a line ``version: N`` and a JSON object in ASCII: ``head``, then ``list_name`` with one row per line.

    ``rows`` are JSON already, so that no document is built for each of them.
    """
    opening = json.dumps(dict(head), indent=None, separators=(",\n", ": "))[1:-1]
    lines = ",\n".join(rows)
    between = ",\n" if opening else ""
    return f"version: {version}\n{{\n{opening}{between}{json.dumps(list_name)}: [\n{lines}\n]\n}}\n".encode("ascii")


def json_strings(column: Iterable[str]) -> list[str]:
    """Return each value as a JSON string in ASCII, as ``json.dumps`` writes it."""
    return list(map(encode_basestring_ascii, column))


def zip_of_one(name: str, body: bytes) -> bytes:
    """Return a zip with ``body`` as its only file, at the root; the same arguments give the same bytes.

    ``name`` is ASCII. Date, attributes and system are fixed, so that the bytes depend neither on the clock nor on the
    host. Written by hand because Python's zipfile knows only its own, slower deflate.
    """
    compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    packed = compressor.compress(body) + compressor.flush()
    path = name.encode("ascii")
    # APPNOTE 4.3.7 and 4.3.12: these fields are in both headers. No flags, no extra field.
    shared = struct.pack(
        "<5H3I2H",
        _VERSION, 0, _DEFLATED, _DOS_TIME, _DOS_DATE, zlib.crc32(body), len(packed), len(body), len(path), 0,
    )  # fmt: skip
    local = b"PK\x03\x04" + shared + path + packed
    # No comment, on the first disk, a binary file, at the beginning of the archive.
    directory = struct.pack("<4sBB", b"PK\x01\x02", _VERSION, _UNIX) + shared
    directory += struct.pack("<3H2I", 0, 0, 0, _REGULAR_FILE, 0) + path
    # APPNOTE 4.3.16: one entry on the only disk.
    return local + directory + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), len(local), 0)
