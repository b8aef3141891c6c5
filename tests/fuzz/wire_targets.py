"""Fuzz targets: bytes of the wire as every context reads them."""

from typing import Any

from svcfw.core.sealed import child as sealed_child
from svcfw.core.sealed.seal import Seal
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import DecodeError, FrameError, LinkError, ProtocolError
from svcfw.core.wire.frames import Frame, FrameReader, pack_header
from svcfw.core.wire.limits import MAX_NOISE_BYTES
from svcfw.core.wire.link import Link, Noise
from svcfw.transport import messages
from svcfw.transport.dialogue import STDERR, STDOUT, TTY, LoginDialogue, Send
from tests.fuzz.choices import Choices
from tests.property.wire_values import shape

_CODEC = Codec()
_KEY, _OWN, _ABOVE = bytes(32), 7, 2
_FIELDS = ('dst', 'src', 'auth', 'handle', 'reply_to', 'flags', 'payload')
PASSWORD = b'the password'


def codec(data: bytes) -> None:
    """A value that comes back as it was, or DecodeError."""
    try:
        value = _CODEC.decode(data)
    except DecodeError:
        return
    assert shape(_CODEC.decode(_CODEC.encode(value))) == shape(value)


def frames(data: bytes) -> None:
    """The same frames however the stream is cut, and never more than has come."""
    pieces = Choices(data).pieces()
    whole = b''.join(pieces)
    try:
        at_once = FrameReader(65536).feed(whole)
    except FrameError:
        at_once = None
    reader, found = FrameReader(65536), []
    try:
        for piece in pieces:
            found += reader.feed(piece)
    except FrameError:
        assert at_once is None
        return
    assert at_once is not None
    assert [(each.handle, each.payload) for each in found] == [(each.handle, each.payload) for each in at_once]
    assert sum(len(each.payload) for each in found) <= len(whole)


def bootstrap(data: bytes) -> None:
    """What a login writes before, with and after the marker of a child."""
    link, noise = Link(b'MARKER', 65536), 0
    try:
        for piece in Choices(data).pieces():
            for event in link.receive_data(piece):
                noise += len(event.data) if isinstance(event, Noise) else 0
                assert noise <= MAX_NOISE_BYTES
        link.receive_eof()
    except ProtocolError:
        pass


def sealed(data: bytes) -> None:
    """Frames to a context of another account, some of the controller's, some of anybody's: what has authority is the
    controller's, as it was sent, and came once."""
    choices = Choices(data)
    controller, (_, link) = Seal(_KEY, _OWN), sealed_child.start({'key': _KEY, 'id': _OWN, 'parents': (_ABOVE, 0)})
    said: list[Frame] = []
    expected: set[tuple[Any, ...]] = set()
    while choices:
        kind = choices.byte() % 5
        if kind == 0 and said:
            frame = choices.of(said)  # as it was or with another field, perhaps again
            frame = Frame(*(getattr(frame, name) for name in _FIELDS))
            name = choices.of((*_FIELDS, ''))
            if name == 'payload':
                frame.payload = choices.take(1) + frame.payload[1:]
            elif name:
                setattr(frame, name, choices.byte() % 4)
        else:
            numbers = [choices.byte() % 4 for _ in range(4)]
            frame = Frame(_OWN + numbers[0], numbers[1], numbers[2], 120, 5, numbers[3], choices.bytes())
            if kind > 1:
                content = shown(frame)
                frame.payload = controller.sealed(frame, kind & 1)
                said.append(frame)
                expected.add((*content, frame.payload[-40:-32]))
            if kind == 4:
                continue  # somebody has kept it
        number = frame.payload[-40:-32]
        try:
            arrived = link.receive_data(pack_header(frame) + frame.payload)
        except LinkError:
            return
        for each in arrived:
            if each.auth != sealed_child.NOBODY:
                expected.remove((*shown(each), number))


def shown(frame: Frame) -> tuple[Any, ...]:
    return tuple([getattr(frame, name) for name in _FIELDS if name != 'reply_to'])


def dialogue(data: bytes) -> None:
    """What a login asks; the password goes to the terminal that has asked for it, once, and nowhere else."""
    choices = Choices(data)
    made = LoginDialogue('web1', messages.SSH, {'password': PASSWORD}, 'me', lambda: ('web1.example.org',))
    sent = 0
    while choices:
        source, text = choices.of((STDOUT, STDERR, TTY)), choices.bytes()
        for action in made.receive(source, text):
            if isinstance(action, Send) and PASSWORD in action.data:
                sent += 1
                assert source == TTY
    assert sent <= 1
    str(made.ended(choices.number() % 256))
    str(made.timed_out(1))
