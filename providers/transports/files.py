"""What SFTP and FTP have in common: the entries of a folder, and the errors that both report."""

from dataclasses import dataclass
from datetime import datetime

from providers.errors import Refused, Unreachable


@dataclass(frozen=True)
class Entry:
    """One file in a remote folder: ``size`` in bytes, ``modified_at`` in UTC or None where the server does not say."""

    name: str
    size: int
    modified_at: datetime | None


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
        return Unreachable("reply_timeout", "The server stopped answering.")
    return Unreachable("line_broken", "The connection to the server broke.")
