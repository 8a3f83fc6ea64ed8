"""What one account of any pretend provider has: a memory, and a way to take files that no crash can harm."""

import contextlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from providers.sandbox.disk import sync_folder, write_durably
from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger, Line


class Account(ABC):
    """One account under ``folder``.

    A file is taken in this order: the decision is written down, the ledger gets the messages, the memory is renewed,
    what the client sees changes, the decision is forgotten. A crash anywhere in between is mended by carrying out the
    decision once more, in which each step that was done changes nothing.
    """

    slug: ClassVar[str]

    def __init__(self, folder: Path, account: str, ledger: Ledger, faults: Faults) -> None:
        self.account = account
        self.folder = folder
        self._ledger = ledger
        self._faults = faults
        self._state_path = folder / "state.json"
        self._taking_path = folder / "taking.json"

    def _begin(self, first: Mapping[str, Any]) -> None:
        """Go on where the account was, or with the memory ``first`` where there is none; its folders are there."""
        if not self._state_path.exists():
            self._remember(first)
        if self._taking_path.exists():
            self._finish(json.loads(self._taking_path.read_bytes()))

    def _carry_out(self, lines: Sequence[Line], state: Mapping[str, Any], **deed: Any) -> None:
        """Take a file: ``lines`` go to the ledger, ``state`` is remembered, ``deed`` is what ``_show`` is given."""
        taking = {"take": uuid4().hex, "lines": [asdict(line) for line in lines], "state": state, "deed": deed}
        write_durably(self._taking_path, json.dumps(taking).encode())
        self._finish(taking)

    def _finish(self, taking: Mapping[str, Any]) -> None:
        if taking["lines"]:
            lines = [Line(**line) for line in taking["lines"]]
            self._ledger.add(f"{self.slug}/{self.account}", taking["take"], lines)
        self._remember(taking["state"])
        self._show(taking["deed"])
        self._taking_path.unlink()
        sync_folder(self.folder)

    @abstractmethod
    def _show(self, deed: Mapping[str, Any]) -> None:
        """Change what the client sees of a file that was taken, durably; may be called again after a crash."""

    def _state(self) -> dict[str, Any]:
        kept: dict[str, Any] = json.loads(self._state_path.read_bytes())
        return kept

    def _remember(self, kept: Mapping[str, Any]) -> None:
        write_durably(self._state_path, json.dumps(kept).encode())

    def _line(self, at: str, file: str, msisdn: str, sender: str, text: str, reference: str, sha256: str) -> Line:
        return Line(at, self.slug, self.account, file, msisdn, sender, text, reference, sha256)


def oldest_first(folder: Path) -> list[Path]:
    """The files in a folder where the client may take any of them back at any moment."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False):
                    found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
    return [folder / name for _, name in sorted(found)]
