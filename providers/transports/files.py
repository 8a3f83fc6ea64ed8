"""What SFTP and FTP have in common: the entries of a folder, and the errors that both report."""

from dataclasses import dataclass, field
from datetime import datetime

from providers import time_limits
from providers.errors import Refused, Unreachable


@dataclass(frozen=True)
class Entry:
    """One file in a remote folder: ``size`` in bytes, ``modified_at`` in UTC or None where the server does not say."""

    name: str
    size: int
    modified_at: datetime | None


@dataclass
class ReadFiles:
    """What earlier polls of one batch have read, so that a file that has not changed is not downloaded again.

    Keys are versions: what tells one state of a file from the next. ``bodies`` holds the files that are about the
    batch, as they were kept; ``unrelated`` the versions that say nothing about it.
    """

    bodies: dict[str, bytes] = field(default_factory=dict)
    unrelated: set[str] = field(default_factory=set)


def version_of(name: str, size: int, modified_at: datetime | None) -> str:
    """Return what tells one state of a file from the next; ``""`` if the server shows too little to tell."""
    return f"{size} {modified_at.isoformat()} {name}" if size and modified_at else ""


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
