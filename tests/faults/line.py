"""A TCP line to a host that can be held, so that nothing passes, and cut, with a reset at both ends."""

import contextlib
import socket
import struct
import threading

from tests.support.sshd import LOOPBACK, free_port

_READ_BYTES = 65536
#: A close that sends a reset.
_AT_ONCE = struct.pack('ii', 1, 0)


class Line:
    """Listens on `port` of the loopback and joins each connection to `address` and `to_port`, in threads of its own."""

    def __init__(self, address: str, to_port: int) -> None:
        self.port = free_port(LOOPBACK)
        self._to = address, to_port
        self._passes = threading.Event()
        self._passes.set()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server((LOOPBACK, self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        """Pass nothing on until `release`; what arrives is kept."""
        self._passes.clear()

    def release(self) -> None:
        self._passes.set()

    def cut(self) -> None:
        """Reset all connections; new ones may be made."""
        with self._lock:
            cut, self._sockets = self._sockets, set()
        for each in cut:
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                each.shutdown(socket.SHUT_RD)  # wakes the thread that reads
        self.release()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RD)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._to)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._sockets |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_READ_BYTES):
                self._passes.wait()
                sink.sendall(data)
        with self._lock:
            was_cut = source not in self._sockets
            self._sockets.discard(source)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR if was_cut else socket.SHUT_WR)
        source.close()
