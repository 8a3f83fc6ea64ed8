"""What the accounts of all sandbox providers share: stored state, and processing of files that survives a crash."""

import contextlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from providers.sandbox.disk import sync_folder, write_durably
from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger, Line

#: What a new account starts with, in message parts.
CREDIT = 1_000_000


class Account(ABC):
    """One account under ``folder``.

    Each file is processed in five steps: store the action, append the messages to the ledger, store the new state,
    apply the action to what the client sees, delete the stored action. After a crash at any point the steps are
    repeated from the stored action; a step that was already done changes nothing.
    """

    slug: ClassVar[str]

    def __init__(self, folder: Path, account: str, ledger: Ledger, faults: Faults) -> None:
        self.account = account
        self.folder = folder
        self._ledger = ledger
        self._faults = faults
        self._state_path = folder / "state.json"
        self._steps_path = folder / "unfinished.json"

    def _begin(self, first: Mapping[str, Any]) -> None:
        """Continue from the stored state, or from ``first`` if there is none. The account's folders must exist."""
        if not self._state_path.exists():
            self._save_state(first)
        if self._steps_path.exists():
            self._finish(json.loads(self._steps_path.read_bytes()))

    def _carry_out(self, lines: Sequence[Line], state: Mapping[str, Any], **action: Any) -> None:
        """Process a file: append ``lines`` to the ledger, store ``state``, and pass ``action`` to ``_apply``."""
        steps = {"id": uuid4().hex, "lines": [asdict(line) for line in lines], "state": state, "action": action}
        write_durably(self._steps_path, json.dumps(steps).encode())
        self._finish(steps)

    def _finish(self, steps: Mapping[str, Any]) -> None:
        if steps["lines"]:
            lines = [Line(**line) for line in steps["lines"]]
            self._ledger.add(f"{self.slug}/{self.account}", steps["id"], lines)
        self._save_state(steps["state"])
        self._apply(steps["action"])
        self._steps_path.unlink()
        sync_folder(self.folder)

    @abstractmethod
    def _apply(self, action: Mapping[str, Any]) -> None:
        """Change what the client sees of a processed file, durably. Called again after a crash."""

    def _load_state(self) -> dict[str, Any]:
        kept: dict[str, Any] = json.loads(self._state_path.read_bytes())
        return kept

    def _save_state(self, kept: Mapping[str, Any]) -> None:
        write_durably(self._state_path, json.dumps(kept).encode())

    def _line(self, at: str, file: str, msisdn: str, sender: str, text: str, reference: str, sha256: str) -> Line:
        return Line(at, self.slug, self.account, file, msisdn, sender, text, reference, sha256)


class FolderAccount(Account):
    """An account whose client reads and writes files in the folder ``home``.

    ``being_written`` tells whether a client still has a file open; ``credit`` is what a new account starts with, in
    message parts.
    """

    #: Folders inside ``home``.
    folders: ClassVar[tuple[str, ...]] = ()
    #: What a new account's state holds besides its credit.
    first_state: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self,
        folder: Path,
        account: str,
        ledger: Ledger,
        faults: Faults,
        being_written: Callable[[Path], bool],
        credit: int = CREDIT,
    ) -> None:
        super().__init__(folder, account, ledger, faults)
        self.home = folder / "home"
        self._being_written = being_written
        for path in (self.home, *(self.home / name for name in self.folders)):
            path.mkdir(parents=True, exist_ok=True)
        self._prepare()
        self._begin({"credit": credit, **self.first_state})

    def _prepare(self) -> None:
        """Set up what else the account needs. Called when its folders exist, before unfinished steps are repeated."""


def oldest_first(folder: Path) -> list[Path]:
    """Return the files of a folder, oldest first; the client may delete any of them at any moment."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False):
                    found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
    return [folder / name for _, name in sorted(found)]
