"""The Acme sandbox: reads tab-separated files from an FTP folder.

Numbers that always cause trouble, by their last digits: ``99901`` is refused as barred, ``99902`` as opted out (stop).
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from providers.sandbox.account import Account, oldest_first
from providers.sandbox.disk import sync_folder, write_durably
from providers.sandbox.faults import Faults
from providers.sandbox.ftp import FtpServer, ftp_faults, serve_ftp
from providers.sandbox.ledger import Ledger
from providers.sandbox.site import HOST, BaseSite, SiteContext
from providers.sandbox.uploads import Uploads

REFUSED = {"99901": "barred", "99902": "stop"}


class Gateway(Account):
    slug = "acme"

    def __init__(
        self,
        folder: Path,
        account: str,
        ledger: Ledger,
        faults: Faults,
        being_written: Callable[[Path], bool],
        credit: int,
    ) -> None:
        super().__init__(folder, account, ledger, faults)
        self.home = folder / "home"
        self._being_written = being_written
        (self.home / "taken").mkdir(parents=True, exist_ok=True)
        self._begin({"credit": credit})

    def scan(self, now: datetime) -> None:
        if self._faults.use("acme:silent"):
            return
        for path in oldest_first(self.home):
            if not path.name.endswith(".part") and not self._being_written(path):
                self._process(path, now)

    def _process(self, path: Path, now: datetime) -> None:
        body = path.read_bytes()
        sha256 = hashlib.sha256(body).hexdigest()
        lines, refused = [], []
        for line in body.decode().splitlines():
            msisdn, text = line.split("\t")
            if word := "barred" if self._faults.use("acme:refuse") else REFUSED.get(msisdn[-5:], ""):
                refused.append(f"{msisdn}\t{word}\n")
            else:
                lines.append(self._line(now.isoformat(), path.name, msisdn, "", text, "", sha256))
        credit = self._load_state()["credit"] - len(lines)
        self._carry_out(lines, {"credit": credit}, name=path.name, refused="".join(refused))

    def _apply(self, action: Mapping[str, Any]) -> None:
        path, taken = self.home / action["name"], self.home / "taken"
        if action["refused"]:
            write_durably(taken / f"{action['name']}.refused", action["refused"].encode())
        if path.exists():
            path.replace(taken / path.name)
        sync_folder(taken)

    def state(self) -> dict[str, Any]:
        files = {"/": sorted(path.name for path in self.home.iterdir() if path.is_file())}
        return {"username": self.account, "credit": self._load_state()["credit"], "files": files}


class Site(BaseSite):
    label = "Acme"
    every = 60.0
    fault_groups = {
        "Rejections": {"acme:refuse": "A line is refused as barred."},
        "Pickup": {"acme:silent": "Files are not picked up."},
        "Connection": ftp_faults("acme", {"": "The FTP server"}),
    }

    def __init__(self, context: SiteContext) -> None:
        super().__init__(context)
        self._uploads = Uploads()
        self._gateways = {
            name: Gateway(
                context.folder / name, name, context.ledger, context.faults, self._uploads.is_open, context.credit
            )
            for name in context.passwords
        }

    async def open(self) -> None:
        self._server = self.context.ports.listen("acme", self._serve)
        self.context.ports.keep("acme", self._server.port)

    async def close(self) -> None:
        self._server.close()

    def scan(self, now: datetime) -> None:
        for gateway in self._gateways.values():
            gateway.scan(now)

    def account(self, username: str) -> dict[str, Any]:
        password = self.context.passwords[username]
        return {"host": HOST, "port": self._server.port, "username": username, "password": password}

    def state(self) -> dict[str, Any]:
        return {"label": self.label, "accounts": [gateway.state() for gateway in self._gateways.values()]}

    def _serve(self, port: int) -> FtpServer:
        return serve_ftp(
            host=HOST,
            port=port,
            provider="acme",
            passwords=self.context.passwords,
            home_of=lambda username: self._gateways[username].home,
            faults=self.context.faults,
            uploads=self._uploads,
        )
