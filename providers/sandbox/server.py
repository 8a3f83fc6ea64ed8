"""Runs the pretend providers together in one process, and for tests starts that process and asks it things.

A further provider joins with a file of its own that holds a Site, added to ``SITES``.
"""

import asyncio
import ctypes
import fcntl
import json
import multiprocessing
import os
import re
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from providers.sandbox import bulksms, clickatell, gatewayapi, smsportal
from providers.sandbox.control import ControlServer
from providers.sandbox.disk import write_secret
from providers.sandbox.faults import Faults, UnknownFault
from providers.sandbox.ledger import Ledger, read_ledger
from providers.sandbox.site import CannotStart, Ground, Ports, Site

CREDIT = 1_000_000
#: The pretend providers, in the order in which people see them.
SITES: tuple[type[Site], ...] = (smsportal.SmsPortal, gatewayapi.GatewayApi, clickatell.Clickatell, bulksms.BulkSms)
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Options:
    """``accounts`` maps names to passwords; empty means the account *demo* with a password kept in ``data``.

    ``every`` is the pause in seconds between two looks of each provider, None for what its document says; ``credit``
    is what a new account starts with.
    """

    data: Path
    port: int = 0
    control_port: int = 0
    every: float | None = None
    credit: int = CREDIT
    accounts: dict[str, str] = field(default_factory=dict)
    faults: Sequence[str] = ()


@dataclass(frozen=True)
class Ready:
    """Where the sandbox listens once it does: for each provider what an account's settings need to log in."""

    control: str
    ledger: str
    providers: dict[str, dict[str, Any]]


async def run(options: Options, ready: Callable[[Ready], None]) -> None:
    """Serve until SIGTERM or SIGINT; calls ``ready`` once everything answers.

    Raises CannotStart when a port or the data directory is taken, an account has no proper name or a fault is unknown.
    """
    options.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _alone_in(options.data):
        await _serve(options, ready, stop)


async def _serve(options: Options, ready: Callable[[Ready], None], stop: asyncio.Event) -> None:
    faults = Faults({name: words for site in SITES for name, words in site.faults.items()})
    for name in options.faults:
        faults.set(name)
    passwords = _passwords(options)
    ledger = Ledger(options.data / "ledger.jsonl")
    ports = Ports(options.data / "ports.json")
    if options.port:
        ports.choose("smsportal-sftp", options.port)
    if options.control_port:
        ports.choose("control", options.control_port)
    sites: list[Site] = []
    for kind in SITES:
        folder = options.data / kind.slug
        folder.mkdir(exist_ok=True, mode=0o700)
        sites.append(kind(Ground(folder, options.data, passwords, ledger, faults, options.credit, ports)))

    def state() -> dict[str, Any]:
        return {"providers": {site.slug: site.state() for site in sites}}

    for site in sites:
        await site.open()
    control = ports.listen("control", lambda port: ControlServer(port, faults, ledger, state))
    ports.keep("control", control.port)
    control.start()
    username = next(iter(passwords))
    ready(Ready(control.url, str(ledger.path), {site.slug: site.account(username) for site in sites}))
    looking = [asyncio.create_task(_look(site, options.every or site.every, stop)) for site in sites]
    for task in looking:
        task.add_done_callback(lambda _: stop.set())
    await stop.wait()
    for site in sites:
        await site.close()
    control.stop()
    # A file that is being taken is finished first; trouble in a provider is raised here.
    await asyncio.gather(*looking)


async def _look(site: Site, every: float, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await asyncio.to_thread(site.look, datetime.now(UTC))
        try:
            await asyncio.wait_for(stop.wait(), every)
        except TimeoutError:
            continue


def _passwords(options: Options) -> dict[str, str]:
    for name, password in options.accounts.items():
        if not _ACCOUNT.fullmatch(name) or not password:
            raise CannotStart(f"{name!r} cannot be an account: use letters and digits, and give it a password.")
    path = options.data / "accounts.json"
    kept: dict[str, str] = json.loads(path.read_bytes()) if path.exists() else {}
    if options.accounts:
        return options.accounts
    if not kept:
        kept = {"demo": secrets.token_urlsafe(12)}
        write_secret(path, json.dumps(kept).encode())
    return kept


@contextmanager
def _alone_in(data: Path) -> Iterator[None]:
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"Another sandbox is running on {data}. Choose another directory with --data.") from None
        yield


def die_with_parent() -> None:
    """Ask the kernel to end this process when the one that started it is gone."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Sandbox:
    """A sandbox in a process of its own, for tests: ``with Sandbox(tmp_path) as sandbox: ...``.

    After the start ``control_url``, ``ledger_path`` and ``providers`` (for each slug what an account's settings need)
    are known; ``host``, ``port``, ``fingerprint``, ``host_key``, ``username`` and ``password`` are those of SMSPortal's
    SFTP. Leaving ends that one process; the data stays in ``data``, and ``start`` goes on with it.
    """

    host: str
    port: int
    fingerprint: str
    host_key: str
    username: str
    password: str
    control_url: str
    ledger_path: Path
    providers: dict[str, dict[str, Any]]

    def __init__(
        self,
        data: Path,
        every: float = 0.2,
        *,
        accounts: dict[str, str] | None = None,
        faults: Sequence[str] = (),
        credit: int = CREDIT,
        port: int = 0,
    ) -> None:
        self.data = data
        self._options = Options(data, port, 0, every, credit, accounts or {}, faults)
        self._process: ForkServerProcess | None = None

    def __enter__(self) -> "Sandbox":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until it answers. Raises CannotStart with what it says instead."""
        ours, theirs = _processes.Pipe(duplex=False)
        self._process = _processes.Process(target=_serve_alone, args=(self._options, theirs), daemon=True)
        self._process.start()
        theirs.close()
        try:
            said = ours.recv()
        except EOFError:
            said = "The sandbox did not start; its reason is above."
        finally:
            ours.close()
        if not isinstance(said, Ready):
            self.stop()
            raise CannotStart(said)
        self.control_url, self.ledger_path = said.control, Path(said.ledger)
        self.providers = said.providers
        first = self.providers[smsportal.SLUG]
        self.host, self.port = first["host"], first["port"]
        self.fingerprint, self.host_key = first["fingerprint"], first["host_key"]
        self.username, self.password = first["username"], first["password"]

    def stop(self) -> None:
        """End the process in order; what it is taking is finished first."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def home(self, username: str = "", provider: str = smsportal.SLUG) -> Path:
        """The folder that an account sees as its root."""
        return self.data / provider / (username or self.username) / "home"

    def opt_out(self, *msisdns: str, username: str = "") -> None:
        """Add numbers to the provider's own opt-out list of an account."""
        with (self.home(username).parent / "optouts.txt").open("a") as file:
            file.writelines(f"{msisdn}\n" for msisdn in msisdns)

    def messages(self, provider: str = "") -> list[dict[str, str]]:
        """Every message texted so far, by one provider or by any, oldest first."""
        return [line for line in read_ledger(self.ledger_path) if provider in ("", line["provider"])]

    def state(self) -> dict[str, Any]:
        """What ``GET /state`` says."""
        return self._ask("GET", "/state")

    def fault(self, name: str, times: int | None = None) -> None:
        """Switch a fault on, for its next ``times`` uses or until cleared. Raises ValueError for an unknown one."""
        self._ask("POST", "/faults", {"name": name, "times": times})

    def clear(self) -> None:
        """Switch all faults off."""
        self._ask("DELETE", "/faults")

    def _ask(self, method: str, path: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        body = json.dumps(document).encode() if document is not None else None
        try:
            with urlopen(Request(self.control_url + path, body, method=method), timeout=10) as answer:  # noqa: S310
                said: dict[str, Any] = json.load(answer)
                return said
        except HTTPError as trouble:
            raise ValueError(json.load(trouble)["error"]) from None

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.pid and process.is_alive():
            os.kill(process.pid, number)
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()


def _serve_alone(options: Options, ready: "Connection[Ready | str, object]") -> None:
    # The process this one is forked from stays as long as this one does: the end of the starter is to be watched for.
    threading.Thread(target=_end_with_starter, daemon=True).start()
    try:
        asyncio.run(run(options, ready.send))
    except (CannotStart, UnknownFault) as trouble:
        ready.send(str(trouble))


def _end_with_starter() -> None:
    starter = multiprocessing.parent_process()
    assert starter
    starter.join()
    os.kill(os.getpid(), signal.SIGTERM)


# Dozens of sandboxes start while the tests run: each is forked from one process that has everything imported.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])
