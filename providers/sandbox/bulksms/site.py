"""The servers of the sandbox's BulkSMS: HTTP and HTTPS, and the release of scheduled batches."""

import asyncio
import ssl
import threading
from datetime import datetime
from typing import Any

from providers.sandbox.bulksms.codes import SLUG
from providers.sandbox.bulksms.connections import Connections
from providers.sandbox.bulksms.faults import GROUPS
from providers.sandbox.bulksms.gateway import Gateway
from providers.sandbox.bulksms.http import Handler, Server
from providers.sandbox.certificate import certificate_file, public_certificate
from providers.sandbox.site import HOST, BaseSite, SiteContext


class Site(BaseSite):
    """The EAPI over HTTP and HTTPS. A scan texts the scheduled batches that are due."""

    label = "BulkSMS"
    fault_groups = GROUPS
    position = 4
    every = 1.0

    def __init__(self, context: SiteContext) -> None:
        super().__init__(context)
        self.gateways = {
            name: Gateway(context.folder / name, name, context.ledger, context.faults, context.credit)
            for name in context.passwords
        }
        self.connections = Connections(self.gateways, context.passwords, context.faults)
        self._certificate = certificate_file(context.data)

    async def open(self) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self._certificate)
        self._plain = self._listen(SLUG, None)
        self._encrypted = self._listen(f"{SLUG}-https", tls)

    async def close(self) -> None:
        for server in (self._plain, self._encrypted):
            await asyncio.to_thread(server.shutdown)
            server.server_close()

    def _listen(self, name: str, tls: ssl.SSLContext | None) -> Server:
        handler = type("Handler", (Handler,), {"connections": self.connections, "faults": self.context.faults})
        server = self.context.ports.listen(name, lambda port: Server((HOST, port), handler, tls))
        self.context.ports.keep(name, server.server_port)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server

    def scan(self, now: datetime) -> None:
        for gateway in self.gateways.values():
            gateway.scan(now)

    def account(self, username: str) -> dict[str, Any]:
        return {
            "api_url": f"http://{HOST}:{self._plain.server_port}/eapi",
            "allow_plain_http": True,
            "https_url": f"https://{HOST}:{self._encrypted.server_port}/eapi",
            "tls_certificate": public_certificate(self._certificate),
            "host": HOST,
            "port": self._plain.server_port,
            "username": username,
            "password": self.context.passwords[username],
        }

    def state(self) -> dict[str, Any]:
        accounts = [
            {
                **gateway.state(),
                "most_connections": self.connections.most[name],
                "overlapping_requests": self.connections.overlaps[name],
            }
            for name, gateway in self.gateways.items()
        ]
        return {"label": self.label, "host": HOST, "port": self._plain.server_port, "accounts": accounts}
