"""Runs all sandbox providers in one process; ``Sandbox`` starts and controls that process for tests."""

import asyncio
import fcntl
import json
import multiprocessing
import os
import re
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from providers.sandbox.account import CREDIT
from providers.sandbox.control import ControlServer
from providers.sandbox.disk import write_secret
from providers.sandbox.faults import SLOW_SECONDS, Faults, UnknownFault
from providers.sandbox.ledger import Ledger, read_ledger
from providers.sandbox.registry import all_sites, module_names
from providers.sandbox.site import BaseSite, CannotStart, Ports, SiteContext

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Options:
    """How to run the sandbox.

    ``port`` is for the first provider that has a ``main_port``, 0 for any free port. ``every`` is the pause in seconds
    between two scans of each provider, None for what each provider documents. ``accounts`` maps names to passwords;
    empty means one account, *demo*, with a password kept in ``data``. ``credit`` is what a new account starts with.
    ``slow_seconds`` is how long each piece of an upload takes under the fault ``slow``.
    """

    data: Path
    port: int = 0
    control_port: int = 0
    every: float | None = None
    credit: int = CREDIT
    accounts: dict[str, str] = field(default_factory=dict)
    faults: Sequence[str] = ()
    slow_seconds: float = SLOW_SECONDS


@dataclass(frozen=True)
class Ready:
    """Where a started sandbox listens.

    ``providers`` holds what an account's settings need to log in, ``labels`` the name people know a provider by; both
    are by slug, in the order in which people see the providers.
    """

    control: str
    ledger: str
    providers: dict[str, dict[str, Any]]
    labels: dict[str, str]


async def run(options: Options, ready: Callable[[Ready], None], line: Connection | None = None) -> None:
    """Serve until SIGTERM, SIGINT or something arrives on ``line``; calls ``ready`` once everything answers.

    Raises CannotStart when a port or the data directory is in use or an account's name is not valid, and UnknownFault.
    """
    options.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if line:
        asyncio.get_running_loop().add_reader(line.fileno(), stop.set)
    with _alone_in(options.data):
        await _serve(options, ready, stop)


async def _serve(options: Options, ready: Callable[[Ready], None], stop: asyncio.Event) -> None:
    kinds = all_sites().values()
    known = {name: words for kind in kinds for name, words in kind.faults().items()}
    faults = Faults(known, options.slow_seconds)
    for name in options.faults:
        faults.set(name)
    passwords = _passwords(options)
    ledger = Ledger(options.data / "ledger.jsonl")
    ports = Ports(options.data / "ports.json")
    if options.port:
        ports.choose(next(kind.main_port for kind in kinds if kind.main_port), options.port)
    if options.control_port:
        ports.choose("control", options.control_port)
    sites: list[BaseSite] = []
    for kind in kinds:
        folder = options.data / kind.slug
        folder.mkdir(exist_ok=True, mode=0o700)
        sites.append(kind(SiteContext(folder, options.data, passwords, ledger, faults, options.credit, ports)))

    def state() -> dict[str, Any]:
        return {"providers": {site.slug: _state_of(site) for site in sites}}

    for site in sites:
        await site.open()
    control = ports.listen("control", lambda port: ControlServer(port, faults, ledger, state))
    ports.keep("control", control.port)
    control.start()
    username = next(iter(passwords))
    accounts = {site.slug: site.account(username) for site in sites}
    ready(Ready(control.url, str(ledger.path), accounts, {site.slug: site.label for site in sites}))
    scans = [asyncio.create_task(_scan(site, options.every or site.every, stop)) for site in sites]
    for task in scans:
        task.add_done_callback(lambda _: stop.set())
    await stop.wait()
    for site in sites:
        await site.close()
    control.stop()
    # Waits until each scan has finished its file, and raises the exception of a provider that failed.
    await asyncio.gather(*scans)


def _state_of(site: BaseSite) -> dict[str, Any]:
    groups = {heading: list(group) for heading, group in site.fault_groups.items()}
    return {**site.state(), "fault_groups": groups}


async def _scan(site: BaseSite, every: float, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await asyncio.to_thread(site.scan, datetime.now(UTC))
        try:
            await asyncio.wait_for(stop.wait(), every)
        except TimeoutError:
            continue


def _passwords(options: Options) -> dict[str, str]:
    for name, password in options.accounts.items():
        if not _ACCOUNT.fullmatch(name) or not password:
            raise CannotStart(f"{name!r} cannot be an account. Use letters and digits, and give it a password.")
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


class Sandbox:
    """A sandbox in a process of its own, for tests: ``with Sandbox(tmp_path) as sandbox: ...``.

    ``start`` sets ``control_url``, ``ledger_path`` and ``providers`` (what an account's settings need, by slug);
    ``host``, ``port``, ``fingerprint``, ``host_key``, ``username`` and ``password`` are those of the first provider.
    Leaving the block ends the servers and keeps the process for the next sandbox; nothing else is shared. The data
    stays in ``data``, and another ``start`` continues with it.
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
        slow_seconds: float = SLOW_SECONDS,
    ) -> None:
        self.data = data
        self._options = Options(data, port, 0, every, credit, accounts or {}, faults, slow_seconds)
        self._process: ForkServerProcess | None = None
        self._line: Connection | None = None

    def __enter__(self) -> "Sandbox":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None or self._line is None:
            return
        with suppress(EOFError, OSError):
            self._line.send(None)
            if self._line.poll(10):
                self._line.recv()
                _idle.append((self._process, self._line))
                self._process = self._line = None
        self.stop()

    def start(self) -> None:
        """Let a process serve and wait until it answers. Raises CannotStart with the reason if it does not."""
        self._process, self._line = _idle.pop() if _idle else _new_process()
        try:
            self._line.send(self._options)
            answer = self._line.recv()
        except (EOFError, OSError):
            answer = "The sandbox did not start. The output above says why."
        if not isinstance(answer, Ready):
            self.stop()
            raise CannotStart(answer)
        self.control_url, self.ledger_path = answer.control, Path(answer.ledger)
        self.providers = answer.providers
        first = next(iter(self.providers.values()))
        self.host, self.port = first["host"], first["port"]
        self.fingerprint, self.host_key = first["fingerprint"], first["host_key"]
        self.username, self.password = first["username"], first["password"]

    def stop(self) -> None:
        """Shut the process down; it finishes the file it is processing first."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def home(self, username: str = "", provider: str = "") -> Path:
        """Return the folder that an account sees as its root; by default the first provider's."""
        return self.data / (provider or next(iter(self.providers))) / (username or self.username) / "home"

    def opt_out(self, *msisdns: str, username: str = "") -> None:
        """Add numbers to the opt-out list that the first provider keeps for an account."""
        with (self.home(username).parent / "optouts.txt").open("a") as file:
            file.writelines(f"{msisdn}\n" for msisdn in msisdns)

    def messages(self, provider: str = "") -> list[dict[str, str]]:
        """Return every message texted so far, by one provider or by all, oldest first."""
        return [line for line in read_ledger(self.ledger_path) if provider in ("", line["provider"])]

    def state(self) -> dict[str, Any]:
        """Return what ``GET /state`` returns."""
        return self._request("GET", "/state")

    def fault(self, name: str, times: int | None = None) -> None:
        """Switch a fault on for its next ``times`` uses, or until cleared. Raises ValueError if it is unknown."""
        self._request("POST", "/faults", {"name": name, "times": times})

    def clear(self) -> None:
        """Switch all faults off."""
        self._request("DELETE", "/faults")

    def _request(self, method: str, path: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        body = json.dumps(document).encode() if document is not None else None
        try:
            with urlopen(Request(self.control_url + path, body, method=method), timeout=10) as answer:  # noqa: S310
                reply: dict[str, Any] = json.load(answer)
                return reply
        except HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        if self._line:
            self._line.close()
            self._line = None
        if process.pid and process.is_alive():
            os.kill(process.pid, number)
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()


#: Processes that serve nothing at the moment, each with the connection to it.
_idle: list[tuple[ForkServerProcess, Connection]] = []


def _new_process() -> tuple[ForkServerProcess, Connection]:
    ours, theirs = _processes.Pipe()
    process = _processes.Process(target=_serve_in_turn, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _serve_in_turn(line: Connection) -> None:
    """Serve one sandbox after another: receive Options, answer Ready or a reason; None ends it and is sent back."""
    # The fork server outlives the process that started this one, so the kernel cannot tell us when that one ends.
    threading.Thread(target=_end_with_starter, daemon=True).start()
    with suppress(EOFError):
        while options := line.recv():
            try:
                asyncio.run(run(options, line.send, line))
            except (CannotStart, UnknownFault) as error:
                line.send(str(error))
                return
            if not line.poll():
                # A signal ended it.
                return
            line.send(line.recv())


def _end_with_starter() -> None:
    starter = multiprocessing.parent_process()
    assert starter
    starter.join()
    os.kill(os.getpid(), signal.SIGTERM)


# Each process is forked from one that has already imported everything.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__, *module_names()])
