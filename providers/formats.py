"""Turns rows into bytes; the same arguments always give the same bytes."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def versioned_json(version: int, head: Mapping[str, Any], list_name: str, rows: list[dict[str, Any]]) -> bytes:
    """Return a line ``version: N`` and a JSON object in ASCII: ``head``, then ``list_name`` with one row per line."""
    opening = json.dumps(dict(head), indent=None, separators=(",\n", ": "))[1:-1]
    lines = ",\n".join([json.dumps(row, separators=(",", ":")) for row in rows])
    between = ",\n" if opening else ""
    return f"version: {version}\n{{\n{opening}{between}{json.dumps(list_name)}: [\n{lines}\n]\n}}\n".encode("ascii")


def zip_of_one(name: str, body: bytes) -> bytes:
    """Return a zip with ``body`` as its only file, ``name``, at the root; the same bytes for the same arguments.

    Date, attributes and system are fixed, so that the bytes depend neither on the clock nor on the host.
    """
    entry = zipfile.ZipInfo(name, date_time=_ZIP_EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o100644 << 16
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(entry, body, compresslevel=6)
    return whole.getvalue()
