"""One look at an account's folders for many batches: each folder is listed once, each file read once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.errors import Trouble
from providers.transports.files import Entry, ReadFiles

# At most this many bytes of files are kept; beyond that a file is downloaded for each batch that asks for it.
_KEPT_BYTES = 50_000_000


@dataclass
class SharedRemote:
    """An open FTP or SFTP remote, for polls that only read: listings and contents are kept while it is open.

    ``stems`` are those of the batches to poll; files whose names contain none of them may be left out of a listing
    that asks for one of them. ``listed_at`` is when this host's first listing began, in UTC, None before it.
    ``already_read`` is set again for each batch. Other methods and attributes are those of ``remote``.
    """

    remote: Any
    stems: Sequence[str]
    clock: Callable[[], datetime]
    opened: ExitStack
    listed_at: datetime | None = None
    already_read: ReadFiles = field(default_factory=ReadFiles)
    _listings: dict[tuple[str, bool], list[Entry]] = field(default_factory=dict)
    _kept_bytes: int = 0
    _bodies: dict[tuple[str, int], bytes | None] = field(default_factory=dict)
    _others: dict[str, "SharedRemote | Trouble"] = field(default_factory=dict)

    def forget(self) -> None:
        """Drop listings and contents, of every host, so that what is shown next is new. Connections stay open."""
        self.listed_at = None
        self._listings.clear()
        self._drop_bodies()
        for other in self._others.values():
            if isinstance(other, SharedRemote):
                other.forget()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.remote, name)

    def listdir(self, folder: str = "", containing: str = "") -> list[Entry]:
        """As the remote's ``listdir``, but each folder is listed only once."""
        if containing and containing not in self.stems:
            self._drop_bodies()
            return list(self.remote.listdir(folder, containing))
        key = (folder, bool(containing))
        if key not in self._listings:
            self.listed_at = self.listed_at or self.clock()
            # A content read before may be older than what this listing shows.
            self._drop_bodies()
            self._listings[key] = self.remote.listdir(folder, tuple(self.stems) if containing else "")
        return [entry for entry in self._listings[key] if containing in entry.name]

    def read(self, path: str, at_most: int) -> bytes | None:
        """As the remote's ``read``, but each file is downloaded only once, as long as there is room to keep it."""
        if (path, at_most) in self._bodies:
            return self._bodies[path, at_most]
        body: bytes | None = self.remote.read(path, at_most)
        self._kept_bytes += len(body or b"")
        if self._kept_bytes <= _KEPT_BYTES:
            self._bodies[path, at_most] = body
        return body

    def _drop_bodies(self) -> None:
        self._bodies.clear()
        self._kept_bytes = 0

    @contextmanager
    def on(self, host_label: str) -> Iterator["SharedRemote"]:
        """As the remote's ``on``, but each host is connected to only once, whether it answers or not."""
        if host_label not in self._others:
            try:
                other = self.opened.enter_context(self.remote.on(host_label))
            except Trouble as trouble:
                self._others[host_label] = trouble
            else:
                self._others[host_label] = SharedRemote(other, self.stems, self.clock, self.opened)
        found = self._others[host_label]
        if isinstance(found, Trouble):
            raise found
        yield found


@contextmanager
def shared(remote: Any, stems: Sequence[str], clock: Callable[[], datetime]) -> Iterator[Any]:
    """Yield ``remote`` for polling the batches with these stems; unchanged if it has no folders."""
    if not hasattr(remote, "listdir"):
        yield remote
        return
    with ExitStack() as opened:
        yield SharedRemote(remote, stems, clock, opened)
