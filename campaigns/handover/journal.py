"""The intent journal: one fsynced line for each intent, outside the database.

An older copy of the database that is restored therefore cannot lose what may have been handed over.
"""

import json
import os
import re
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

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
        for known in _journals(rb'"(?:chain|campaign)": *%d\b' % root)
        for stem, lines in known.items()
        if any(line.get("chain", line["campaign"]) == root for line in lines)
    }
    return {stem: {line["sha256"] for line in found} for stem in stems if (found := intents(stem))}


def lines_of(stem: str) -> list[dict[str, Any]]:
    """Every line about one batch for people to read, withdrawals included, oldest first."""
    return sorted(_about(stem), key=lambda line: str(line["at"]))


def latest_campaign() -> int:
    """The highest campaign id that any journal names, even in a line cut short; 0 where there is none."""
    latest = 0
    for path in _paths():
        with path.open("rb") as handle:
            for lines in _blocks(handle):
                latest = max(latest, *map(int, re.findall(rb'"campaign": *(\d+)', lines)), 0)
    return latest


def _attempts(stem: str) -> dict[int, dict[str, Any]]:
    """The last line about each attempt of a batch."""
    return {line["attempt"]: line for line in _about(stem)}


def _about(stem: str) -> list[dict[str, Any]]:
    # All batches of the campaign at once: a job asks about one after another.
    campaign, dash, _ = stem.partition("-")
    return [line for known in _journals(re.escape(f'"{campaign}{dash}'.encode())) for line in known.get(stem, [])]


def _line(raw: bytes) -> dict[str, Any]:
    """One line of a journal; {} if a crash cut it short and the next process appended to it."""
    try:
        line: dict[str, Any] = json.loads(raw)
    except ValueError:
        return {}
    return line


# By journal and pattern: how far the journal was read, and its lines with the pattern about each batch, oldest first.
_read: dict[tuple[Path, bytes], tuple[int, dict[str, list[dict[str, Any]]]]] = {}
# Patterns times journals: those of the campaigns of a job, and of the pages of batches that were opened last.
_REMEMBERED = 256
_BLOCK = 1 << 20


def _paths() -> list[Path]:
    return sorted(settings.JOURNAL_DIR.glob("intents-*.jsonl"))


def _journals(pattern: bytes) -> list[dict[str, list[dict[str, Any]]]]:
    """The lines of each host's journal in which ``pattern`` matches, by batch.

    A journal has a line for every file that was ever handed over. Searching its bytes is much faster than parsing all
    of its lines, and only what was found is kept in memory.
    """
    return [_read_on(path, pattern) for path in _paths()]


def _read_on(path: Path, pattern: bytes) -> dict[str, list[dict[str, Any]]]:
    """The lines of one journal with ``pattern``, by batch. Reads only what was added since the last call."""
    offset, known = _read.pop((path, pattern), (0, {}))
    with path.open("rb") as handle:
        # Of a file that is open, not by its path: a network file system may know an earlier size of that.
        if os.fstat(handle.fileno()).st_size < offset:
            offset, known = 0, {}
        handle.seek(offset)
        for lines in _blocks(handle):
            for raw in _matching(pattern, lines):
                line = _line(raw)
                stem = line.get("intent") or line.get("withdrawn")
                if stem:
                    known.setdefault(stem, []).append(line)
            offset += len(lines)
    _read[path, pattern] = offset, known
    # The pages of the web server run in several threads.
    for forgotten in list(_read)[:-_REMEMBERED]:
        _read.pop(forgotten, None)
    return known


def _blocks(handle: BinaryIO) -> Iterator[bytes]:
    """The rest of a journal in blocks of whole lines, about a MB each; an incomplete last line waits."""
    rest = b""
    while added := handle.read(_BLOCK):
        lines, newline, rest = (rest + added).rpartition(b"\n")
        if newline:
            yield lines + newline


def _matching(pattern: bytes, lines: bytes) -> Iterator[bytes]:
    """Each line in which ``pattern`` matches, once."""
    position = 0
    expression = re.compile(pattern)
    while match := expression.search(lines, position):
        begin, position = lines.rfind(b"\n", 0, match.start()) + 1, lines.index(b"\n", match.end()) + 1
        yield lines[begin:position]
