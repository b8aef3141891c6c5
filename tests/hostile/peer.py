"""A hostile target: speaks the wire from the child's side, without an agent. Run in place of a target's Python.

    peer.py BEHAVIOUR PYTHON [what the first stage starts a Python with]

It starts as any context does and states the facts of an agent; then it does what the function named BEHAVIOUR does.
Floods go on until the link is cut; who floods reads what it is answered, unless it says otherwise.
"""

from __future__ import annotations

import ast
import os
import re
import struct
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from svcfw.agent import ops
from svcfw.core import handles
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import Frame, pack_header
from svcfw.core.wire.limits import MAX_FRAME_BYTES
from svcfw.core.wire.link import Link
from svcfw.files.calls import SERVICE as FILES

FACTS = {'home': '/', 'user': 'evil', 'uid': 0, 'python': '', 'version': (3, 11, 0), 'shell': '/bin/sh'}
#: As much as is written at once.
CHUNK_BYTES = 256 * 1024


class Peer:
    """The child's end of a link. `id` is its own; `ids` are those that it may give to children."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.id: int = config['id']
        self.ids: tuple[int, int] = config['ids']
        self._codec = Codec()
        self._link = Link()
        self._frames: list[Any] = []
        os.write(1, config['marker'])

    def encode(self, value: Any) -> bytes:
        return self._codec.encode(value)

    def frame(self, handle: int, value: Any, *, reply_to: int = 0, dst: int = 0, src: int | None = None) -> bytes:
        payload = value if type(value) is bytes else self.encode(value)
        src = self.id if src is None else src
        return pack_header(Frame(dst, src, src, handle, reply_to, 0, payload)) + payload

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(1, data) :]

    def receive(self) -> Any:
        while not self._frames:
            data = os.read(0, CHUNK_BYTES)
            if not data:
                os._exit(0)
            self._frames += self._link.receive_data(data)
        return self._frames.pop(0)

    def be_up(self) -> None:
        """Answer the call that starts an agent."""
        while (asked := self.receive()).handle != handles.CALL_FUNCTION:
            pass
        self.send(self.frame(asked.reply_to, FACTS))

    def read_on(self) -> None:
        """Take what comes, and drop it."""

        def read() -> None:
            while os.read(0, CHUNK_BYTES):
                pass
            os._exit(0)

        threading.Thread(target=read, daemon=True).start()

    def flood(self, frames: Iterator[bytes]) -> None:
        self.read_on()
        chunk = bytearray()
        for frame in frames:
            chunk += frame
            if len(chunk) >= CHUNK_BYTES:
                self.send(bytes(chunk))
                chunk.clear()
        self.send(bytes(chunk))


def _numbers() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def nothing(peer: Peer) -> None:
    """Be quiet: what the others are compared with."""
    peer.flood(iter(()))
    threading.Event().wait()


def log_names(peer: Peer) -> None:
    """Log records, each from a logger of its own, at levels of its own."""
    peer.flood(peer.frame(handles.FORWARD_LOG, (30 + n, f'name{n}', 'text')) for n in _numbers())


def log_below_the_level(peer: Peer) -> None:
    """The same below the level that is logged."""
    peer.flood(peer.frame(handles.FORWARD_LOG, (-n, f'name{n}', 'text')) for n in _numbers())


def log_much(peer: Peer) -> None:
    """Records as long as they may be."""
    record = peer.frame(handles.FORWARD_LOG, (40, 'name', '\x1b' * 65536))
    peer.flood(record for _ in _numbers())


def forged_sources(peer: Peer) -> None:
    """Speak in the name of others."""
    peer.flood(peer.frame(handles.FORWARD_LOG, (40, 'root', 'x'), src=peer.id + 1_000_000) for _ in _numbers())


def siblings(peer: Peer) -> None:
    """Write to another target."""
    peer.flood(peer.frame(handles.AGENT, None, dst=peer.id + 100, reply_to=5) for _ in _numbers())


def nonsense(peer: Peer) -> None:
    """Payloads that are no value."""
    peer.flood(peer.frame(handles.ADD_ROUTE, b'\xff') for _ in _numbers())


def unknown_handles(peer: Peer) -> None:
    """Questions to nobody, each of which is answered."""
    question = peer.frame(77, None, reply_to=9)
    peer.flood(question for _ in _numbers())


def unknown_modules(peer: Peer) -> None:
    """Ask for modules that there are not."""
    peer.flood(peer.frame(handles.GET_MODULE, f'svcfw.none{n}', reply_to=9) for n in _numbers())


def modules(peer: Peer) -> None:
    """Ask for a module again and again."""
    question = peer.frame(handles.GET_MODULE, 'svcfw.service.pool', reply_to=9)
    peer.flood(question for _ in _numbers())


def modules_unread(peer: Peer) -> None:
    """The same, and read no answer."""
    question = peer.frame(handles.GET_MODULE, 'svcfw.service.pool', reply_to=9)
    while True:
        peer.send(question * 1000)


def empty_sets(peer: Peer) -> None:
    """Frames of 2 MB, a million empty sets each."""
    count = 1_000_000
    payload = b'\x11' + struct.pack('>I', count) + b'\x16\x00' * count
    sets = [peer.frame(handle, payload) for handle in (handles.FORWARD_LOG, handles.GET_MODULE, handles.ADD_ROUTE)]
    peer.flood(sets[n % 3] for n in _numbers())


def large_frames(peer: Peer) -> None:
    """Frames as large as the wire allows."""
    frame = peer.frame(77, bytes(MAX_FRAME_BYTES - 100))
    peer.flood(frame for _ in _numbers())


def parts_of_frames(peer: Peer) -> None:
    """Announce what never comes whole."""
    frame = peer.frame(77, bytes(8 * 1024 * 1024 - 100))
    peer.read_on()
    peer.send(frame[:-1])
    threading.Event().wait()


def routes(peer: Peer) -> None:
    """Invent descendants: all ids that are to be had, with long names."""
    ask = peer.frame(handles.ALLOCATE_ID, None, reply_to=9)
    first, last = peer.ids
    while True:
        for context_id in range(first, last + 1):
            peer.send(peer.frame(handles.ADD_ROUTE, (context_id, f'{context_id:0200}')))
        peer.send(ask)
        while (answer := peer.receive()).handle != 9:
            pass
        if answer.flags:
            break
        first, last = Codec().decode(answer.payload)
    peer.flood(peer.frame(handles.ADD_ROUTE, (n, 'x')) for n in _numbers())


def _linked(peer: Peer) -> int:
    """A context below that is said to be a module's; it may ask for nothing, but the multiplexer has its pool then."""
    first, _ = peer.ids
    peer.send(peer.frame(handles.ADD_ROUTE, (first, 'module')) + peer.frame(handles.AGENT, (ops.LINK, 1, first)))
    return first


def links(peer: Peer) -> None:
    """Say of a context again and again that it is a module's."""
    first = _linked(peer)
    peer.flood(peer.frame(handles.AGENT, (ops.LINK, n, first)) for n in _numbers())


def service_calls(peer: Peer) -> None:
    """Call services in a module's name."""
    first = _linked(peer)
    call = peer.encode(('office.Office', 'add', None, peer.encode({})))
    peer.flood(peer.frame(handles.CALL_SERVICE, call, src=first, reply_to=1000 + n % 1000) for n in _numbers())


def file_requests(peer: Peer) -> None:
    """Ask for files, by long names."""
    first = _linked(peer)
    look = peer.encode((FILES, 'look', None, peer.encode({'path': '/' + '../' * 4000})))
    peer.flood(peer.frame(handles.CALL_SERVICE, look, src=first, reply_to=1000 + n % 1000) for n in _numbers())


def acknowledgements(peer: Peer) -> None:
    """Acknowledge what was never sent."""
    peer.flood(peer.frame(handles.AGENT, n) for n in _numbers())


def failures(peer: Peer) -> None:
    """Report failures of what was never asked."""
    peer.flood(peer.frame(handles.AGENT, (n, ops.PUT, '/x', 1, 'no')) for n in _numbers())


def forged_lines(peer: Peer) -> None:
    """Words with lines in them that look like others'."""
    forged = 'so\r\n1999-01-01 00:00:00,000 ERROR svcfw.mux: good is lost\x1b[1A\x9b31m\u2028x'
    first = peer.ids[0]
    peer.send(peer.frame(handles.FORWARD_LOG, (30, forged, forged)))
    peer.send(peer.frame(handles.ADD_ROUTE, (first, forged)))
    peer.send(peer.frame(handles.FORWARD_LOG, (30, 'x', forged), src=first))
    peer.send(peer.frame(handles.DEL_ROUTE, (first, forged)))
    os.write(2, forged.encode() + b'\n')
    nothing(peer)


def asks_for_modules(peer: Peer) -> None:
    """Ask for each name in one file, and write the names of what comes into another."""
    got: set[str] = set()
    with open(os.environ['PEER_ASKS']) as asks:
        for name in asks.read().split():
            for value in (name, (name, ['__init__.py'], True)):
                handle = handles.GET_MODULE if value == name else handles.GET_DATA
                peer.send(peer.frame(handle, value, reply_to=9))
                while (answer := peer.receive()).handle != 9:
                    pass
                if answer.flags:
                    continue
                answered = Codec().decode(answer.payload)
                if handle == handles.GET_MODULE:
                    got.update(each[0] for each in answered if each[3] is not None)
                elif answered is not None:
                    got.add(f'{name}/__init__.py')
    with open(os.environ['PEER_GOT'] + '.new', 'w') as file:
        file.write('\n'.join(got))
    os.rename(os.environ['PEER_GOT'] + '.new', os.environ['PEER_GOT'])
    nothing(peer)


def prints(peer: Peer) -> None:
    """Lines without end."""
    peer.read_on()
    while True:
        os.write(2, b'\x1b[2K\n' * 20000)


#: What one hostile host does to all that are served by the same multiplexer.
FLOODS: dict[str, Callable[[Peer], None]] = {
    function.__name__: function
    for function in (
        nothing, log_names, log_below_the_level, log_much, forged_sources, siblings, nonsense, unknown_handles,
        unknown_modules, modules, modules_unread, empty_sets, large_frames, parts_of_frames, routes,
        links, service_calls, file_requests, acknowledgements, failures, forged_lines, prints,
    )
}  # fmt: skip
BEHAVIOURS = {**FLOODS, **{function.__name__: function for function in (asks_for_modules,)}}


def main(behaviour: str, python: str, arguments: list[str]) -> None:
    size = re.search(r'len\(b\)<(\d+)', ' '.join(arguments))
    if size is None:  # it is only tried out
        os.execv(python, [python, *arguments])
    os.nice(19)  # a target is another machine: its part of the CPU is not to count
    data = b''
    while len(data) < int(size.group(1)):
        data += os.read(0, int(size.group(1)) - len(data)) or sys.exit(9)
    unpacker = zlib.decompressobj()
    unpacker.decompress(data)
    peer = Peer(ast.literal_eval(unpacker.unused_data.decode().strip()))
    peer.be_up()
    BEHAVIOURS[behaviour](peer)


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
