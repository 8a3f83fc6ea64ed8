"""The SFTP and FTP servers of the sandbox's SMSPortal."""

from datetime import datetime
from pathlib import Path
from typing import Any

import asyncssh

from providers.sandbox.certificate import certificate_file, public_certificate
from providers.sandbox.ftp import FtpServer, Rules, serve_ftp
from providers.sandbox.sftp import host_key, serve_sftp
from providers.sandbox.site import HOST, BaseSite, SiteContext
from providers.sandbox.smsportal.codes import SLUG
from providers.sandbox.smsportal.faults import GROUPS
from providers.sandbox.smsportal.gateway import FOLDERS, Gateway
from providers.sandbox.uploads import Uploads


class Site(BaseSite):
    """SFTP and FTP for every account; each scan processes the files in the accounts' folders."""

    label = "SMSPortal"
    fault_groups = GROUPS
    position = 1
    main_port = "smsportal-sftp"
    # SMSPortal SFTP: "processes new files every 5 seconds".
    every = 5.0

    def __init__(self, context: SiteContext) -> None:
        super().__init__(context)
        # The FTP server runs in a thread of its own, so it needs its own uploads.
        self._uploads = {"sftp": Uploads(), "ftp": Uploads()}
        self._gateways = {
            name: Gateway(
                context.folder / name, name, context.ledger, context.faults, self._being_written, context.credit
            )
            for name in context.passwords
        }
        self._key = host_key(context.data)
        self._certificate = certificate_file(context.data)

    async def open(self) -> None:
        self._server = await self.context.ports.listen_async("smsportal-sftp", self._serve)
        self._port = self._server.get_port()
        self.context.ports.keep("smsportal-sftp", self._port)
        self._ftp_server = self.context.ports.listen("smsportal-ftp", self._serve_ftp)
        self.context.ports.keep("smsportal-ftp", self._ftp_server.port)

    async def close(self) -> None:
        self._server.close()
        self._ftp_server.close()

    def scan(self, now: datetime) -> None:
        for gateway in self._gateways.values():
            gateway.scan(now)

    def account(self, username: str) -> dict[str, Any]:
        return {
            "host": HOST,
            "port": self._port,
            "ftp_port": self._ftp_server.port,
            "username": username,
            "password": self.context.passwords[username],
            "host_key": self._key.export_public_key().decode().strip(),
            "fingerprint": self._key.get_fingerprint(),
            "tls_certificate": public_certificate(self._certificate),
        }

    def state(self) -> dict[str, Any]:
        accounts = [gateway.state() for gateway in self._gateways.values()]
        ports = {"port": self._port, "ftp_port": self._ftp_server.port}
        return {"label": self.label, "host": HOST, **ports, "accounts": accounts}

    async def _serve(self, port: int) -> asyncssh.SSHAcceptor:
        return await serve_sftp(
            host=HOST,
            port=port,
            key=self._key,
            provider=SLUG,
            passwords=self.context.passwords,
            home_of=self._home_of,
            faults=self.context.faults,
            uploads=self._uploads["sftp"],
            upload_folder="Send_SMS",
        )

    def _serve_ftp(self, port: int) -> FtpServer:
        return serve_ftp(
            host=HOST,
            port=port,
            provider=SLUG,
            passwords=self.context.passwords,
            home_of=self._home_of,
            faults=self.context.faults,
            uploads=self._uploads["ftp"],
            rules=Rules(allows=self._allows),
            server="ftp",
            certificate=self._certificate,
        )

    def _home_of(self, username: str) -> Path:
        return self.context.folder / username / "home"

    def _being_written(self, path: Path) -> bool:
        return any(uploads.is_open(path) for uploads in self._uploads.values())

    def _allows(self, permission: str, name: str) -> bool:
        # assumption: a client can neither delete nor rename the three folders.
        if name in FOLDERS and permission in "df":
            return False
        return name.split("/")[0] != "Send_SMS" or not self.context.faults.use("smsportal:missing-folder")
