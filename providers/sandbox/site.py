"""What a pretend provider is to the sandbox that runs it."""

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
    """The sandbox cannot start; the text says why and what to do."""


class Ports:
    """The ports of the sandbox's servers, by name; kept in a file, so that each is where it was last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ports: dict[str, int] = json.loads(path.read_bytes()) if path.exists() else {}
        self._chosen: set[str] = set()

    def choose(self, name: str, port: int) -> None:
        """Have this server listen on exactly this port."""
        self._ports[name] = port
        self._chosen.add(name)

    def keep(self, name: str, port: int) -> None:
        """Remember where this server listens."""
        if self._ports.get(name) != port:
            self._ports[name] = port
            write_durably(self._path, json.dumps(self._ports).encode())

    def listen(self, name: str, serve: Callable[[int], Server]) -> Server:
        """Call ``serve`` with the server's port, or with 0 (any free one) where that is taken. Raises CannotStart."""
        try:
            return serve(self._ports.get(name, 0))
        except OSError as trouble:
            self._refuse(name, trouble)
        return serve(0)

    async def listen_async(self, name: str, serve: Callable[[int], Awaitable[Server]]) -> Server:
        """The same for a server that starts asynchronously."""
        try:
            return await serve(self._ports.get(name, 0))
        except OSError as trouble:
            self._refuse(name, trouble)
        return await serve(0)

    def _refuse(self, name: str, trouble: OSError) -> None:
        if name in self._chosen or name not in self._ports:
            port = self._ports.get(name, 0)
            raise CannotStart(f"Port {port} cannot be used: {trouble.strerror}. Choose another.") from None


@dataclass(frozen=True)
class Ground:
    """What a pretend provider stands on: its own ``folder``, the sandbox's ``data``, passwords by account name."""

    folder: Path
    data: Path
    passwords: Mapping[str, str]
    ledger: Ledger
    faults: Faults
    credit: int
    ports: Ports


class Site(ABC):
    """One pretend provider: its servers, and what takes the files.

    ``faults`` says for each name what it does; ``every`` is the pause in seconds between two looks.
    """

    slug: ClassVar[str]
    label: ClassVar[str]
    faults: ClassVar[Mapping[str, str]]
    every: ClassVar[float]

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    @abstractmethod
    async def open(self) -> None:
        """Start the servers. Raises CannotStart."""

    @abstractmethod
    async def close(self) -> None:
        """End the servers."""

    @abstractmethod
    def look(self, now: datetime) -> None:
        """Take what lies there at ``now`` (UTC). Called again and again, never twice at once, in a thread."""

    @abstractmethod
    def account(self, username: str) -> dict[str, Any]:
        """What the settings of an account need to log in, secrets included."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What people want to know: ``label``, where it listens, and ``accounts`` with credit and files. No secret."""
