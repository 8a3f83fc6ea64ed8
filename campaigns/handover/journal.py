"""The intent journal: one fsynced line for each intent, outside the database.

An older copy of the database that is restored therefore cannot lose what may have been handed over.
"""

import json
import os
import socket
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from campaigns.chain import root_of
from campaigns.models import Batch
from contacts import journals
from providers.points import reach


def _own_file() -> Path:
    return settings.JOURNAL_DIR / f"intents-{socket.gethostname()}.jsonl"


def _append(line: dict[str, Any]) -> None:
    text = json.dumps(line, separators=(",", ":")) + "\n"
    journals.append(_own_file(), text.encode(), written=lambda: reach("journal:written"))


def intend(batch: Batch, attempt: int, name: str, now: datetime) -> None:
    """Write durably that ``attempt`` of ``batch`` is about to be committed under the remote ``name``."""
    _append(
        {
            "at": now.isoformat(),
            "intent": batch.stem,
            "campaign": batch.campaign_id,
            "chain": root_of(batch.campaign),
            "account": batch.account_id,
            "attempt": attempt,
            "name": name,
            "sha256": batch.sha256,
        }
    )


def withdraw(batch: Batch, attempt: int, now: datetime) -> None:
    """Write that the intent of ``attempt`` was withdrawn, because it is known that nothing arrived."""
    _append({"at": now.isoformat(), "withdrawn": batch.stem, "campaign": batch.campaign_id, "attempt": attempt})


def intents(stem: str) -> list[dict[str, Any]]:
    """The intents of one batch that were not withdrawn, from every host's journal, ordered by attempt."""
    found = _attempts(stem)
    return [found[attempt] for attempt in sorted(found) if "withdrawn" not in found[attempt]]


def withdrawn(stem: str) -> list[int]:
    """The attempts of one batch whose intents were withdrawn, according to any journal."""
    return [attempt for attempt, line in _attempts(stem).items() if "withdrawn" in line]


def last_attempt(stem: str) -> int:
    """The highest number of any attempt of this batch, withdrawn ones included; 0 if there was none."""
    return max(_attempts(stem), default=0)


def batches_of_chain(root: int) -> dict[str, set[str]]:
    """``{stem: {sha256}}`` of every batch of a chain that may have been handed over, over all its attempts.

    ``root`` is the id of the first campaign of the chain (``chain.root_of``).
    """
    stems = {
        stem
        for known in _journals()
        for stem, lines in known.items()
        if any(line.get("chain", line["campaign"]) == root for line in lines)
    }
    return {stem: {line["sha256"] for line in found} for stem in stems if (found := intents(stem))}


def lines_of(stem: str) -> list[dict[str, Any]]:
    """Every line about one batch for people to read, withdrawals included, oldest first."""
    found = [line for known in _journals() for line in known.get(stem, [])]
    return sorted(found, key=lambda line: str(line["at"]))


def _attempts(stem: str) -> dict[int, dict[str, Any]]:
    """The last line about each attempt of a batch."""
    return {line["attempt"]: line for known in _journals() for line in known.get(stem, [])}


def _line(raw: bytes) -> dict[str, Any]:
    """One line of a journal; {} if a crash cut it short and the next process appended to it."""
    try:
        line: dict[str, Any] = json.loads(raw)
    except ValueError:
        return {}
    return line


def latest_campaign() -> int:
    """The highest campaign id that any journal names; 0 where there is none."""
    return max((line["campaign"] for known in _journals() for lines in known.values() for line in lines), default=0)


# How far each journal was read, and its lines about each batch, oldest first: {stem: [line]}.
_read: dict[Path, tuple[int, dict[str, list[dict[str, Any]]]]] = {}


def _journals() -> list[dict[str, list[dict[str, Any]]]]:
    """The lines of each host's journal by batch."""
    return [_read_on(path) for path in sorted(settings.JOURNAL_DIR.glob("intents-*.jsonl"))]


def _read_on(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The lines of one journal by batch. Reads only what was added since the last call; an incomplete line waits."""
    offset, known = _read.get(path, (0, {}))
    with path.open("rb") as handle:
        # Of a file that is open, not by its path: a network file system may know an earlier size of that.
        size = os.fstat(handle.fileno()).st_size
        if size < offset:
            offset, known = 0, {}
        handle.seek(offset)
        added = handle.read()
    if added:
        whole = added[: added.rfind(b"\n") + 1]
        for raw in whole.splitlines():
            line = _line(raw)
            stem = line.get("intent") or line.get("withdrawn")
            if stem:
                known.setdefault(stem, []).append(line)
        _read[path] = (offset + len(whole), known)
    return known
