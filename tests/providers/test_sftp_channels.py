"""Several files at once over one SFTP connection."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from providers.errors import Trouble, Unclear
from providers.transports.sftp import SftpRemote, SftpTransport
from tests.providers import servers
from tests.waiting import wait_until


def test_channels_write_at_once_and_a_server_may_allow_few(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    bodies = [os.urandom(300_000) for _ in range(2)]
    with (
        servers.openssh(tmp_path, request.node.nodeid, lines=("MaxSessions 2",)) as server,
        SftpTransport.connect(server.settings()) as remote,
    ):
        second = remote.another()
        assert second
        assert remote.another() is None
        with ThreadPoolExecutor(2) as threads:
            written = [threads.submit(one.create, f"{n}.zip", bodies[n]) for n, one in enumerate((remote, second))]
            for future in written:
                future.result()
        assert [(server.home / f"{n}.zip").read_bytes() for n in range(2)] == bodies


class Stalling(asyncssh.SFTPServer):
    """Never confirms what is written to a file whose name begins with ``stalled``; ``writes`` counts that."""

    stalled: set[int]
    writes: int

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        opened = super().open(path, pflags, attrs)
        if path.startswith((b"stalled", b"/stalled")):
            type(self).stalled.add(id(opened))
        return opened

    async def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        if id(file_obj) in type(self).stalled:
            type(self).writes += 1
            await asyncio.sleep(3600)
        written: int = super().write(file_obj, offset, data)  # type: ignore[assignment]
        return written


@pytest.fixture
def stalling() -> type[Stalling]:
    return type("OwnStalling", (Stalling,), {"stalled": set(), "writes": 0})


def trouble_of(call: Callable[[], object]) -> Trouble | None:
    try:
        call()
    except Trouble as trouble:
        return trouble
    return None


def test_a_file_that_is_not_confirmed_in_time_leaves_the_other_channels_alone(
    tmp_path: Path, stalling: type[Stalling]
) -> None:
    with (
        servers.asyncssh_server(tmp_path / "home", stalling) as server,
        SftpTransport.connect(server.settings(reply_seconds=1)) as remote,
    ):
        second = remote.another()
        assert second
        with pytest.raises(Unclear):
            second.create("stalled.zip", b"x" * 100)
        remote.create("other.zip", b"whole")
        assert (server.home / "other.zip").read_bytes() == b"whole"


def test_when_the_connection_breaks_every_file_on_it_is_unclear(tmp_path: Path, stalling: type[Stalling]) -> None:
    with (
        servers.asyncssh_server(tmp_path / "home", stalling) as server,
        SftpTransport.connect(server.settings()) as remote,
        ThreadPoolExecutor(3) as threads,
    ):
        channels = [remote, remote.another(), remote.another()]
        found = [
            threads.submit(trouble_of, lambda one=one, n=n: one.create(f"stalled{n}.zip", b"x"))  # type: ignore[misc]
            for n, one in enumerate(channels)
        ]
        wait_until(lambda: stalling.writes == 3, "all three are being written")
        remote._transport.close()
        assert [type(future.result(timeout=10)) for future in found] == [Unclear] * 3
        assert remote.another() is None


@pytest.mark.parametrize(
    ("seconds", "reply_seconds", "most"),
    [(0.0, 20, 8), (0.2, 20, 8), (1.25, 20, 8), (2.5, 20, 4), (6, 20, 1), (60, 20, 1), (0.5, 5, 5)],
)
def test_a_slow_link_carries_fewer_files_at_once(seconds: float, reply_seconds: float, most: int) -> None:
    remote = SftpRemote({"reply_seconds": reply_seconds}, None, None)  # type: ignore[arg-type]

    assert remote.most_at_once(seconds) == most
