"""The targets of a chaos run: each provider's gateway behind a real server, with all traffic through the proxy.

SMSPortal over OpenSSH, GatewayAPI over two vsftpd on one folder, Clickatell over pyftpdlib, BulkSMS over HTTP. Where
a Debian package is missing, or the user running it is not root, the sandbox's own server is used instead.
"""

import json
import os
import secrets
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from config.processes import Program, spawn
from providers.sandbox.clickatell.site import login_of
from tests import debian
from tests.chaos.proxy import HOST, Door, Proxy
from tests.providers import servers

#: Accounts of each provider; each has connections of its own, so that much runs in parallel.
ACCOUNTS = ("one", "two", "three")
#: The account of the control.
NAIVE = "naive"
WHO = "make chaos"
PROVIDERS = ("smsportal", "gatewayapi", "clickatell", "bulksms")
_PATIENCE = 60.0


@dataclass
class Route:
    """How to log in to one account: what its settings need, and the proxy ports it goes through."""

    provider: str
    name: str
    settings: dict[str, Any]
    doors: list[Door]


@dataclass
class Gateways:
    """All gateways; ``served_by`` maps each provider to the server that takes its files."""

    ledger: Path
    routes: list[Route]
    served_by: dict[str, str]
    control_url: str
    secrets: list[str] = field(default_factory=list)
    #: How often each network fault really struck, by ``provider channel direction kind``.
    struck: Counter[str] = field(default_factory=Counter)

    def doors(self) -> list[Door]:
        """Every proxy port that Baton connects through."""
        return [door for each in self.routes if each.name != NAIVE for door in each.doors]

    def strikes(self) -> dict[str, int]:
        """``struck``, without the faults of the control."""
        return {name: count for name, count in sorted(self.struck.items()) if not name.startswith(NAIVE)}

    def of(self, provider: str, name: str) -> Route:
        return next(each for each in self.routes if (each.provider, each.name) == (provider, name))

    def fault(self, name: str) -> None:
        """Inject this fault into the next use of a sandbox provider."""
        body = json.dumps({"name": name, "times": 1}).encode()
        with urlopen(Request(f"{self.control_url}/faults", body, method="POST"), timeout=10):
            pass


@contextmanager
def gateways(data: Path, every: float = 0.3) -> Iterator[Gateways]:
    """Start every server below ``data``; they end with the block."""
    data.mkdir(parents=True)
    passwords = {name: secrets.token_urlsafe(12) for name in (*ACCOUNTS, NAIVE)}
    homes = {name: data / "sandbox" / "gatewayapi" / name / "home" for name in passwords}
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy())
        sshd = None
        if debian.find("sshd") and os.geteuid() == 0:
            sshd = stack.enter_context(servers.openssh(data, WHO))
            for name in passwords:
                (sshd.home / name).mkdir()
                place = data / "sandbox" / "smsportal" / name
                place.mkdir(parents=True)
                (place / "home").symlink_to(sshd.home / name)
        ready = stack.enter_context(_sandbox(data, every, passwords))
        routes = []
        for name in passwords:
            known = _known(ready, name, passwords)
            if sshd:
                own = {"host": HOST, "port": sshd.port, "username": sshd.username, "password": sshd.password}
                known["smsportal"] |= own | {"base_folder": name, "host_key": sshd.host_key}
            pair = []
            if debian.find("vsftpd"):
                for which in ("a", "b"):
                    own_data = data / f"vsftpd-{name}-{which}"
                    pair.append(
                        stack.enter_context(servers.vsftpd(own_data, WHO, anon_root=str(homes[name]), max_clients="50"))
                    )
                known["gatewayapi"] |= {"username": pair[0].username, "password": pair[0].password}
            ports = [server.port for server in pair] or _both_ports(known["gatewayapi"])
            for provider in PROVIDERS:
                routes.append(_route(proxy, provider, name, known[provider], ports))
        served_by = {
            "smsportal": "OpenSSH" if sshd else "asyncssh",
            "gatewayapi": "vsftpd" if debian.find("vsftpd") else "pyftpdlib",
            "clickatell": "pyftpdlib",
            "bulksms": "HTTP",
        }
        yield Gateways(
            Path(ready["ledger"]),
            routes,
            served_by,
            ready["control"],
            [*passwords.values(), servers.PASSWORD],
            proxy.struck,
        )


def _known(ready: dict[str, Any], name: str, passwords: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The sandbox gives the login of the first account; the others differ in name and password."""
    known = {slug: dict(settings) for slug, settings in ready["providers"].items()}
    for settings in known.values():
        settings |= {"username": name, "password": passwords[name]}
    login = login_of(name, passwords[name])
    known["clickatell"] |= {"api_id": login.api_id, "api_user": login.user, "api_password": login.password}
    return known


def _both_ports(settings: dict[str, Any]) -> list[int]:
    return [int(str(settings[host]).rpartition(":")[2]) for host in ("host_a", "host_b")]


def _route(proxy: Proxy, provider: str, name: str, known: dict[str, Any], pair: list[int]) -> Route:
    struck_as = NAIVE if name == NAIVE else provider
    if provider == "gatewayapi":
        doors = [proxy.open(port, is_ftp=True, name=struck_as) for port in pair]
        known |= {"host_a": f"{HOST}:{doors[0].port}", "host_b": f"{HOST}:{doors[1].port}"}
    elif provider == "bulksms":
        address, _, path = str(known["api_url"]).removeprefix("http://").partition("/")
        doors = [proxy.open(int(address.rpartition(":")[2]), name=struck_as)]
        known |= {"api_url": f"http://{HOST}:{doors[0].port}/{path}", "allow_plain_http": True}
    else:
        doors = [proxy.open(int(known["port"]), is_ftp=provider == "clickatell", name=struck_as)]
        known |= {"port": doors[0].port}
    return Route(provider, name, known, doors)


@contextmanager
def _sandbox(data: Path, every: float, passwords: dict[str, str]) -> Iterator[dict[str, Any]]:
    logins = [f"{name}:{password}" for name, password in passwords.items()]
    command = [sys.executable, "-m", "tests.chaos.sandbox", str(data / "sandbox"), str(every), *logins]
    log = data / "sandbox.log"
    with log.open("wb") as output:
        process = spawn(Program("sandbox", command), output.fileno())
    try:
        yield _ready_line(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready_line(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    waited = 0.0
    while waited < _PATIENCE and process.poll() is None:
        for line in log.read_text().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                found: dict[str, Any] = json.loads(line)
                return found
        select.select([], [], [], 0.1)
        waited += 0.1
    raise SystemExit(f"The sandbox did not start:\n{log.read_text()}")
