"""The interface between the sandbox and each of its providers."""

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from providers.sandbox.disk import write_durably
from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger

HOST = "127.0.0.1"
Server = TypeVar("Server")


class CannotStart(Exception):
    """The sandbox cannot start; the message says why and what to do."""


class Ports:
    """The ports of the sandbox's servers by name, kept in a file so that each server reopens on the same port."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ports: dict[str, int] = json.loads(path.read_bytes()) if path.exists() else {}
        self._chosen: set[str] = set()

    def choose(self, name: str, port: int) -> None:
        """Make this server listen on exactly this port."""
        self._ports[name] = port
        self._chosen.add(name)

    def keep(self, name: str, port: int) -> None:
        """Store the port on which this server listens."""
        if self._ports.get(name) != port:
            self._ports[name] = port
            write_durably(self._path, json.dumps(self._ports).encode())

    def listen(self, name: str, serve: Callable[[int], Server]) -> Server:
        """Call ``serve`` with the server's port, or with 0 (any free port) if that is taken. Raises CannotStart."""
        try:
            return serve(self._ports.get(name, 0))
        except OSError as error:
            self._refuse(name, error)
        return serve(0)

    async def listen_async(self, name: str, serve: Callable[[int], Awaitable[Server]]) -> Server:
        """Like ``listen``, for a server that starts asynchronously."""
        try:
            return await serve(self._ports.get(name, 0))
        except OSError as error:
            self._refuse(name, error)
        return await serve(0)

    def _refuse(self, name: str, error: OSError) -> None:
        if name in self._chosen or name not in self._ports:
            port = self._ports.get(name, 0)
            raise CannotStart(f"Port {port} cannot be used: {error.strerror}. Choose another.") from None


@dataclass(frozen=True)
class SiteContext:
    """What the sandbox gives each provider.

    ``folder`` is the provider's own folder inside the sandbox's folder ``data``; ``passwords`` maps account names to
    passwords; ``credit`` is what a new account starts with, in message parts.
    """

    folder: Path
    data: Path
    passwords: Mapping[str, str]
    ledger: Ledger
    faults: Faults
    credit: int
    ports: Ports


class BaseSite(ABC):
    """One sandbox provider: its servers, and the code that processes its files.

    A subclass named ``Site`` in ``providers/sandbox/<slug>.py``, or exported by the package of that name, is found by
    the registry, which sets ``slug``.
    """

    slug: ClassVar[str] = ""
    label: ClassVar[str]
    #: Faults by the heading they have on the sandbox page; within a heading, each fault's name and what it does.
    fault_groups: ClassVar[Mapping[str, Mapping[str, str]]]
    #: Seconds between two scans, as the provider documents them.
    every: ClassVar[float]
    #: Providers are listed by position, then by slug.
    position: ClassVar[int] = 100
    #: The server, by its name in ``SiteContext.ports``, to which ``manage.py sandbox --port`` applies.
    main_port: ClassVar[str] = ""

    def __init__(self, context: SiteContext) -> None:
        self.context = context

    @classmethod
    def faults(cls) -> dict[str, str]:
        """Return what each fault of this provider does, by name."""
        return {name: words for group in cls.fault_groups.values() for name, words in group.items()}

    @abstractmethod
    async def open(self) -> None:
        """Start the servers. Raises CannotStart."""

    @abstractmethod
    async def close(self) -> None:
        """Stop the servers."""

    @abstractmethod
    def scan(self, now: datetime) -> None:
        """Process whatever is due at ``now`` (UTC). Called repeatedly in a thread, never twice at the same time."""

    @abstractmethod
    def account(self, username: str) -> dict[str, Any]:
        """Return what an account's settings need to log in, secrets included."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return ``label``, where the servers listen, and ``accounts`` with their credit and files. No secrets."""
