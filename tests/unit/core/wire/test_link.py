import pytest

from svcfw.core.wire import limits, link
from svcfw.core.wire.errors import ChannelError, FrameError, LinkError
from svcfw.core.wire.frames import Frame, pack_header
from svcfw.core.wire.link import Closed, Goodbye, Link, Noise, Ready

MARKER = b'--MARK--'
FRAME = Frame(1, 2, 3, 4)
FRAME_DATA = pack_header(FRAME)
GOODBYE_DATA = Link().goodbye()


def kinds(events):
    return [type(event) for event in events]


def noise(events):
    return b''.join(event.data for event in events if isinstance(event, Noise))


def test_frames_flow_at_once_without_a_marker():
    assert kinds(Link().receive_data(FRAME_DATA * 2)) == [Frame, Frame]


def test_noise_marker_and_frames_in_one_read():
    events = Link(MARKER).receive_data(b'Welcome\n' + MARKER + FRAME_DATA)
    assert kinds(events) == [Noise, Ready, Frame]
    assert events[0].data == b'Welcome\n'


def test_noise_is_told_at_once_so_that_a_prompt_is_seen():
    waiting = Link(MARKER)
    assert noise(waiting.receive_data(b'Password: ')) == b'Password: '
    assert noise(waiting.receive_data(b'a -')) == b'a '
    assert noise(waiting.receive_data(b'-')) == b''
    assert noise(waiting.receive_data(b'x')) == b'--x'


@pytest.mark.parametrize('prefix', [b'', b'-', b'--', b'---', b'--MARK-', b'--MARK--MARK-'[:-3], b'--MARK'])
def test_what_looks_like_the_marker_but_is_not(prefix):
    for split in range(len(prefix + MARKER) + 1):
        waiting = Link(MARKER)
        data = prefix + MARKER
        events = waiting.receive_data(data[:split]) + waiting.receive_data(data[split:])
        assert Ready in kinds(events)
        at = data.index(MARKER)
        assert noise(events) == data[:at]


def test_too_much_noise():
    waiting = Link(MARKER)
    line = b'x' * 1024
    for _ in range(limits.MAX_NOISE_BYTES // 1024):
        waiting.receive_data(line)
    with pytest.raises(LinkError, match='before the marker'):
        waiting.receive_data(b'x')
    assert not waiting.receive_eof().clean


def test_sending_is_allowed_before_the_marker():
    waiting = Link(MARKER)
    assert waiting.frame_header(FRAME) == FRAME_DATA
    assert waiting.state == link.WAITING


def test_a_goodbye_before_the_marker():
    waiting = Link(MARKER)
    assert waiting.goodbye() == GOODBYE_DATA
    with pytest.raises(ChannelError):
        waiting.frame_header(FRAME)
    assert kinds(waiting.receive_data(b'noise' + MARKER + FRAME_DATA + GOODBYE_DATA)) == [Noise, Ready, Frame, Goodbye]
    assert waiting.state == link.CLOSED


def test_our_goodbye_lets_the_peer_finish():
    ours = Link()
    ours.goodbye()
    assert kinds(ours.receive_data(FRAME_DATA)) == [Frame]
    assert kinds(ours.receive_data(GOODBYE_DATA)) == [Goodbye]
    assert ours.receive_eof().clean


def test_nothing_may_follow_the_peers_goodbye():
    ours = Link()
    with pytest.raises(LinkError):
        ours.receive_data(GOODBYE_DATA + FRAME_DATA)
    assert ours.state == link.FAILED


def test_after_the_peers_goodbye_there_is_nobody_to_send_to():
    ours = Link()
    ours.receive_data(GOODBYE_DATA)
    with pytest.raises(ChannelError):
        ours.frame_header(FRAME)
    assert ours.goodbye() == GOODBYE_DATA
    assert ours.state == link.CLOSED


def test_goodbye_is_said_once():
    ours = Link()
    ours.goodbye()
    with pytest.raises(ChannelError):
        ours.goodbye()


def ended(*, marker=None, said=False, data=b''):
    ours = Link(marker)
    if said:
        ours.goodbye()
    ours.receive_data(data)
    event = ours.receive_eof()
    assert isinstance(event, Closed)
    return event.clean


def test_an_end_is_clean_after_a_goodbye_of_either_side():
    assert ended(said=True)
    assert ended(data=GOODBYE_DATA)
    assert ended(said=True, data=GOODBYE_DATA)
    assert ended(marker=MARKER, said=True)


def test_any_other_end_is_not_clean():
    assert not ended()
    assert not ended(data=FRAME_DATA)
    assert not ended(marker=MARKER)
    assert not ended(marker=MARKER, data=MARKER)


def test_a_broken_frame_fails_the_link():
    ours = Link()
    ours.goodbye()
    with pytest.raises(FrameError):
        ours.receive_data(b'x' * 28)
    assert not ours.receive_eof().clean
    with pytest.raises(ChannelError):
        ours.frame_header(FRAME)


def test_every_state_is_reachable_and_can_end():
    states = {link.WAITING, link.LEAVING, link.OPEN, link.CLOSING, link.LEFT, link.CLOSED, link.FAILED}
    assert {state for state, _ in link.TRANSITIONS} == states
    assert all((state, link.EOF) in link.TRANSITIONS for state in states)
    assert set(link.TRANSITIONS.values()) <= states
