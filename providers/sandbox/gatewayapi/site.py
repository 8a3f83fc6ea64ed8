"""The two FTP servers of the sandbox's GatewayAPI."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from providers.sandbox.certificate import certificate_file, public_certificate
from providers.sandbox.ftp import FtpServer, Rules, serve_ftp
from providers.sandbox.gatewayapi.codes import SLUG
from providers.sandbox.gatewayapi.faults import GROUPS
from providers.sandbox.gatewayapi.gateway import Gateway, allows
from providers.sandbox.site import HOST, BaseSite, SiteContext
from providers.sandbox.uploads import Uploads


class Site(BaseSite):
    """Two FTP servers that share one folder per account; each scan processes the files in these folders."""

    label = "GatewayAPI"
    fault_groups = GROUPS
    position = 2
    # "The moment you rename the file, we start sending it"
    every = 1.0

    def __init__(self, context: SiteContext) -> None:
        super().__init__(context)
        # Each server runs in a thread of its own, so it needs its own uploads.
        self._uploads = {"a": Uploads(), "b": Uploads()}
        self._servers: dict[str, FtpServer] = {}
        self._certificate = certificate_file(context.data)
        self._gateways = {
            name: Gateway(
                context.folder / name, name, context.ledger, context.faults, self._being_written, context.credit
            )
            for name in context.passwords
        }

    async def open(self) -> None:
        for host in self._uploads:
            name = f"{SLUG}-{host}"
            self._servers[host] = self.context.ports.listen(name, self._serving(host))
            self.context.ports.keep(name, self._servers[host].port)

    async def close(self) -> None:
        for server in self._servers.values():
            server.close()

    def scan(self, now: datetime) -> None:
        for gateway in self._gateways.values():
            gateway.scan(now)

    def account(self, username: str) -> dict[str, Any]:
        return {
            **self._hosts(),
            "port": self._servers["a"].port,
            "username": username,
            "password": self.context.passwords[username],
            "use_tls": False,
            "tls_certificate": public_certificate(self._certificate),
        }

    def state(self) -> dict[str, Any]:
        accounts = [gateway.state() for gateway in self._gateways.values()]
        return {"label": self.label, **self._hosts(), "accounts": accounts}

    def _hosts(self) -> dict[str, str]:
        return {f"host_{host}": f"{HOST}:{server.port}" for host, server in self._servers.items()}

    def _being_written(self, path: Path) -> bool:
        return any(uploads.is_open(path) for uploads in self._uploads.values())

    def _serving(self, host: str) -> Callable[[int], FtpServer]:
        def serve(port: int) -> FtpServer:
            return serve_ftp(
                host=HOST,
                port=port,
                provider=SLUG,
                passwords=self.context.passwords,
                home_of=lambda username: self.context.folder / username / "home",
                faults=self.context.faults,
                uploads=self._uploads[host],
                # "You can't create new directories." "You can't modify the file permissions."
                rules=Rules("elradfw", allows),
                server=f"host-{host}",
                certificate=self._certificate,
            )

        return serve
