"""FTP and FTPS: several hosts, passive transfers only, and only the three kinds of trouble in ``providers.errors``."""

import ftplib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from providers import timing
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.points import reach
from providers.transports import ftp_listing
from providers.transports.dial import time_limit
from providers.transports.files import Entry, ReadFiles, folder_forbidden, name_taken
from providers.transports.ftp_connection import FAILURES, Aborted, Connection, as_bytes, reply_code
from providers.transports.ftp_listing import KnownTimes
from providers.transports.ftp_login import hosts, log_in_at, log_in_at_first, lost

_STORED = ("226", "250")


class FtpRemote:
    """An open FTP session in binary mode, at the folder where the login starts. Paths are relative to that folder.

    ``host`` is the connected host as ``name:port``. ``known_times`` holds the times of files that a
    server without MLSD gave earlier; if it is None, the server is asked about each file again.
    """

    def __init__(self, settings: Mapping[str, Any], connection: Connection) -> None:
        self.settings = settings
        self.host = connection.at.label
        self._connection = connection
        self._has_mlsd = self._has_nlst = True
        self.already_read = ReadFiles()
        self.known_times: KnownTimes | None = None

    def hosts(self) -> tuple[str, ...]:
        """Every configured host as ``name:port``, connected or not."""
        return tuple(host.label for host in hosts(self.settings))

    @property
    def unchecked_listing(self) -> str:
        """A sentence for *Test connection* if only LIST shows folders, and those listed so far were empty; else "".

        Whether Baton can read the server's form of LIST shows only in a folder that is not empty.
        """
        if self._has_mlsd or self._has_nlst or self._connection.knows_list_form:
            return ""
        return "The folder is empty, so Baton could not check the form of its listing."

    @contextmanager
    def on(self, host_label: str) -> Iterator["FtpRemote"]:
        """Open another connection, to exactly this one of ``hosts()``. Raises what ``FtpTransport.connect`` raises."""
        for host in hosts(self.settings):
            if host.label == host_label:
                break
        else:
            raise Unreachable("host_removed", f"{host_label} is no longer one of the account's hosts.")
        connection = log_in_at(host, self.settings)
        try:
            other = FtpRemote(self.settings, connection)
            other.known_times = self.known_times
            yield other
        finally:
            connection.disconnect()

    def listdir(self, folder: str = "", containing: str | tuple[str, ...] = "") -> list[Entry]:
        """Return the files of ``folder`` whose names contain ``containing``, or one of several; no sub-folders.

        Names come without a path; bytes that are not UTF-8 become surrogates. A server without MLSD is asked for the
        size and time of each name separately, which is slow in a full folder unless ``containing`` narrows it down; a
        size that it does not give is 0. Raises Refused with ``account`` (``folder_missing``, ``folder_forbidden``,
        ``listing_unsupported``, ``listing_unreadable``) or Unreachable.
        """
        with self._exchange(), self._inside(folder):
            entries = ftp_listing.by_mlsd(self._connection, containing) if self._has_mlsd else None
            if entries is None:
                self._has_mlsd = False
                if self.known_times is not None:
                    entries = ftp_listing.by_known_times(self._connection, folder, containing, self.known_times)
                if entries is None and self._has_nlst:
                    entries = ftp_listing.by_nlst(self._connection, folder, containing)
            if entries is None:
                self._has_nlst = False
                entries = ftp_listing.by_list(self._connection, folder, containing)
        if entries is None:
            raise ftp_listing.listing_unsupported()
        return entries

    def read(self, path: str, at_most: int) -> bytes | None:
        """Return the first ``at_most`` bytes of a file, None when it is gone or forbidden. Raises Unreachable."""
        with self._exchange():
            try:
                body, _ = self._connection.download(f"RETR {path}", at_most)
            except ftplib.error_perm:
                return None
            except Aborted as error:
                # Some servers answer this to a whole file.
                if len(error.body) != ftp_listing.size(self._connection, path):
                    raise
                return error.body
            except ftplib.error_temp as error:
                if reply_code(error) == "450":
                    return None
                raise
        return body

    def size(self, path: str) -> int | None:
        """Return a file's size in bytes, None when there is no such file. Without SIZE, it is taken from the listing.

        Raises Unreachable, or Refused (``size_unsupported``) when the server cannot say.
        """
        with self._exchange():
            try:
                return ftp_listing.size(self._connection, path)
            except ftplib.error_perm as error:
                if not ftp_listing.is_unknown(error):
                    return None
                return self._listed_size(path)

    def server_clock(self, path: str) -> datetime | None:
        """Return when a file was changed, by the server's clock, in UTC; None when the server does not say."""
        with self._exchange():
            return ftp_listing.modified_at(self._connection, path)

    def store(self, path: str, body: bytes) -> None:
        """Write a file, overwriting any file of that name; returns only when the server has confirmed all of it.

        Raises Refused (``folder_missing``, ``folder_forbidden``, ``upload_refused``, ``passive_refused``) or
        Unreachable while at most an empty file can exist. Raises Unclear for anything later, because part or all of
        the file may be there.
        """
        with self._exchange():
            try:
                data = self._connection.open_data(f"STOR {path}")
            except ftplib.error_perm as error:
                raise self._upload_refused(path, error) from error
        try:
            reach("ftp:stor")
            self._connection.upload(data, body)
            reach("ftp:close")
            reply = self._connection.closing_reply(timing.FTP_CLOSING_SECONDS)
        except FAILURES as error:
            raise Unclear(
                "upload_broken",
                "The connection broke while the file was being written; it may have arrived.",
                reply=self._connection.final_reply(),
            ) from error
        if reply[:3] == "426" and self._is_whole(path, body):
            # Some servers answer this to a whole file whose connection was closed in a way they did not expect.
            return
        if reply[:3] not in _STORED:
            # Even if the server refuses explicitly: what was written before the refusal may be there.
            raise Unclear(
                "upload_broken",
                f"The server answered {reply[:3]} at the end of the upload; a part of the file may have arrived.",
                reply=as_bytes(reply),
            )

    def create(self, path: str, body: bytes) -> None:
        """Write a new file, as ``SftpRemote.create`` does.

        FTP cannot create a file exclusively: the name is looked up first, and a file that someone else creates between
        the two steps is overwritten. Raises Refused (``name_taken``) and what ``store`` raises.
        """
        if self._is_there(path):
            raise name_taken()
        self.store(path, body)

    def rename(self, source: str, target: str) -> None:
        """Rename a file. Many servers silently overwrite a file that already has the new name.

        Raises Refused when the server refused (``rename_source_missing`` or ``rename_refused``), Unreachable when the
        connection broke before the new name was transmitted, and Unclear when the new name got no proper answer.
        """
        with self._exchange():
            try:
                self._connection.sendcmd(f"RNFR {source}")
            except ftplib.error_perm as error:
                if reply_code(error) == "550":
                    raise Refused(
                        "rename_source_missing", "The uploaded file is no longer there.", reply=as_bytes(str(error))
                    ) from error
                raise _rename_refused(error) from error
        try:
            with self._connection.reply_within(timing.FTP_CLOSING_SECONDS):
                self._connection.voidcmd(f"RNTO {target}")
        except ftplib.error_perm as error:
            raise _rename_refused(error) from error
        except FAILURES as error:
            self._connection.shut_down()
            raise Unclear(
                "rename_broken",
                "The server did not properly answer the request to rename the file; it may have been renamed.",
                reply=as_bytes(str(error)) if isinstance(error, ftplib.Error) else b"",
            ) from error

    def delete(self, path: str) -> bool:
        """Delete a file that Baton wrote; returns whether the server deleted it. Raises Unreachable."""
        with self._exchange():
            try:
                self._connection.voidcmd(f"DELE {path}")
            except (ftplib.error_perm, ftplib.error_temp) as error:
                if reply_code(error) == "421":
                    raise
                return False
        return True

    def ready(self) -> None:
        """Check that the connection works, without touching anything. Raises Unreachable."""
        # Two commands, each of which may take as long as the account allows.
        with self._exchange(2 * self._connection.reply_seconds):
            # Not every server knows NOOP.
            with suppress(ftplib.error_perm):
                self._connection.voidcmd("NOOP")
            self._connection.voidcmd("TYPE I")

    @contextmanager
    def _exchange(self, seconds: float | None = None) -> Iterator[None]:
        """Turn a failure inside the block, which cannot have caused any texting, into Unreachable."""
        try:
            with time_limit(self._connection.shut_down, seconds or timing.FTP_TOTAL_SECONDS):
                yield
        except FAILURES as error:
            if not isinstance(error, ftplib.error_temp) or reply_code(error) == "421":
                # The server's next reply could belong to an earlier command.
                self._connection.shut_down()
            raise lost(error) from error

    @contextmanager
    def _inside(self, folder: str) -> Iterator[None]:
        if not folder:
            yield
            return
        try:
            self._connection.voidcmd(f"CWD {folder}")
        except ftplib.error_perm as error:
            raise ftp_listing.folder_trouble(folder, str(error)) from error
        try:
            yield
        finally:
            self._connection.voidcmd(f"CWD {self._connection.home}")

    def _is_there(self, path: str) -> bool:
        try:
            return self.size(path) is not None
        except Refused:
            folder, _, name = path.rpartition("/")
            return any(entry.name == name for entry in self.listdir(folder, name))

    def _listed_size(self, path: str) -> int | None:
        folder, _, name = path.rpartition("/")
        with self._inside(folder):
            # MLSD may leave the size out; LIST never does.
            entries = ftp_listing.by_list(self._connection, folder, name)
            if entries is None:
                entries = ftp_listing.by_mlsd(self._connection, name)
                if entries is None or any(entry.name == name and not entry.size for entry in entries):
                    raise Refused(
                        "size_unsupported",
                        "The server cannot say how large a file is: it knows neither SIZE nor LIST, nor MLSD with "
                        "sizes. Ask the provider to switch on SIZE.",
                    )
        return next((entry.size for entry in entries if entry.name == name), None)

    def _is_whole(self, path: str, body: bytes) -> bool:
        """Whether the server, which answered that it aborted an upload, shows the file with its full size."""
        with suppress(Trouble):
            return self.size(path) == len(body)
        return False

    def _upload_refused(self, path: str, error: ftplib.Error) -> Refused:
        folder = path.rpartition("/")[0]
        with self._inside(folder):
            pass
        if ftp_listing.is_forbidden(str(error)):
            return folder_forbidden(folder)
        return Refused(
            "upload_refused",
            f"The server refuses the file; it answered {reply_code(error)}.",
            reply=as_bytes(str(error)),
        )


class FtpTransport:
    """``settings``: host or hosts, port, username, password, use_tls, tls_certificate, connect_seconds,
    greeting_seconds, reply_seconds, allow_private_hosts.

    ``hosts`` are tried in order; a host may be ``name:port``. With ``use_tls`` (explicit FTPS) nothing, least of all
    the password, goes out before the server's certificate is verified: against ``tls_certificate`` (PEM) if given,
    otherwise against the system's authorities. Files and listings are encrypted too.
    """

    @staticmethod
    @contextmanager
    def connect(settings: Mapping[str, Any]) -> Iterator[FtpRemote]:
        """Log in at the first host that accepts the login, and yield the open remote.

        Raises Refused with ``account`` set when no host accepted the login and one that answered refused:
        ``host_private``, ``login_refused``, ``certificate_refused``, ``tls_refused``, ``tls_required``,
        ``binary_refused``. Raises Unreachable when no host answered.
        """
        connection = log_in_at_first(settings)
        try:
            yield FtpRemote(settings, connection)
        finally:
            connection.disconnect()


def _rename_refused(error: ftplib.Error) -> Refused:
    return Refused(
        "rename_refused",
        f"The server refuses to rename the file; it answered {reply_code(error)}.",
        reply=as_bytes(str(error)),
    )
