"""A TCP proxy between Baton and the servers: it breaks connections on demand.

It also reads FTP's control channel, so that the data connections go through the proxy as well.
"""

import asyncio
import contextlib
import random
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

HOST = "127.0.0.1"
_PASV = re.compile(rb"^227 .*\((\d+,\d+,\d+,\d+),(\d+),(\d+)\)")
_EPSV = re.compile(rb"^229 .*\(\|\|\|(\d+)\|\)")
_PIECE = 65536
# A data connection that is not picked up within this many seconds is dropped.
_DATA_WAITS = 60.0


@dataclass
class Fault:
    """What is done to the next ``connections`` of a ``channel`` (``control`` or ``data``).

    ``kind`` is reset, cut, stall or slow; it sets in once ``after`` bytes have passed in ``direction`` (``up`` to the
    server, ``down`` to Baton). ``seconds`` is how long a stall lasts, or the pause after each slow piece. ``before`` is
    the beginning of a reply at which it sets in, wherever that is.
    """

    kind: str
    direction: str
    channel: str = "control"
    after: int = 0
    seconds: float = 5.0
    connections: int = 1
    before: bytes = b""


class Door:
    """One port of the proxy, and the server behind it; its strikes are counted under ``name``.

    ``faults`` wait for new connections; ``sudden`` ones strike whatever passes next, even on a connection that is
    already open. A sudden fault may wait at several doors and strikes at one of them.
    """

    def __init__(self, target: int, is_ftp: bool, name: str = "") -> None:
        self.target = target
        self.is_ftp = is_ftp
        self.name = name
        self.port = 0
        self.faults: list[Fault] = []
        self.sudden: list[Fault] = []

    def take(self, channel: str) -> Fault | None:
        """The fault for this connection."""
        for fault in list(self.faults):
            if fault.channel == channel:
                fault.connections -= 1
                if fault.connections <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def take_sudden(self, channel: str, direction: str) -> Fault | None:
        """The fault for what passes now."""
        for fault in list(self.sudden):
            if (fault.channel, fault.direction) == (channel, direction):
                self.sudden.remove(fault)
                if fault.connections > 0:
                    fault.connections = 0
                    return fault
        return None


class Proxy:
    """All doors of a run, in a thread of its own: ``with Proxy() as proxy: port = proxy.open(target).port``."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        #: How often each fault really struck: ``gatewayapi data up reset``.
        self.struck: Counter[str] = Counter()
        # The event loop itself holds its tasks only weakly.
        self._tasks: set[asyncio.Task[None] | None] = set()

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    def open(self, target: int, is_ftp: bool = False, name: str = "") -> Door:
        """Listen on a new port for the server on port ``target``."""
        door = Door(target, is_ftp, name)
        asyncio.run_coroutine_threadsafe(self._listen(door), self._loop).result(timeout=10)
        return door

    async def _listen(self, door: Door) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._join(door, reader, writer, door.target, "control")

        server = await asyncio.start_server(serve, HOST, 0)
        door.port = server.sockets[0].getsockname()[1]

    async def _join(
        self,
        door: Door,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target: int,
        channel: str,
    ) -> None:
        fault = door.take(channel)
        self._tasks.add(task := asyncio.current_task())
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, target)
        except OSError:
            _reset(writer)
            return
        both = (writer, far_writer)
        rewrite = (lambda line: self._rewritten(door, line)) if door.is_ftp and channel == "control" else None
        up = self._pump(reader, far_writer, both, (door, channel, "up"), fault, None)
        down = self._pump(far_reader, writer, both, (door, channel, "down"), fault, rewrite)
        await asyncio.gather(up, down, return_exceptions=True)
        for each in both:
            each.close()
        self._tasks.discard(task)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        both: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        where: tuple[Door, str, str],
        fault: Fault | None,
        rewrite: Callable[[bytes], Awaitable[bytes]] | None,
    ) -> None:
        door, channel, direction = where
        if fault and fault.direction != direction:
            fault = None
        passed = 0
        try:
            while piece := await (reader.readline() if rewrite else reader.read(_PIECE)):
                if rewrite:
                    piece = await rewrite(piece)
                if fault is None and (fault := door.take_sudden(channel, direction)):
                    passed = 0
                if fault and _sets_in(fault, passed, piece):
                    self.struck[f"{door.name} {channel} {direction} {fault.kind}"] += 1
                    if not await _strike(fault, piece, max(0, fault.after - passed), writer, both):
                        return
                    fault = None
                else:
                    writer.write(piece)
                    await writer.drain()
                passed += len(piece)
        except OSError:
            # When one side is reset, the other is reset as well: no network turns a reset into a normal end.
            for each in both:
                _reset(each)
            return
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _rewritten(self, door: Door, line: bytes) -> bytes:
        if found := _PASV.match(line):
            port = await self._data(door, int(found[2]) * 256 + int(found[3]))
            return b"227 Entering Passive Mode (127,0,0,1,%d,%d).\r\n" % divmod(port, 256)
        if found := _EPSV.match(line):
            return b"229 Entering Extended Passive Mode (|||%d|)\r\n" % await self._data(door, int(found[1]))
        return line

    async def _data(self, door: Door, target: int) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            server.close()
            await self._join(door, reader, writer, target, "data")

        server = await asyncio.start_server(serve, HOST, 0)
        asyncio.get_running_loop().call_later(_DATA_WAITS, server.close)
        port: int = server.sockets[0].getsockname()[1]
        return port


def _sets_in(fault: Fault, passed: int, piece: bytes) -> bool:
    if fault.before:
        return piece.startswith(fault.before)
    return passed + len(piece) > fault.after


async def _strike(
    fault: Fault,
    piece: bytes,
    keep: int,
    writer: asyncio.StreamWriter,
    both: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
) -> bool:
    """Apply the fault to ``piece``; return whether the connection continues."""
    if keep and fault.kind != "slow":
        writer.write(piece[:keep])
        await writer.drain()
    if fault.kind == "stall":
        await asyncio.sleep(fault.seconds)
        writer.write(piece[keep:])
        await writer.drain()
        return True
    if fault.kind == "slow":
        step = max(1, len(piece) // 8)
        for start in range(0, len(piece), step):
            writer.write(piece[start : start + step])
            await writer.drain()
            await asyncio.sleep(fault.seconds / 8)
        return True
    for each in both:
        # A data connection that ends in the middle is reset: a normal end would mean a whole file.
        if fault.kind == "reset" or fault.channel == "data":
            _reset(each)
        else:
            each.close()
    return False


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def sudden_fault(text: str) -> Fault:
    """The fault that an arm names, such as ``data up reset``: it sets in at once, or some bytes later."""
    channel, direction, kind = text.split()
    after = random.choice((0, 0, random.randint(0, 250)))
    return Fault(kind, direction, channel, after, random.choice((1.0, 3.0, 8.0, 25.0)))


def any_fault(door: Door) -> Fault:
    """A random fault that fits a door: many set in about where a server confirms the whole file."""
    return Fault(
        random.choice(("reset", "cut", "cut", "stall", "slow")),
        random.choice(("up", "down")),
        random.choice(("control", "data")) if door.is_ftp else "control",
        random.choice((0, random.randint(0, 250), random.randint(150, 230), random.randint(0, 4000))),
        random.choice((1.0, 3.0, 8.0, 25.0)),
        random.choice((1, 1, 2)),
    )
