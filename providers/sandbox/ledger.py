"""The ledger: a durable file of every message that a sandbox provider would have texted, one JSON object a line.

A line is ``{"at", "provider", "account", "file", "msisdn", "sender", "text", "reference", "sha256"}``. All lines of one
file are written together or not at all, and never twice, whatever crashes: a small journal beside the ledger records
how long the ledger was before the latest write, how many bytes were to be added, and the latest write of each writer.
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from providers.sandbox.disk import write_durably


@dataclass(frozen=True)
class Line:
    """One text to one number. ``at`` is ISO 8601 in UTC; ``file`` is the name the provider knows the file by.

    ``sha256`` is of the bytes of the file or request as received, without the login they may begin with; ``""``
    where it is not known.
    """

    at: str
    provider: str
    account: str
    file: str
    msisdn: str
    sender: str
    text: str
    reference: str
    sha256: str = ""


class Ledger:
    """The ledger at ``path``. Only one process at a time may write to it; its threads may share one Ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal_path = path.with_name(f"{path.name}.journal")
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}
        path.touch(mode=0o600)
        self._undo_partial_write()
        with path.open("rb") as file:
            self.count = sum(1 for _ in file)

    def add(self, writer: str, write_id: str, lines: Sequence[Line]) -> None:
        """Append the lines of one file and fsync once.

        ``writer`` is a provider's account (``acme/demo``); ``write_id`` is unique among that writer's writes. Repeating
        the latest write of a writer adds nothing, so a writer that crashed may simply repeat it.
        """
        body = b"".join(json.dumps(asdict(line), ensure_ascii=False).encode() + b"\n" for line in lines)
        with self._lock:
            if self._last.get(writer) == write_id:
                return
            last = {**self._last, writer: write_id}
            journal = {"offset": self.path.stat().st_size, "length": len(body), "writer": writer, "last": last}
            write_durably(self._journal_path, json.dumps(journal).encode())
            with self.path.open("ab") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            self._last = last
            self.count += len(lines)

    def _undo_partial_write(self) -> None:
        if not self._journal_path.exists():
            return
        journal = json.loads(self._journal_path.read_bytes())
        self._last = journal["last"]
        if self.path.stat().st_size == journal["offset"] + journal["length"]:
            return
        # The process died between the journal and the last byte: remove the partial write, its writer will repeat it.
        del self._last[journal["writer"]]
        with self.path.open("r+b") as file:
            file.truncate(journal["offset"])
            os.fsync(file.fileno())


def read_ledger(path: Path) -> Iterator[dict[str, str]]:
    """Yield the lines of a ledger, oldest first, without a last line that is still being written."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)
