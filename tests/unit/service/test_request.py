"""What a message says of a call, and what is refused of it."""

from typing import Any

import pytest

from svcfw.core.message import Message
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import ChannelError, DecodeError
from svcfw.core.wire.frames import DEAD, Frame
from svcfw.service.request import Envelope


class Router:
    codec = Codec()


def message(value: Any, flags: int = 0) -> Any:
    payload = value if flags else Router.codec.encode(value)
    return Message(Router(), Frame(0, 5, 5, 110, 77, flags, payload))


def test_it_has_what_the_caller_has_said() -> None:
    envelope = Envelope(message(('a.B', 'run', 2.5, b'encoded')), 10.0)
    assert (envelope.service, envelope.method, envelope.arguments) == ('a.B', 'run', b'encoded')
    assert envelope.deadline == 12.5
    assert envelope.origin == (5, 77)


def test_a_call_without_a_deadline() -> None:
    assert Envelope(message(('a.B', 'run', None, b'')), 10.0).deadline is None


@pytest.mark.parametrize(
    'value',
    [
        None,
        'text',
        ('a.B', 'run', None),
        ('a.B', 'run', None, b'', 1),
        ['a.B', 'run', None, b''],
        (b'a.B', 'run', None, b''),
        ('a.B', 7, None, b''),
        ('a.B', 'run', None, {'a': 1}),
        ('a.B', 'run', 'soon', b''),
        ('a.B', 'run', True, b''),
    ],
)
def test_a_malformed_one(value: Any) -> None:
    with pytest.raises(DecodeError, match='malformed service call'):
        Envelope(message(value), 0.0)


def test_a_dead_message_is_none() -> None:
    with pytest.raises(ChannelError, match='it is gone'):
        Envelope(message(b'it is gone', DEAD), 0.0)
