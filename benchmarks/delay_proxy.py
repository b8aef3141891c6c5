"""A TCP proxy that delays each direction by a fixed time and keeps the order: a long line, on one machine.

`python -m benchmarks.delay_proxy 127.0.0.1:2222 10.0.0.1:22 25` prints `ready` and listens until it is ended. Chunks
are delayed, not paced: bandwidth is that of the machine.
"""

import asyncio
import sys
from collections import deque

READ_BYTES = 256 * 1024


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Copy `reader` to `writer`, each chunk `delay_s` after it arrived; closes `writer` at the end."""
    clock = asyncio.get_running_loop().time
    waiting: deque[tuple[float, bytes]] = deque()
    arrived = asyncio.Event()

    async def receive() -> None:
        while True:
            chunk = await reader.read(READ_BYTES)
            waiting.append((clock() + delay_s, chunk))
            arrived.set()
            if not chunk:
                return

    receiving = asyncio.create_task(receive())
    try:
        while True:
            while not waiting:
                arrived.clear()
                await arrived.wait()
            due, chunk = waiting.popleft()
            await asyncio.sleep(due - clock())
            if not chunk:
                break
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        receiving.cancel()
        writer.close()


async def serve(listen: tuple[str, int], to: tuple[str, int], delay_s: float) -> None:
    """Accept connections on `listen` for ever and join each with one to `to`."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(forward(reader, far_writer, delay_s), forward(far_reader, writer, delay_s))

    server = await asyncio.start_server(accept, *listen, limit=READ_BYTES)
    print('ready', flush=True)
    await server.serve_forever()


def address(text: str) -> tuple[str, int]:
    """'host:port' -> (host, port)."""
    host, _, port = text.rpartition(':')
    return host, int(port)


if __name__ == '__main__':
    try:
        asyncio.run(serve(address(sys.argv[1]), address(sys.argv[2]), float(sys.argv[3]) / 1000))
    except KeyboardInterrupt:
        pass
