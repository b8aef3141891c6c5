"""Parts of frames: whoever holds most of them is cut off when all together are too much."""

import pytest

from svcfw.core.parent.assembly import AssembledLink, Assembly
from svcfw.core.wire.errors import LinkError
from svcfw.core.wire.frames import Frame, pack_header


class Child:
    """A link, and what becomes of it."""

    def __init__(self, assembly: Assembly) -> None:
        self.link = AssembledLink(assembly, None, 10_000, {})
        self.ended = ''
        self.link.end = self._end

    def _end(self, reason: str) -> None:
        self.ended = reason
        self.link.forget()

    def begin(self, size: int, held: int) -> None:
        self.link.receive_data(pack_header(Frame(0, 1, 1, 5, 0, 0, bytes(size))) + bytes(held))


def test_the_one_that_holds_most_is_cut_off() -> None:
    assembly = Assembly(1000)
    large, small, last = Child(assembly), Child(assembly), Child(assembly)
    large.begin(9000, 600)
    small.begin(9000, 390)
    last.begin(9000, 100)
    assert 'hold 1000 bytes here, of which this one most' in large.ended
    assert not small.ended
    assert not last.ended
    with pytest.raises(LinkError, match='of which this one most'):
        small.link.receive_data(bytes(600))
    last.link.receive_data(bytes(800))


def test_what_is_for_one_with_a_seal_is_sealed() -> None:
    class Fake:
        def sealed(self, frame: Frame) -> bytes:
            return b'sealed ' + frame.payload

    link = AssembledLink(Assembly(), None, 10_000, {7: Fake()})
    for dst, payload in ((7, b'sealed words'), (8, b'words')):
        frame = Frame(dst, 0, 0, 5, 0, 0, b'words')
        header = link.frame_header(frame)
        assert (frame.payload, header) == (payload, pack_header(frame))


def test_what_is_whole_counts_no_more() -> None:
    assembly = Assembly(1000)
    one, other = Child(assembly), Child(assembly)
    for _ in range(5):
        one.begin(900, 800)
        [frame] = one.link.receive_data(bytes(100))
        assert len(frame.payload) == 900
    other.begin(9000, 900)
    other.link.forget()
    one.begin(9000, 900)
    assert not one.ended
