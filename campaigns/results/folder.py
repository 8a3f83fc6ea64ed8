"""The files in a provider's folder: those with a name of ours, leftover uploads of ours, and the others.

They are only shown. Baton changes, moves and deletes nothing there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from campaigns.models import Batch
from campaigns.naming import derive_stem
from providers.base import BaseAdapter, ObservedFile, Payload
from providers.checking import BUSY
from providers.connections import connect
from providers.errors import Refused
from providers.limits import GuardKind
from providers.locks import account_slot
from providers.models import Account

_STEM = re.compile(r"c(\d+)-b(\d+)-g(\d+)-[0-9a-f]{8}")
_ATTEMPT = re.compile(r"-a(\d{1,6})(?!\d)")
#: In these statuses of a batch its upload is in use, or is evidence.
_IN_USE = (Batch.Status.UPLOADING, Batch.Status.COMMITTING, Batch.Status.UNCLEAR)


@dataclass(frozen=True)
class Found:
    """A file in the folder. ``name`` is safe to show; ``batch`` is the batch it belongs to, None if the database has
    none.

    ``hosts`` are the servers that listed it: several servers share a folder.
    """

    file: ObservedFile
    name: str
    batch: Batch | None = None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Folder:
    """The result of listing a provider's folder, the newest file first. ``silent_hosts`` did not answer.

    ``ours`` have a name of ours, including the provider's reports about them. ``leftovers`` are inert uploads of ours
    that were never committed and are no longer needed.
    """

    seen_at: datetime
    hosts: tuple[str, ...]
    silent_hosts: tuple[str, ...]
    ours: list[Found]
    leftovers: list[Found]
    foreign: list[Found]


def open_folder(account: Account, now: datetime) -> Folder | None:
    """List an account's folders over one connection and sort the files; None if the provider has no folder.

    Raises Trouble, also if all connections of the account are in use.
    """
    with account_slot(account) as slot:
        if slot is None:
            raise Refused("busy", BUSY)
        with connect(account) as remote:
            seen = account.adapter.survey(remote, now)
            hosts = remote.hosts()
    if seen is None:
        return None
    ours, leftovers, foreign = sort(account.adapter, seen.files)
    silent = tuple(host for host in hosts if host not in seen.hosts)
    return Folder(now, seen.hosts, silent, ours, leftovers, foreign)


def sort(adapter: BaseAdapter, files: Sequence[ObservedFile]) -> tuple[list[Found], list[Found], list[Found]]:
    """Sort ``files`` into ours, leftover uploads of ours, and foreign ones; each the newest first.

    A file that several servers list with the same folder, name and size is one file.
    """
    seen_by: dict[tuple[str, str, int], list[ObservedFile]] = {}
    for file in sorted(files, key=_changed, reverse=True):
        seen_by.setdefault((file.folder, file.name, file.size), []).append(file)
    stems = {name: _stem_of_ours(name) for _, name, _ in seen_by}
    known = _batches({stem for stem in stems.values() if stem})
    ours, leftovers, foreign = [], [], []
    for file, *others in seen_by.values():
        stem = stems[file.name]
        batch = known.get(stem)
        hosts = tuple(sorted({seen.host for seen in (file, *others)}))
        found = Found(file, _shown(file.name), batch, hosts)
        if not stem:
            foreign.append(found)
        elif is_inert(adapter, stem, file.name) and not (batch and batch.status in _IN_USE):
            leftovers.append(found)
        else:
            ours.append(found)
    return ours, leftovers, foreign


def is_inert(adapter: BaseAdapter, stem: str, name: str) -> bool:
    """Whether this adapter uploads under ``name`` before a rename, so that nobody is texted by the file."""
    # After the stem, because the end of the stem may look like an attempt.
    attempt = _ATTEMPT.match(name, len(stem))
    if adapter.guard.kind is not GuardKind.RENAME or attempt is None:
        return False
    return name == adapter.attempt_name(Payload(stem, "", b"", 0), int(attempt[1]))


def _changed(file: ObservedFile) -> float:
    return file.modified_at.timestamp() if file.modified_at else 0.0


def _stem_of_ours(name: str) -> str:
    """The stem in a name if this installation created it; ``""`` for every other name."""
    match = _STEM.search(name.lower())
    if match is None:
        return ""
    campaign, number, generation = (int(digits[:18]) for digits in match.groups())
    return match[0] if derive_stem(campaign, number, generation) == match[0] else ""


def _batches(stems: set[str]) -> dict[str, Batch]:
    ordered = sorted(stems)
    rows: dict[str, Batch] = {}
    for start in range(0, len(ordered), 500):
        chunk = Batch.objects.filter(stem__in=ordered[start : start + 500]).select_related("campaign")
        rows |= {batch.stem: batch for batch in chunk}
    return rows


def _shown(name: str) -> str:
    """A remote name that is safe to show: undecodable bytes and unprintable characters are escaped."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
