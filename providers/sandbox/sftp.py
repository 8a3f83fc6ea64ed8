"""The sandbox's SFTP server: password login, a permanent host key, and a root folder for each account."""

import asyncio
import hmac
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import asyncssh
from asyncssh.constants import FXF_WRITE

from providers.sandbox.disk import write_secret
from providers.sandbox.faults import Faults
from providers.sandbox.uploads import Uploads

HOST_KEY_FILE = "host_key"


@dataclass
class _Upload:
    path: str
    drops_midway: bool
    drops_at_close: bool
    is_slow: bool


class _Login(asyncssh.SSHServer):
    def __init__(self, provider: str, passwords: Mapping[str, str], faults: Faults) -> None:
        self._provider = provider
        self._passwords = passwords
        self._faults = faults

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        if self._faults.use(f"{self._provider}:refuse-login"):
            return False
        known = self._passwords.get(username)
        return known is not None and hmac.compare_digest(known.encode(), password.encode())


class _Folders(asyncssh.SFTPServer):
    """One client's view of its account; nothing outside ``home`` exists."""

    def __init__(
        self,
        channel: asyncssh.SSHServerChannel,
        home: Path,
        provider: str,
        faults: Faults,
        uploads: Uploads,
        upload_folder: str,
    ) -> None:
        super().__init__(channel, chroot=os.fsencode(home))
        self._upload_folder = os.fsencode(upload_folder)
        self._provider = provider
        self._faults = faults
        self._uploads = uploads
        self._written: dict[object, _Upload] = {}

    def map_path(self, path: bytes) -> bytes:
        local = super().map_path(path)
        inside = os.path.relpath(local, self._chroot).split(b"/")[0]
        if inside == self._upload_folder and self._fault("missing-folder"):
            raise asyncssh.SFTPNoSuchFile("No such file")
        return local

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if not pflags & FXF_WRITE:
            return super().open(path, pflags, attrs)
        local = os.path.realpath(os.fsdecode(self.map_path(path)))
        self._uploads.begin(local)
        try:
            opened = super().open(path, pflags, attrs)
        except BaseException:
            self._uploads.end(local)
            raise
        self._written[opened] = _Upload(
            path=local,
            drops_midway=self._fault("drop-connection"),
            drops_at_close=self._fault("drop-at-close"),
            is_slow=self._fault("slow"),
        )
        return opened

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        upload = self._written.get(file_obj)
        if upload and upload.is_slow:
            await asyncio.sleep(self._faults.slow_seconds)
        if upload and upload.drops_midway:
            self._write_all(file_obj, offset, data[: len(data) // 2])
            self._break_off()
        return self._write_all(file_obj, offset, data)

    async def close(self, file_obj: object) -> None:
        upload = self._written.pop(file_obj, None)
        cast(BinaryIO, file_obj).close()
        if upload:
            self._uploads.end(upload.path)
            if upload.drops_at_close:
                self._break_off()

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("Links are not allowed")

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("Links are not allowed")

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        is_root = super().map_path(path) == self.map_path(b"/")
        async for name in super().scandir(path):
            if (
                is_root
                and name.filename == self._upload_folder
                and f"{self._provider}:missing-folder" in self._faults.on()
            ):
                continue
            yield name

    def _write_all(self, file_obj: object, offset: int, data: bytes) -> int:
        file = cast(BinaryIO, file_obj)
        file.seek(offset)
        return file.write(data)

    def _break_off(self) -> None:
        self.connection.abort()
        raise asyncssh.SFTPConnectionLost("Connection lost")

    def _fault(self, name: str) -> bool:
        return self._faults.use(f"{self._provider}:{name}")


def host_key(data: Path) -> asyncssh.SSHKey:
    """Return the ed25519 host key stored in ``data``, made with mode 0600 on first use."""
    path = data / HOST_KEY_FILE
    if not path.exists():
        write_secret(path, asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    return asyncssh.read_private_key(path)


async def serve_sftp(
    *,
    host: str,
    port: int,
    key: asyncssh.SSHKey,
    provider: str,
    passwords: Mapping[str, str],
    home_of: Callable[[str], Path],
    faults: Faults,
    uploads: Uploads,
    upload_folder: str,
) -> asyncssh.SSHAcceptor:
    """Listen on ``host`` and ``port`` (0 = any free one). Raises OSError.

    ``home_of`` returns an account's root; the fault ``missing-folder`` hides ``upload_folder`` in it.
    """

    def folders(channel: asyncssh.SSHServerChannel) -> asyncssh.SFTPServer:
        username = channel.get_extra_info("username")
        return _Folders(channel, home_of(username), provider, faults, uploads, upload_folder)

    return await asyncssh.create_server(
        lambda: _Login(provider, passwords, faults),
        host,
        port,
        server_host_keys=[key],
        sftp_factory=folders,
        allow_scp=False,
        agent_forwarding=False,
        x11_forwarding=False,
    )
