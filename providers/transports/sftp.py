"""SFTP over paramiko: a pinned host key, a limit on every wait, and only the three kinds of trouble in errors."""

import base64
import hashlib
import stat
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import paramiko
from paramiko.message import Message
from paramiko.sftp import CMD_CLOSE, CMD_OPENDIR, CMD_READDIR, CMD_WRITE, SFTP_OP_UNSUPPORTED, int64

from providers import timing
from providers.errors import Refused, Unclear
from providers.points import reach
from providers.time_limits import REPLY, advice, connect_seconds
from providers.transports import ssh
from providers.transports.dial import time_limit
from providers.transports.files import (
    Entry,
    ReadFiles,
    connection_lost,
    contains_any,
    folder_forbidden,
    folder_missing,
    name_taken,
)
from providers.transports.ssh import FAILURES

# A request and its header in one SSH packet: servers accept packets of 32 KB, and handles have at most 256 bytes.
_CHUNK = 32768 - 512
_WRITES_AHEAD = 64
# OpenSSH allows ten sessions on a connection.
_MOST_CHANNELS = 8


class _Unsupported(OSError):
    """The server answered that it does not support the operation."""


# What is raised for a failure that the server reports; anything else means that the connection broke.
_ANSWERED = (OSError, _Unsupported, FileNotFoundError, PermissionError)


class SftpRemote:
    """An open SFTP session: one channel of a connection."""

    def __init__(self, settings: Mapping[str, Any], transport: ssh.Transport, sftp: paramiko.SFTPClient) -> None:
        self.settings = settings
        self.already_read = ReadFiles()
        self._transport = transport
        self._sftp = sftp
        self._reply_seconds = ssh.reply_seconds(settings)

    def hosts(self) -> tuple[str, ...]:
        return (str(self.settings["host"]),)

    def most_at_once(self, seconds: float) -> int:
        """How many files may be uploaded at once, each on a channel of its own, if one alone took ``seconds``.

        Where bandwidth is the limit, n files at once take n times as long, and the server must still confirm each
        block well within the account's limit for a reply.
        """
        return max(1, min(_MOST_CHANNELS, int(self._reply_seconds / 2 / max(seconds, 0.001))))

    def another(self) -> "SftpRemote | None":
        """Open another channel on this connection; None if the server opens no more. Closed with the connection.

        Threads may use different channels at the same time. If the connection breaks, all of them fail.
        """
        try:
            channel = self._transport.open_session(timeout=self._reply_seconds)
            channel.settimeout(self._reply_seconds)
            with time_limit(channel.close, self._reply_seconds):
                channel.invoke_subsystem("sftp")
                sftp = _Client(channel)
        except FAILURES:
            return None
        return SftpRemote(self.settings, self._transport, sftp)

    def listdir(self, folder: str, containing: str | tuple[str, ...] = "") -> list[Entry]:
        """Return the files of ``folder`` whose names contain ``containing``, or one of several; no sub-folders.

        Raises Refused (``folder_missing``, ``folder_forbidden``, both with ``account``) or Unreachable.
        """
        try:
            with self._within(timing.SFTP_TOTAL_SECONDS):
                reach("sftp:list")
                found = self._sftp.listdir_attr(folder)
        except (FileNotFoundError, PermissionError) as error:
            raise _folder_trouble(f"{folder}/", error) from error
        except FAILURES as error:
            raise connection_lost(error) from error
        return [
            Entry(
                item.filename,
                item.st_size or 0,
                datetime.fromtimestamp(item.st_mtime, UTC) if item.st_mtime is not None else None,
            )
            for item in found
            if contains_any(item.filename, containing) and not (item.st_mode and stat.S_ISDIR(item.st_mode))
        ]

    def read(self, path: str, at_most: int) -> bytes | None:
        """Return the first ``at_most`` bytes of a file, None when it is gone or forbidden. Raises Unreachable."""
        try:
            with self._within(timing.SFTP_TOTAL_SECONDS), self._sftp.open(path, "rb") as remote_file:
                reach("sftp:read")
                return remote_file.read(at_most)
        except (FileNotFoundError, PermissionError):
            return None
        except FAILURES as error:
            if not self._is_broken(error):
                # The server answered that it failed: the file cannot be read, but the connection works.
                return None
            raise connection_lost(error) from error

    def create(self, path: str, body: bytes) -> None:
        """Write a new file; returns only when the server has confirmed every byte and the close.

        If the server refuses an exclusive create, it is asked for the name, and then for a plain create. No stat
        follows the upload, because the gateway may have taken the file already. Raises Refused (``name_taken``,
        ``folder_missing``, ``folder_forbidden``, ``upload_refused``) or Unreachable while at most an empty file can
        exist, and Unclear for anything later.
        """
        handle = self._open_new(path)
        try:
            with self._within(timing.SFTP_TOTAL_SECONDS):
                self._write(handle, body)
        except FAILURES as error:
            sentence = "The connection broke while the file was being written; it may have arrived."
            if isinstance(error, TimeoutError):
                sentence = f"The server did not confirm the whole file in time; it may have arrived. {advice(REPLY)}"
            # Other channels may be in use until the connection is closed; no more of this file may arrive by then.
            with suppress(*FAILURES), time_limit(self._transport.close, self._reply_seconds):
                self._sftp.close()
            raise Unclear("upload_broken", sentence) from error

    def creates_exclusively(self, folder: str) -> bool:
        """Whether the server creates files exclusively, found out by a create in a folder below ``folder`` that is
        not there; where that creates a file nevertheless, the empty file is removed.

        A server that answers anything else than that the folder is missing counts as one that does not: to a name that
        is taken, servers with and without exclusive create answer the same general failure. Raises Unreachable.
        """
        path = f"{folder}/baton-no-such-folder/new"
        try:
            with self._one_reply():
                self._sftp.open(path, "x").close()
                self._sftp.remove(path)
        except FileNotFoundError:
            return True
        except FAILURES as error:
            if self._is_broken(error):
                raise connection_lost(error) from error
            return False
        return True

    def _open_new(self, path: str) -> paramiko.SFTPFile:
        try:
            return self._open_to_write(path, "wx")
        except FileNotFoundError as error:
            raise _folder_trouble(path, error) from error
        except FAILURES as error:
            if self._is_broken(error):
                raise connection_lost(error) from error
            # AWS Transfer Family and others refuse an exclusive create, not the file. SFTP version 3 has no status for
            # "already exists", so a general failure may mean either. Every attempt has a new name.
            if self._exists(path):
                raise name_taken() from error
        try:
            return self._open_to_write(path, "w")
        except (FileNotFoundError, PermissionError) as error:
            raise _folder_trouble(path, error) from error
        except FAILURES as error:
            if self._is_broken(error):
                raise connection_lost(error) from error
            raise Refused("upload_refused", "The server refuses the file and does not say why.") from error

    def _open_to_write(self, path: str, mode: str) -> paramiko.SFTPFile:
        with self._one_reply():
            reach("sftp:open")
            return self._sftp.open(path, mode)

    def _is_broken(self, error: BaseException) -> bool:
        """Whether the connection broke, as opposed to the server answering that it failed."""
        return not self._transport.is_active() or type(error) not in _ANSWERED

    def _exists(self, path: str) -> bool:
        try:
            with self._one_reply():
                self._sftp.stat(path)
        except FileNotFoundError:
            return False
        except PermissionError as error:
            raise _folder_trouble(path, error) from error
        except FAILURES as error:
            raise connection_lost(error) from error
        return True

    def _write(self, opened: paramiko.SFTPFile, body: bytes) -> None:
        # Not SFTPFile.write and close: when pipelined, they lose the server's answers to the last writes and the close.
        requests: deque[int] = deque()
        view = memoryview(body)
        reach("sftp:opened")
        for offset in range(0, len(body), _CHUNK):
            chunk = bytes(view[offset : offset + _CHUNK])
            requests.append(
                self._sftp._async_request(type(None), CMD_WRITE, opened.handle, int64(offset), chunk)  # type: ignore[attr-defined]
            )
            reach("sftp:block")
            if len(requests) >= _WRITES_AHEAD:
                self._sftp._read_response(requests.popleft())  # type: ignore[attr-defined]
        while requests:
            self._sftp._read_response(requests.popleft())  # type: ignore[attr-defined]
        # Marked as closed here, otherwise the garbage collector would close the handle again.
        opened._closed = True  # type: ignore[attr-defined]
        reach("sftp:close")
        self._sftp._request(CMD_CLOSE, opened.handle)  # type: ignore[attr-defined]
        reach("sftp:closed")

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        with time_limit(self._transport.close, seconds):
            yield

    @contextmanager
    def _one_reply(self) -> Iterator[None]:
        """Allow the account's time for one reply. Raises TimeoutError for what fails because it is over."""
        try:
            with time_limit(self._transport.close, self._reply_seconds) as expired:
                yield
        except FAILURES as error:
            if expired.is_set() and self._is_broken(error):
                raise TimeoutError from error
            raise


class _Client(paramiko.SFTPClient):
    def _convert_status(self, msg: Message) -> None:
        """As paramiko's, but *unsupported* is told apart from a general failure."""
        start = msg.packet.tell()
        code = msg.get_int()
        if code == SFTP_OP_UNSUPPORTED:
            raise _Unsupported(msg.get_text())
        msg.packet.seek(start)
        super()._convert_status(msg)  # type: ignore[misc]

    def listdir_attr(self, path: str = ".") -> list[paramiko.SFTPAttributes]:
        """As paramiko's, but a name that is not UTF-8 is kept as surrogates instead of failing the whole list."""
        handle = self._request(CMD_OPENDIR, path.encode())[1].get_string()  # type: ignore[attr-defined]
        found: list[paramiko.SFTPAttributes] = []
        while True:
            try:
                answer = self._request(CMD_READDIR, handle)[1]  # type: ignore[attr-defined]
            except EOFError:
                break
            for _ in range(answer.get_int()):
                name, shown = (answer.get_string().decode("utf-8", "surrogateescape") for _ in range(2))
                attributes = paramiko.SFTPAttributes._from_msg(answer, name, shown)  # type: ignore[attr-defined]
                if name not in (".", ".."):
                    found.append(attributes)
        self._request(CMD_CLOSE, handle)  # type: ignore[attr-defined]
        return found


class SftpTransport:
    """``settings``: host, port, username, password, host_key, connect_seconds, greeting_seconds, reply_seconds,
    allow_private_hosts.
    """

    @staticmethod
    @contextmanager
    def connect(settings: Mapping[str, Any]) -> Iterator[SftpRemote]:
        """Connect, verify the host key, log in, and yield the open remote.

        Raises Unreachable (DNS, refused connection, timeouts) or Refused with ``account`` set: ``host_private``,
        ``host_key_unknown``, ``host_key_changed``, ``no_common_encryption``, ``login_refused``, ``login_asks_more``,
        ``sftp_refused``.
        """
        if not settings.get("host_key"):
            raise Refused(
                "host_key_unknown",
                "The server's key is not confirmed yet. Test the connection and confirm its fingerprint.",
                account=True,
            )
        pinned_type, _, pinned_key = str(settings["host_key"]).partition(" ")
        transport = ssh.open_transport(settings, pinned_type)
        try:
            with time_limit(transport.close, _login_limit(settings)) as expired:
                seen = ssh.handshake(transport, settings)
                if seen != f"{pinned_type} {pinned_key}":
                    raise ssh.host_key_changed(settings)
                ssh.log_in(transport, settings)
                sftp = _open_sftp(transport, settings, expired)
            yield SftpRemote(settings, transport, sftp)
        finally:
            transport.close()

    @staticmethod
    def host_key(settings: Mapping[str, Any]) -> str:
        """Return the server's key as ``"ssh-ed25519 AAAA..."`` without logging in. Raises Unreachable or Refused."""
        transport = ssh.open_transport(settings, "")
        try:
            with time_limit(transport.close, connect_seconds(settings) + ssh.greeting_seconds(settings)):
                return ssh.handshake(transport, settings)
        finally:
            transport.close()


def fingerprint(host_key: str) -> str:
    """Return a key's fingerprint as OpenSSH shows it: ``SHA256:...``; ``""`` for no key."""
    _, _, encoded = host_key.partition(" ")
    if not encoded:
        return ""
    digest = hashlib.sha256(base64.b64decode(encoded)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _open_sftp(transport: ssh.Transport, settings: Mapping[str, Any], expired: threading.Event) -> paramiko.SFTPClient:
    try:
        sftp = _Client.from_transport(transport)
    except paramiko.ChannelException as error:
        raise Refused(
            "sftp_refused", "The login works, but the server offers no file transfer.", account=True
        ) from error
    except FAILURES as error:
        # paramiko raises the same exception for a late answer as for a broken connection.
        is_late = expired.is_set() or "timeout" in str(error).lower()
        raise connection_lost(TimeoutError() if is_late else error) from error
    if sftp is None:
        raise Refused("sftp_refused", "The login works, but the server offers no file transfer.", account=True)
    sftp.get_channel().settimeout(ssh.reply_seconds(settings))  # type: ignore[union-attr]
    return sftp


def _login_limit(settings: Mapping[str, Any]) -> float:
    login_and_session = 2 * ssh.reply_seconds(settings)
    return connect_seconds(settings) + ssh.greeting_seconds(settings) + login_and_session


def _folder_trouble(path: str, error: OSError) -> Refused:
    folder = path.rpartition("/")[0]
    return folder_missing(folder) if isinstance(error, FileNotFoundError) else folder_forbidden(folder)
