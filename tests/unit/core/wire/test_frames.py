import struct
import tracemalloc

import pytest

from svcfw.core.wire import limits
from svcfw.core.wire.errors import FrameError
from svcfw.core.wire.frames import DEAD, ERROR, HEADER, HEADER_BYTES, MAGIC, VERSION, Frame, FrameReader, pack_header


def fields(frame):
    return [getattr(frame, name) for name in ('dst', 'src', 'auth', 'handle', 'reply_to', 'flags', 'payload')]


def packed(frame):
    return pack_header(frame) + frame.payload


def header(*, magic=MAGIC, version=VERSION, flags=0, size=0):
    return HEADER.pack(magic, version, flags, 1, 2, 3, 4, 5, size)


FRAME = Frame(1, 2, 3, 4, 5, DEAD | ERROR, b'payload')


def test_the_layout_is_fixed():
    assert HEADER_BYTES == 28
    assert (
        packed(FRAME) == bytes.fromhex('5677 01 03 00000001 00000002 00000003 00000004 00000005 00000007') + b'payload'
    )


def test_one_read_may_hold_many_frames_and_the_start_of_the_next():
    data = packed(FRAME) + packed(Frame(9, 8, 7, 6)) + packed(FRAME)
    reader = FrameReader()
    assert [fields(frame) for frame in reader.feed(data[:-1])] == [fields(FRAME), [9, 8, 7, 6, 0, 0, b'']]
    (last,) = reader.feed(data[-1:])
    assert fields(last) == fields(FRAME)
    assert reader.feed(b'') == []


def test_payloads_are_bytes_however_they_arrive():
    reader = FrameReader()
    reader.feed(packed(FRAME)[:30])
    (frame,) = reader.feed(packed(FRAME)[30:])
    assert type(frame.payload) is bytes


def test_the_largest_ids_travel():
    frame = Frame(*[0xFFFFFFFF] * 5)
    assert fields(FrameReader().feed(packed(frame))[0]) == fields(frame)


@pytest.mark.parametrize(
    'data',
    [
        header(magic=0x5353),
        header(version=VERSION + 1),
        header(flags=0x80),
        header(size=limits.MAX_FRAME_BYTES + 1),
        header(size=0xFFFFFFFF),
        b'Welcome to Ubuntu 24.04 LTS!',
    ],
)
def test_a_bad_header_is_an_error_as_soon_as_it_is_complete(data):
    reader = FrameReader()
    assert reader.feed(data[:27]) == []
    with pytest.raises(FrameError):
        reader.feed(data[27:])
    with pytest.raises(FrameError):
        FrameReader().feed(packed(FRAME) + data)


def test_what_is_announced_is_not_allocated():
    reader = FrameReader()
    tracemalloc.start()
    try:
        reader.feed(header(size=limits.MAX_FRAME_BYTES))
        for _ in range(10):
            reader.feed(b'x' * 1000)
        assert tracemalloc.get_traced_memory()[1] < 10_000 + limits.READ_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    'frame', [Frame(-1, 0, 0, 0), Frame(0, 1 << 32, 0, 0), Frame(0, 0, 0, 'x'), Frame(0, 0, 0, 0, 0, 256)]
)
def test_fields_that_do_not_fit(frame):
    with pytest.raises(FrameError) as info:
        pack_header(frame)
    assert isinstance(info.value.__cause__, struct.error)


def test_a_payload_that_is_too_large():
    with pytest.raises(FrameError, match='limit'):
        pack_header(Frame(0, 0, 0, 0, 0, 0, bytes(limits.MAX_FRAME_BYTES + 1)))


def test_repr_does_not_show_the_payload():
    assert 'payload' not in repr(FRAME)
    assert '7 bytes' in repr(FRAME)
