"""What an FTP server shows of a folder and of one file: MLSD where it has it, else NLST with SIZE and MDTM, else LIST.

The caller is in the folder already and turns the failures of the connection into trouble.
"""

# ruff: noqa: S321 - some providers document nothing safer; FTPS is offered and SFTP preferred where there is a choice.

import ftplib
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from providers import timing
from providers.errors import Refused, Unreachable
from providers.transports.files import Entry, contains_any, folder_forbidden, folder_missing
from providers.transports.ftp_connection import Aborted, Connection, reply_code

# Far more than the names of 10,000 files.
_LISTING_AT_MOST = 20_000_000

_FORBIDDEN = re.compile(r"permission|permitted|denied|privileg|forbid|not allowed", re.IGNORECASE)
# vsftpd reports an unreadable folder in a closing 226.
_UNREAD = re.compile(r"failed to open", re.IGNORECASE)
_UNKNOWN_COMMAND = ("500", "501", "502", "504")
_NOT_FOUND = ("450", "550")
_SIZE = re.compile(r"213\s+(\d+)\s*$")
# ls -l: type and rights, links, owner, group (some servers leave one out), size, day, and time or year.
_UNIX = re.compile(
    r"(?P<type>[-dlbcps])[-a-zA-Z]{9}[+.@]?\s+(?:\d+\s+)?(?:\S+\s+){0,2}?(?P<size>\d+)\s+"
    r"(?:[^\W\d]{3,4}\.?\s+\d{1,2}|\d{1,2}\s+[^\W\d]{3,4}\.?|\d{4}-\d\d-\d\d)\s+(?:\d{1,2}:\d\d(?::\d\d)?|\d{4})\s"
    r"(?P<name>.+)"
)
_WINDOWS = re.compile(
    r"\d{2,4}[-/.]\d\d[-/.]\d{2,4}\s+\d{1,2}:\d\d\s?(?:[AP]M)?\s+(?:(?P<type><DIR>)|(?P<size>[\d,.]+))\s+(?P<name>.+)",
    re.IGNORECASE,
)
_OLD = timedelta(days=30)
_TIMESTAMP = re.compile(r"(\d{14})(?:\.\d+)?$")


@dataclass
class KnownTimes:
    """Times (UTC) of files that a server without MLSD gave earlier, by digests of their lines in a LIST.

    A line shows the time to the minute only: within that minute a file may change and its line stay the same. So a time
    is kept only if the server gave it when the line had been shown for two minutes already, whatever its clock says.
    ``shown_since`` holds when the lines without a kept time were first shown.
    """

    clock: Callable[[], datetime]
    times: dict[str, datetime | None] = field(default_factory=dict)
    shown_since: dict[str, datetime] = field(default_factory=dict)

    def learn(self, line: str, modified_at: datetime | None, asked_at: datetime, shows_minute: bool) -> None:
        """Keep what the server said at ``asked_at``, if the line can no longer stay the same while the file changes."""
        since = self.shown_since.setdefault(line, asked_at)
        # Servers show the time of old files to the day only.
        is_old = shows_minute or modified_at is None or asked_at - modified_at > _OLD
        if asked_at - since >= timedelta(seconds=timing.FTP_LINE_SETTLED_SECONDS) and is_old:
            self.times[line] = modified_at
            del self.shown_since[line]


def by_mlsd(connection: Connection, containing: str | tuple[str, ...]) -> list[Entry] | None:
    """Return the files of the current folder, None when the server refuses MLSD."""
    try:
        listing, _ = _listing(connection, "MLSD")
    except (ftplib.error_perm, ftplib.error_temp) as error:
        if isinstance(error, ftplib.error_temp) and reply_code(error) not in _NOT_FOUND:
            raise
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


def by_nlst(connection: Connection, folder: str, containing: str | tuple[str, ...]) -> list[Entry] | None:
    """Return the files of the current folder, which is ``folder``; size and time are asked for one by one.

    None when the server knows no NLST, or when it knows no SIZE and LIST shows the sizes instead.
    """
    listing = _names(connection, "NLST", folder)
    if listing is None:
        return None
    names = [name for line in listing if (name := _base_name(line)) and contains_any(name, containing)]
    if (
        names
        and not _knows_size(connection, names[0])
        and (listed := by_list(connection, folder, containing)) is not None
    ):
        return listed
    return [entry for name in dict.fromkeys(names) if (entry := _entry(connection, folder, name))]


def by_list(connection: Connection, folder: str, containing: str | tuple[str, ...]) -> list[Entry] | None:
    """Return the files of the current folder, which is ``folder``, from the Unix or the Windows form of LIST.

    The times in it are in a time zone that is not known, so they are asked for one by one. None when the server knows
    no LIST. Raises Refused (``listing_unreadable``) for a line in another form: it may be about a file of ours.
    """
    listing = _names(connection, "LIST", folder)
    if listing is None:
        return None
    lines = _parse(listing, containing)
    connection.knows_list_form |= any(map(_is_entry, listing))
    entries = []
    for line in lines:
        if line.is_link:
            entries += [entry] if (entry := _entry(connection, folder, line.name)) else []
        else:
            entries.append(Entry(line.name, line.size, modified_at(connection, line.name), line.text))
    return entries


def by_known_times(
    connection: Connection, folder: str, containing: str | tuple[str, ...], known: KnownTimes
) -> list[Entry] | None:
    """Return the files of the current folder from LIST, and ask for size and time only where ``known`` has no time.

    None when LIST is refused, empty or in a form that Baton cannot read: NLST then says what is there.
    """
    try:
        listing, reply = _listing(connection, "LIST")
        lines = _parse(_lines(listing), containing)
    except (ftplib.error_perm, ftplib.error_temp, Refused):
        return None
    if _UNREAD.search(reply):
        raise folder_forbidden(folder)
    if not listing.strip():
        return None
    entries = []
    for line in lines:
        key = f"{connection.at.label} {folder} {line.text}".encode("utf-8", "surrogateescape")
        digest = hashlib.sha256(key).hexdigest()[:16]
        if digest in known.times and not line.is_link:
            entries.append(Entry(line.name, line.size, known.times[digest], line.text))
            continue
        asked_at = known.clock()
        if (entry := _entry(connection, folder, line.name)) is None:
            continue
        if line.is_link:
            # LIST shows the link's own size and time.
            entries.append(entry)
            continue
        # A server without SIZE shows sizes in LIST only.
        entries.append(Entry(line.name, entry.size or line.size, entry.modified_at, line.text))
        if entry.size in (0, line.size):
            known.learn(digest, entry.modified_at, asked_at, line.shows_minute)
    return entries


@dataclass(frozen=True)
class _Line:
    """A file in a LIST. ``shows_minute`` is whether its time is there to the minute, or else to the day."""

    text: str
    name: str
    size: int
    is_link: bool
    shows_minute: bool


def _is_entry(line: str) -> bool:
    """Whether a line of LIST is about a file or folder."""
    return not re.fullmatch(r"(?:total\s+\d+)?", line.strip(), re.IGNORECASE)


def _parse(listing: list[str], containing: str | tuple[str, ...]) -> list[_Line]:
    """Read both forms of LIST, without folders. Raises Refused (``listing_unreadable``) for a line in another form."""
    found = []
    for line in listing:
        if not _is_entry(line):
            continue
        match = _UNIX.fullmatch(line) or _WINDOWS.fullmatch(line)
        if not match:
            raise Refused(
                "listing_unreadable",
                "The server lists its files (LIST) in a form that Baton cannot read, and knows neither MLSD nor NLST. "
                "Ask the provider to switch on MLSD.",
                account=True,
            )
        kind, name = match["type"], match["name"]
        if kind == "l":
            name = name.partition(" -> ")[0]
        name = _base_name(name)
        if not name or not contains_any(name, containing) or kind in ("d", "<DIR>", "<dir>"):
            continue
        shows_minute = ":" in line[: match.start("name")]
        found.append(_Line(line, name, int(re.sub(r"\D", "", match["size"])), kind == "l", shows_minute))
    return found


def listing_unsupported() -> Refused:
    """The server knows none of the commands that list a folder."""
    return Refused(
        "listing_unsupported",
        "The server cannot list its files: it knows neither MLSD nor NLST nor LIST. Ask the provider to switch on one "
        "of them.",
        account=True,
    )


def is_unknown(error: ftplib.Error) -> bool:
    """Whether the server does not know the command, as opposed to the file."""
    return reply_code(error) in _UNKNOWN_COMMAND


def _names(connection: Connection, command: str, folder: str) -> list[str] | None:
    """The lines that NLST or LIST yield of the current folder, which is ``folder``; None when it is not known."""
    try:
        listing, reply = _listing(connection, command)
    except (ftplib.error_perm, ftplib.error_temp) as error:
        if is_unknown(error):
            return None
        if reply_code(error) not in _NOT_FOUND:
            raise
        if is_forbidden(str(error)):
            raise folder_trouble(folder, str(error)) from error
        # This is how some servers report an empty folder.
        return []
    if _UNREAD.search(reply):
        raise folder_forbidden(folder)
    return _lines(listing)


def _knows_size(connection: Connection, name: str) -> bool:
    try:
        size(connection, name)
    except (ftplib.error_perm, ftplib.error_temp) as error:
        _raise_unless_about_file(error)
        return not is_unknown(error)
    return True


def size(connection: Connection, path: str) -> int:
    """Return a file's size in bytes. Raises ftplib.error_perm when there is no such file, or no SIZE command."""
    reply = connection.sendcmd(f"SIZE {path}")
    # Of a reply of several lines, the last one counts.
    if not (match := _SIZE.match(reply.rpartition("\n")[2])):
        raise ftplib.error_reply(reply)
    return int(match[1])


def modified_at(connection: Connection, path: str) -> datetime | None:
    """Return when a file was changed, by the server's clock, in UTC; None when the server does not say."""
    try:
        return _parse_timestamp(connection.sendcmd(f"MDTM {path}").rpartition("\n")[2][3:].strip())
    except (ftplib.error_perm, ftplib.error_temp) as error:
        _raise_unless_about_file(error)
        return None


def is_forbidden(reply: str) -> bool:
    """Whether a refusal is about permission."""
    return bool(_FORBIDDEN.search(reply))


def folder_trouble(folder: str, reply: str) -> Refused:
    """Return what a refusal to enter or read a folder means."""
    return folder_forbidden(folder) if is_forbidden(reply) else folder_missing(folder)


def _listing(connection: Connection, command: str) -> tuple[bytes, str]:
    try:
        listing, reply = connection.download(command, _LISTING_AT_MOST)
    except Aborted as aborted:
        listing, reply = _confirmed(connection, command, aborted), str(aborted)
    if len(listing) == _LISTING_AT_MOST:
        # A name missing from a partial list would look like a missing file.
        raise Unreachable("list_too_long", "The folder holds more files than Baton can list. Have old ones removed.")
    return listing, reply


def _confirmed(connection: Connection, command: str, aborted: Aborted) -> bytes:
    """Return a list that the server says it aborted, if a second one is the same. Raises ``aborted`` if not.

    Some servers answer 426 to whole lists. An empty list proves nothing: the folder may be unreadable.
    """
    try:
        again, _ = connection.download(command, _LISTING_AT_MOST)
    except Aborted as error:
        again = error.body
    if again != aborted.body or not again.endswith(b"\n"):
        raise aborted
    return again


def _raise_unless_about_file(error: ftplib.Error) -> None:
    """Raise the error, unless it is about one file only: a permanent one, or 450 for a file that is in use."""
    if isinstance(error, ftplib.error_temp) and reply_code(error) != "450":
        raise error


def _entry(connection: Connection, folder: str, name: str) -> Entry | None:
    try:
        found_size = size(connection, name)
    except (ftplib.error_perm, ftplib.error_temp) as error:
        _raise_unless_about_file(error)
        # A listed name is evidence, even if the server does not give its size; only folders are left out.
        if _is_folder(connection, folder, name):
            return None
        found_size = 0
    return Entry(name, found_size, modified_at(connection, name))


def _is_folder(connection: Connection, folder: str, name: str) -> bool:
    try:
        connection.voidcmd(f"CWD {name}")
    except (ftplib.error_perm, ftplib.error_temp) as error:
        _raise_unless_about_file(error)
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
