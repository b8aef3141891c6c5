"""However a stream is split, the same frames, noise and events come of it."""

from hypothesis import given
from hypothesis import strategies as st

from svcfw.core.wire.errors import ProtocolError
from svcfw.core.wire.frames import HEADER_BYTES, Frame, FrameReader, pack_header
from svcfw.core.wire.link import FAILED, Goodbye, Link, Noise, Ready
from tests.property.wire_values import cut, places

u32 = st.integers(0, 0xFFFFFFFF)
frames = st.lists(
    st.builds(Frame, u32, u32, u32, u32, u32, st.sampled_from([0, 1, 2, 3]), st.binary(max_size=100)), max_size=6
)


def fields(frame):
    return [getattr(frame, name) for name in Frame.__slots__]


def stream_of(sent):
    return b''.join(pack_header(frame) + frame.payload for frame in sent)


@given(frames, places)
def test_frames_survive_any_split(sent, where):
    reader = FrameReader()
    arrived = [frame for piece in cut(stream_of(sent), where) for frame in reader.feed(piece)]
    assert list(map(fields, arrived)) == list(map(fields, sent))


@given(frames)
def test_a_frame_comes_with_its_last_byte(sent):
    reader = FrameReader()
    arrived = 0
    for frame in sent:
        data = pack_header(frame) + frame.payload
        for i in range(len(data) - 1):
            assert reader.feed(data[i : i + 1]) == []
        arrived += len(reader.feed(data[-1:]))
    assert arrived == len(sent)


#: Few letters, so that noise often looks like the start of a marker.
letters = st.text('ab', max_size=30).map(str.encode)


@given(letters, letters.filter(bool), frames, st.booleans(), places)
def test_a_whole_link_survives_any_split(noise, marker, sent, leaves, where):
    data = noise + marker + stream_of(sent)
    at = data.index(marker)
    if at != len(noise):
        # The marker stood earlier than meant: what follows it is then no frame.
        data = data[: at + len(marker)]
        sent = []
    if leaves:
        data += Link().goodbye()
    link = Link(marker)
    events = [event for piece in cut(data, where) for event in link.receive_data(piece)]
    assert b''.join(event.data for event in events if isinstance(event, Noise)) == data[:at]
    after = [event for event in events if not isinstance(event, Noise)]
    assert isinstance(after[0], Ready)
    assert [isinstance(event, Goodbye) for event in after[1:]] == [False] * len(sent) + [True] * leaves
    assert [fields(event) for event in after[1:] if isinstance(event, Frame)] == list(map(fields, sent))
    assert link.receive_eof().clean is leaves


@given(st.binary(max_size=300), st.booleans(), places)
def test_any_bytes_give_events_or_a_protocol_error(data, valid_start, where):
    if valid_start:
        data = pack_header(Frame(1, 2, 3, 4)) + data
    link = Link()
    try:
        for piece in cut(data, where):
            assert all(isinstance(event, (Frame, Goodbye)) for event in link.receive_data(piece))
    except ProtocolError:
        assert link.state == FAILED
    else:
        assert link.state != FAILED
        assert len(data) < 2 * HEADER_BYTES or valid_start
