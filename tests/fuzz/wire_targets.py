"""Fuzz targets: bytes of the wire as every context reads them."""

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import DecodeError, FrameError, ProtocolError
from svcfw.core.wire.frames import FrameReader
from svcfw.core.wire.limits import MAX_NOISE_BYTES
from svcfw.core.wire.link import Link, Noise
from svcfw.transport import messages
from svcfw.transport.dialogue import STDERR, STDOUT, TTY, LoginDialogue, Send
from tests.fuzz.choices import Choices
from tests.property.wire_values import shape

_CODEC = Codec()
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
