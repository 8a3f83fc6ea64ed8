"""The ledger: every message a pretend provider would have texted, one JSON object a line, durable.

A line is ``{"at", "provider", "account", "file", "msisdn", "sender", "text", "reference", "sha256"}``. All lines of one
file taken arrive together or not at all, and never twice, whatever crashes: a small journal beside the ledger says how
long it was before the latest take, how much was to be added, and which take of each writer came last.
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

    ``sha256`` is of the bytes of the file or request as they were taken, without the login they may begin with. It is
    ``""`` in what an older sandbox left behind half done.
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
    """The ledger at ``path``. One process at a time may write it; its threads may share one Ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal_path = path.with_name(f"{path.name}.journal")
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}
        path.touch(mode=0o600)
        self._undo_half_a_take()
        with path.open("rb") as file:
            self.count = sum(1 for _ in file)

    def add(self, writer: str, take: str, lines: Sequence[Line]) -> None:
        """Append the lines of one file taken and fsync once.

        ``writer`` says who takes (``smsportal/demo``), ``take`` is unique among its takes. The latest take of a writer
        given again adds nothing, so a writer that crashed may simply repeat it.
        """
        body = b"".join(json.dumps(asdict(line), ensure_ascii=False).encode() + b"\n" for line in lines)
        with self._lock:
            if self._last.get(writer) == take:
                return
            last = {**self._last, writer: take}
            journal = {"offset": self.path.stat().st_size, "length": len(body), "writer": writer, "last": last}
            write_durably(self._journal_path, json.dumps(journal).encode())
            with self.path.open("ab") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            self._last = last
            self.count += len(lines)

    def _undo_half_a_take(self) -> None:
        if not self._journal_path.exists():
            return
        journal = json.loads(self._journal_path.read_bytes())
        self._last = journal["last"]
        if self.path.stat().st_size == journal["offset"] + journal["length"]:
            return
        # The process died between the journal and the last byte: the take never was, its writer will repeat it.
        del self._last[journal["writer"]]
        with self.path.open("r+b") as file:
            file.truncate(journal["offset"])
            os.fsync(file.fileno())


def read_ledger(path: Path) -> Iterator[dict[str, str]]:
    """The lines of a ledger, oldest first; a last line still being written is left out."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)
