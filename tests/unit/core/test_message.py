"""Messages as their receiver sees them."""

from typing import Any

import pytest

from svcfw.core.message import Message, has_parent_authority, shaped
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import CallError, ChannelError, DecodeError
from svcfw.core.wire.frames import DEAD, ERROR, Frame


class FakeRouter:
    """What a message needs of a router."""

    def __init__(self) -> None:
        self.own_id = 5
        self.parent_ids = (2, 0)
        self.codec = Codec()
        self.encode_for = lambda context_id, value: self.codec.encode(value)
        self.sent: list[Frame] = []
        self.send = self.sent.append


def message(value: Any = None, flags: int = 0, reply_to: int = 9, auth: int = 7, payload: bytes | None = None) -> Any:
    router = FakeRouter()
    return Message(
        router, Frame(5, 6, auth, 100, reply_to, flags, router.codec.encode(value) if payload is None else payload)
    )


def test_value_and_who_sent_it() -> None:
    got = message({'a': [1]})
    assert got.value() == {'a': [1]}
    assert (got.src_id, got.auth_id, got.handle, got.wants_reply(), got.is_dead) == (6, 7, 100, True, False)
    assert '6->5' in repr(got)


def test_a_dead_message_raises_its_reason() -> None:
    dead = message(flags=DEAD, payload='grünes\udcff'.encode('utf-8', 'surrogateescape'))
    assert dead.is_dead
    with pytest.raises(ChannelError, match='grünes'):
        dead.value()


def test_a_failed_call_raises_its_error() -> None:
    with pytest.raises(CallError, match='why'):
        message(CallError('x.Y', 'why', ''), ERROR).value()
    with pytest.raises(CallError, match='without an error'):
        message('no error', ERROR).value()


def test_nonsense_is_a_decode_error() -> None:
    with pytest.raises(DecodeError):
        message(payload=b'\xff\xff').value()


def test_answers_go_to_whom_asked_in_our_own_name() -> None:
    got = message()
    got.reply([1])
    got.fail(CallError('a', 'b', ''))
    got.refuse('no')
    frames = got.router.sent
    assert [(f.dst, f.src, f.auth, f.handle, f.reply_to, f.flags) for f in frames] == [
        (6, 5, 5, 9, 0, 0),
        (6, 5, 5, 9, 0, ERROR),
        (6, 5, 5, 9, 0, DEAD),
    ]


def test_no_answer_for_whom_wants_none_nor_to_the_dead() -> None:
    silent = message(reply_to=0)
    silent.reply(1)
    silent.fail(CallError('a', 'b', ''))
    silent.refuse('no')
    dead = message(flags=DEAD)
    dead.refuse('no')
    assert not silent.router.sent + dead.router.sent


@pytest.mark.parametrize(('auth', 'may'), [(5, True), (2, True), (0, True), (7, False), (6, False)])
def test_parent_authority(auth: int, may: bool) -> None:
    assert has_parent_authority(message(auth=auth)) is may


@pytest.mark.parametrize('value', [None, (), (1,), (1, 2), ('a', 1), [1, 'a'], (1, 'a', 2)])
def test_a_value_of_another_form_is_refused(value: Any) -> None:
    assert shaped((1, 'a'), (int, str)) == (1, 'a')
    with pytest.raises(DecodeError):
        shaped(value, (int, str))
