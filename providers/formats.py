"""Rows to bytes, the same bytes each time; refuses what a format cannot say."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def versioned_json(version: int, head: Mapping[str, Any], list_name: str, rows: list[dict[str, Any]]) -> bytes:
    """Return a line ``version: N`` and one JSON object, ASCII only: ``head`` and then ``list_name``, one row a line.

    SMSPortal SFTP: "version: 7" stands on a line of its own before the object.
    """
    opening = json.dumps(dict(head), indent=None, separators=(",\n", ": "))[1:-1]
    lines = ",\n".join([json.dumps(row, separators=(",", ":")) for row in rows])
    between = ",\n" if opening else ""
    return f"version: {version}\n{{\n{opening}{between}{json.dumps(list_name)}: [\n{lines}\n]\n}}\n".encode("ascii")


def zip_of_one(name: str, body: bytes) -> bytes:
    """Return a zip holding ``body`` as the one file ``name`` at its root; the same bytes for the same arguments.

    Date, attributes and system are fixed, so that neither the clock nor the host shows in the bytes.
    """
    entry = zipfile.ZipInfo(name, date_time=_ZIP_EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o100644 << 16
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(entry, body, compresslevel=6)
    return whole.getvalue()
