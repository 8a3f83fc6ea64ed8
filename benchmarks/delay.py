"""Passes connections on with a delay: ``python -m benchmarks.delay TARGET_PORT MILLISECONDS`` prints its own port."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

HOST = "127.0.0.1"
#: Bytes read at a time, and such pieces under way in each direction: more than 8 channels of SSH fill.
PIECE, MOST_PIECES = 65_536, 1_024


@contextmanager
def delayed(port: int, milliseconds: float) -> Iterator[int]:
    """The port of a proxy, in a process of its own, whose round trips take so many milliseconds longer."""
    command = [sys.executable, "-m", "benchmarks.delay", str(port), str(milliseconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def serve(target: int, seconds: float) -> None:
    """Serve until killed; each direction takes ``seconds``."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, target)
        await asyncio.gather(pass_on(reader, back, seconds), pass_on(there, writer, seconds), return_exceptions=True)

    server = await asyncio.start_server(accept, HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass on everything that ``reader`` gets, each piece ``seconds`` later."""
    clock = asyncio.get_running_loop().time
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MOST_PIECES)

    async def read() -> None:
        while piece := await reader.read(PIECE):
            await pieces.put((clock() + seconds, piece))
        await pieces.put((clock() + seconds, b""))

    reading = asyncio.create_task(read())
    while True:
        due, piece = await pieces.get()
        await asyncio.sleep(due - clock())
        if not piece:
            break
        writer.write(piece)
        await writer.drain()
    await reading
    writer.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 2000))
