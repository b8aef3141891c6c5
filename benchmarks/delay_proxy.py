"""A TCP proxy that delays each direction by a fixed time and keeps the order: a long line, on one machine.

`python -m benchmarks.delay_proxy 127.0.0.1:2222 10.0.0.1:22 25` prints `ready` and listens until it is ended. With a
fourth argument it passes on that many Mbit/s for each connection and direction, and queues what comes faster without
bound, as a bad router does; without (0), bandwidth is that of the machine. A fifth is a file that from then on holds
how many bytes have been passed on in each direction, first to the server, and how often something went there after
something had come back; as integers of 8 bytes in the machine's order.
"""

import asyncio
import math
import mmap
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

READ_BYTES = 256 * 1024


#: One chunk where there is a rate: 1 ms at 100 Mbit/s.
PACED_BYTES = 12_500


def uncounted(n: int) -> None:
    """In the place of a counter."""


def counters(path: Path) -> tuple[Callable[[int], None], Callable[[int], None]]:
    """Functions that add to the numbers which the file holds: 0 at first."""
    path.write_bytes(bytes(24))
    with path.open('r+b') as file:
        totals = memoryview(mmap.mmap(file.fileno(), 24)).cast('Q')
    came_back = False

    def count_there(n: int) -> None:
        nonlocal came_back
        totals[0] += n
        totals[2] += came_back
        came_back = False

    def count_back(n: int) -> None:
        nonlocal came_back
        totals[1] += n
        came_back = True

    return count_there, count_back


async def forward(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    delay_s: float,
    rate: float,
    count: Callable[[int], None] = uncounted,
) -> None:
    """Copy `reader` to `writer`, each chunk `delay_s` after it arrived, `rate` bytes a second; then close `writer`."""
    clock = asyncio.get_running_loop().time
    free_at = 0.0
    waiting: deque[tuple[float, bytes]] = deque()
    arrived = asyncio.Event()

    async def receive() -> None:
        nonlocal free_at
        while True:
            chunk = await reader.read(READ_BYTES if math.isinf(rate) else PACED_BYTES)
            free_at = max(free_at, clock()) + len(chunk) / rate
            waiting.append((free_at + delay_s, chunk))
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
            count(len(chunk))
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        receiving.cancel()
        writer.close()


async def serve(
    listen: tuple[str, int],
    to: tuple[str, int],
    delay_s: float,
    rate: float = math.inf,
    count_there: Callable[[int], None] = uncounted,
    count_back: Callable[[int], None] = uncounted,
) -> None:
    """Accept connections on `listen` for ever and join each with one to `to`; `rate` is bytes a second."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(
            forward(reader, far_writer, delay_s, rate, count_there),
            forward(far_reader, writer, delay_s, rate, count_back),
        )

    server = await asyncio.start_server(accept, *listen, limit=READ_BYTES)
    print('ready', flush=True)
    await server.serve_forever()


def address(text: str) -> tuple[str, int]:
    """'host:port' -> (host, port)."""
    host, _, port = text.rpartition(':')
    return host, int(port)


def main() -> None:
    listen, to, delay_ms, *more = sys.argv[1:]
    rate = float(more[0]) * 1e6 / 8 if more else 0
    counts = counters(Path(more[1])) if len(more) > 1 else (uncounted, uncounted)
    try:
        asyncio.run(serve(address(listen), address(to), float(delay_ms) / 1000, rate or math.inf, *counts))
    except KeyboardInterrupt:
        pass


if __name__ == '__main__':
    main()
