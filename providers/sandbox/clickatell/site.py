"""The FTP server of the sandbox's Clickatell."""

import asyncio
import hashlib
from datetime import datetime
from typing import Any

from providers.sandbox.clickatell.codes import SLUG
from providers.sandbox.clickatell.faults import GROUPS
from providers.sandbox.clickatell.files import Login
from providers.sandbox.clickatell.gateway import Gateway
from providers.sandbox.ftp import FtpServer, Rules, serve_ftp
from providers.sandbox.site import HOST, BaseSite, SiteContext
from providers.sandbox.uploads import Uploads


def login_of(username: str, password: str) -> Login:
    """Return the API credentials of an FTP account: always the same ones, and not its FTP login and password."""
    digest = hashlib.sha256(f"{username}:{password}".encode()).hexdigest()
    return Login(str(1_000_000 + int(digest[:12], 16) % 9_000_000), f"{username}-api", digest[12:28])


class Site(BaseSite):
    """FTP for every account; each scan processes the files in the accounts' folders."""

    label = "Clickatell"
    fault_groups = GROUPS
    position = 3
    # using-the-ftp-api: the folder is polled once a minute.
    every = 60.0

    def __init__(self, context: SiteContext) -> None:
        super().__init__(context)
        self._port = 0
        self._uploads = Uploads()
        self._gateways = {
            name: Gateway(
                context.folder / name,
                name,
                login_of(name, password),
                context.ledger,
                context.faults,
                self._uploads.is_open,
                context.credit,
            )
            for name, password in context.passwords.items()
        }

    async def open(self) -> None:
        self._server = self.context.ports.listen("clickatell-ftp", self._serve)
        self._port = self._server.port
        self.context.ports.keep("clickatell-ftp", self._port)

    async def close(self) -> None:
        await asyncio.to_thread(self._server.close)

    def scan(self, now: datetime) -> None:
        for gateway in self._gateways.values():
            gateway.scan(now)

    def account(self, username: str) -> dict[str, Any]:
        login = self._gateways[username].login
        return {
            "host": HOST,
            "port": self._port,
            "username": username,
            "password": self.context.passwords[username],
            "api_id": login.api_id,
            "api_user": login.user,
            "api_password": login.password,
        }

    def state(self) -> dict[str, Any]:
        accounts = [gateway.state() for gateway in self._gateways.values()]
        return {"label": self.label, "host": HOST, "port": self._port, "accounts": accounts}

    def _serve(self, port: int) -> FtpServer:
        return serve_ftp(
            host=HOST,
            port=port,
            provider=SLUG,
            passwords=self.context.passwords,
            home_of=lambda username: self._gateways[username].home,
            faults=self.context.faults,
            uploads=self._uploads,
            # assumption: one flat folder, as the document only speaks of "your FTP folder".
            rules=Rules(permissions="elradfw"),
        )
