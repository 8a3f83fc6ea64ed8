"""What an FTP server shows of a folder and of one file: MLSD where it has it, else NLST, SIZE and MDTM.

The caller is in the folder already and turns the failures of the connection into trouble.
"""

# ruff: noqa: S321 - some providers document nothing safer; FTPS is offered and SFTP preferred where there is a choice.

import ftplib
import hashlib
import re
from datetime import UTC, datetime

from providers.errors import Refused, Unreachable
from providers.transports.files import Entry, contains_any, folder_forbidden, folder_missing
from providers.transports.ftp_connection import Connection, reply_code

# Far more than the names of 10,000 files.
_LISTING_AT_MOST = 20_000_000

_FORBIDDEN = re.compile(r"permission|permitted|denied|privileg|forbid|not allowed", re.IGNORECASE)
# vsftpd reports an unreadable folder in a closing 226.
_UNREAD = re.compile(r"failed to open", re.IGNORECASE)
_SIZE = re.compile(r"213\s+(\d+)")
# Links are left to NLST: their line ends in another name.
_UNIX_FILE = re.compile(
    r"-[-rwxsStT]{9}\S?\s+\d+\s+\S+\s+\S+\s+(?P<size>\d+) [A-Z][a-z]{2} [ \d]\d +(?:\d\d:\d\d|\d{4}) (?P<name>.+)"
)
_TIMESTAMP = re.compile(r"(\d{14})(?:\.\d+)?$")


def by_mlsd(connection: Connection, containing: str | tuple[str, ...]) -> list[Entry] | None:
    """Return the files of the current folder, None when the server refuses MLSD."""
    try:
        listing, _ = _listing(connection, "MLSD")
    except ftplib.error_perm:
        return None
    entries = []
    for line in _lines(listing):
        facts, _, name = line.partition(" ")
        by_key = dict(fact.lower().partition("=")[::2] for fact in facts.split(";"))
        name = _base_name(name)
        if by_key.get("type") not in ("dir", "cdir", "pdir") and name and contains_any(name, containing):
            size_fact = by_key.get("size", "")
            modified = _parse_timestamp(by_key.get("modify", ""))
            entries.append(Entry(name, int(size_fact) if size_fact.isdecimal() else 0, modified))
    return entries


def by_nlst(connection: Connection, folder: str, containing: str | tuple[str, ...]) -> list[Entry]:
    """Return the files of the current folder, which is ``folder``; size and time are asked for one by one."""
    try:
        listing, reply = _listing(connection, "NLST")
    except (ftplib.error_perm, ftplib.error_temp) as error:
        if reply_code(error) not in ("450", "550"):
            raise
        if is_forbidden(str(error)):
            raise folder_trouble(folder, str(error)) from error
        # This is how some servers report an empty folder.
        return []
    if _UNREAD.search(reply):
        raise folder_forbidden(folder)
    names = dict.fromkeys(_base_name(line) for line in _lines(listing))
    return [
        entry
        for name in names
        if name and contains_any(name, containing) and (entry := _entry(connection, folder, name))
    ]


def by_list(
    connection: Connection, folder: str, containing: str | tuple[str, ...], known: dict[str, datetime | None]
) -> list[Entry] | None:
    """Return the files of the current folder, None when the server's LIST is not of the Unix form.

    A line of LIST shows the size, and the time to the minute only. So size and time are asked for as ``by_nlst`` does,
    but only of files whose line is not in ``known``, to which their times are added under a digest of the line.
    """
    try:
        listing, reply = _listing(connection, "LIST")
    except (ftplib.error_perm, ftplib.error_temp):
        return None
    if _UNREAD.search(reply):
        raise folder_forbidden(folder)
    lines = [line for line in _lines(listing) if line.strip() and not line.startswith(("total ", "d"))]
    shown = [_UNIX_FILE.fullmatch(line) for line in lines]
    entries = []
    for match in shown:
        if match is None or match["name"] != _base_name(match["name"]):
            return None
        if not contains_any(match["name"], containing):
            continue
        name, shown_size = match["name"], int(match["size"])
        line = f"{connection.at.label} {folder} {match[0]}".encode("utf-8", "surrogateescape")
        key = hashlib.sha256(line).hexdigest()[:16]
        if key in known:
            entries.append(Entry(name, shown_size, known[key]))
        elif entry := _entry(connection, folder, name):
            entries.append(entry)
            if entry.size == shown_size:
                known[key] = entry.modified_at
    return entries


def size(connection: Connection, path: str) -> int:
    """Return a file's size in bytes. Raises ftplib.error_perm when there is no such file, or no SIZE command."""
    reply = connection.sendcmd(f"SIZE {path}")
    if not (match := _SIZE.match(reply)):
        raise ftplib.error_reply(reply)
    return int(match[1])


def modified_at(connection: Connection, path: str) -> datetime | None:
    """Return when a file was changed, by the server's clock, in UTC; None when the server does not say."""
    try:
        return _parse_timestamp(connection.sendcmd(f"MDTM {path}")[3:].strip())
    except ftplib.error_perm:
        return None


def is_forbidden(reply: str) -> bool:
    """Whether a refusal is about permission."""
    return bool(_FORBIDDEN.search(reply))


def folder_trouble(folder: str, reply: str) -> Refused:
    """Return what a refusal to enter or read a folder means."""
    return folder_forbidden(folder) if is_forbidden(reply) else folder_missing(folder)


def _listing(connection: Connection, command: str) -> tuple[bytes, str]:
    listing, reply = connection.download(command, _LISTING_AT_MOST)
    if len(listing) == _LISTING_AT_MOST:
        # A name missing from a partial list would look like a missing file.
        raise Unreachable("list_too_long", "The folder holds more files than Baton can list. Have old ones removed.")
    return listing, reply


def _entry(connection: Connection, folder: str, name: str) -> Entry | None:
    try:
        found_size = size(connection, name)
    except ftplib.error_perm:
        # A listed name is evidence, even if the server does not give its size; only folders are left out.
        if _is_folder(connection, folder, name):
            return None
        found_size = 0
    return Entry(name, found_size, modified_at(connection, name))


def _is_folder(connection: Connection, folder: str, name: str) -> bool:
    try:
        connection.voidcmd(f"CWD {name}")
    except ftplib.error_perm:
        return False
    # Not CDUP: from a linked folder it leads elsewhere.
    connection.voidcmd(f"CWD {connection.home}")
    if folder:
        connection.voidcmd(f"CWD {folder}")
    return True


def _lines(listing: bytes) -> list[str]:
    return listing.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")


def _base_name(name: str) -> str:
    """The name without the folders that some servers put in front of it; ``""`` if it could lead elsewhere."""
    last = re.split(r"[/\\]", name)[-1]
    return "" if last in (".", "..") or "\r" in last or "\0" in last else last


def _parse_timestamp(text: str) -> datetime | None:
    match = _TIMESTAMP.match(text)
    try:
        return datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None
