"""What SFTP and FTP have in common: the entries of a folder, and the errors that both report."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from providers import time_limits
from providers.errors import Refused, Unreachable


@dataclass(frozen=True)
class Entry:
    """One file in a remote folder: ``size`` in bytes, ``modified_at`` in UTC or None where the server does not say.

    ``line`` is the file's line in a LIST, ``""`` if the server was not asked for a LIST or the file is a link.
    """

    name: str
    size: int
    modified_at: datetime | None
    line: str = field(default="", compare=False)


@dataclass
class ReadFiles:
    """What earlier polls of one batch have read, so that a file that has not changed is not downloaded again.

    Keys are versions (see ``version_of``). ``bodies`` holds the files that are about the batch: the size and the body
    that were kept as evidence, where secrets are masked. ``unrelated`` holds the versions that say nothing about it.
    """

    bodies: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    unrelated: set[str] = field(default_factory=set)


def version_of(entry: Entry, folder: str = "", host: str = "") -> str:
    """Return a digest that tells one state of a file from the next; ``""`` if the server shows too little to tell.

    The time of the file's last change is part of it, or the file's line in a LIST where the server gives no time.
    assumption: a file that changes within the minute, or the day, that the line shows also changes its size,
    because logs and reports only grow.
    """
    changed = entry.modified_at.isoformat() if entry.modified_at else entry.line
    if not entry.size or not changed:
        return ""
    shown = "\0".join((host, folder, entry.name, str(entry.size), changed))
    return hashlib.sha256(shown.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def is_whole(body: bytes, entry: Entry, at_most: int) -> bool:
    """Whether a download of at most so many bytes gave what the listing showed, so that it can be used again."""
    return len(body) == min(entry.size, at_most)


def contains_any(name: str, containing: str | tuple[str, ...]) -> bool:
    """Whether a name contains ``containing``, or one of several strings."""
    return containing in name if isinstance(containing, str) else any(part in name for part in containing)


def is_plain(name: str) -> bool:
    """Whether a name that a server reports may become part of a path, because nothing in it leads elsewhere."""
    return "/" not in name and "\\" not in name and name.isprintable()


def folder_missing(folder: str) -> Refused:
    return Refused("folder_missing", f"There is no folder {folder or '.'} at the provider.", account=True)


def folder_forbidden(folder: str) -> Refused:
    return Refused(
        "folder_forbidden", f"This login may not use the folder {folder or '.'} at the provider.", account=True
    )


def name_taken() -> Refused:
    return Refused("name_taken", "A file with this name already exists.")


def login_refused() -> Refused:
    return Refused("login_refused", "The server refused the login. Check user name and password.", account=True)


def connection_lost(error: BaseException) -> Unreachable:
    """Return what a broken connection means where nothing sent on it can have caused any texting."""
    if isinstance(error, TimeoutError):
        return Unreachable(
            "reply_timeout", f"The server did not answer in time. {time_limits.advice(time_limits.REPLY)}"
        )
    return Unreachable("line_broken", "The connection to the server broke.")
