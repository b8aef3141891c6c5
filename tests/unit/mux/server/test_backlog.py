"""Requests that wait for their turn: in order, decoded when it comes, and bounded."""

from typing import Any

import pytest

from svcfw.agent import ops, requests
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import DecodeError
from svcfw.core.wire.frames import Frame
from svcfw.mux import protocol
from svcfw.mux.server.backlog import MAX_BACKLOG_BYTES, Backlog, ClientRequest

codec = Codec()


class Stream:
    def __init__(self) -> None:
        self.paused = 0

    def pause_reading(self) -> None:
        self.paused += 1

    def resume_reading(self) -> None:
        self.paused -= 1


def frame(number: int, value: Any) -> Frame:
    return Frame(0, 0, 0, protocol.REQUEST, number, 0, codec.encode(value))


def fetch(number: int, path: str = '/x') -> Frame:
    return frame(number, (b'link', None, 10, ops.FETCH, (path,)))


def test_they_come_in_their_order() -> None:
    backlog, stream = Backlog(codec), Stream()
    for number in (3, 0, 5):
        backlog.put(fetch(number, f'/{number}'), stream)  # type: ignore[arg-type]
    assert len(backlog) == 3
    taken = [backlog.take(stream) for _ in range(3)]  # type: ignore[arg-type]
    assert [(each.number, each.is_waited_for) for each in taken] == [(3, True), (0, False), (5, True)]
    assert [each.content.values() for each in taken] == [('/3',), ('/0',), ('/5',)]
    assert (len(backlog), backlog.size_bytes, stream.paused) == (0, 0, 0)


def test_a_long_one_stops_the_client_until_it_is_done() -> None:
    backlog, stream = Backlog(codec), Stream()
    for _ in range(3):
        backlog.put(fetch(1, 'x' * MAX_BACKLOG_BYTES), stream)  # type: ignore[arg-type]
    for paused in (1, 1, 0):
        assert stream.paused == 1
        backlog.take(stream)  # type: ignore[arg-type]
        assert stream.paused == paused


def test_the_rest_can_be_dropped() -> None:
    backlog = Backlog(codec)
    backlog.put(fetch(1), Stream())  # type: ignore[arg-type]
    backlog.clear()
    assert len(backlog) == 0


def test_a_request_is_one_of_those_that_clients_have() -> None:
    request = ClientRequest(1, (b'link', b'key', 10, ops.FLUSH, ()))
    assert isinstance(request.content, requests.Flush)
    assert (request.link, request.become_key, request.timeout_s, request.was_stale) == (b'link', b'key', 10, False)


@pytest.mark.parametrize('value', [(b'l', None, 10, 'end', ()), (b'l', None, 10, ops.FETCH, (7,)), (b'l', None), 'no'])
def test_nothing_else_is(value: Any) -> None:
    backlog, stream = Backlog(codec), Stream()
    backlog.put(frame(1, value), stream)  # type: ignore[arg-type]
    with pytest.raises((DecodeError, ValueError)):
        backlog.take(stream)  # type: ignore[arg-type]
