import pytest

from svcfw.ansible.session import MuxCalls
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.mux.client.client import DeferredError, MuxError, Target

TARGET = Target(link=b'link')


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def session(mux, pauses):
    return MuxCalls(mux.connect, lambda error, pause_s: None, pauses.append)


def run(session):
    return session.call(TARGET, lambda client: client.run_command(TARGET, 'id', None))


def refused():
    return StartError('refused', 'target', 'connection refused', '')


def test_one_client_for_all_calls(session, mux):
    run(session)
    run(session)
    assert len(mux.connects) == 1


def test_a_start_that_fails_is_tried_again_with_growing_pauses(session, mux, pauses):
    session.retries = 3
    mux.raises = [refused(), refused(), refused()]
    assert run(session).rc == 0
    assert pauses == [0, 1, 3]


def test_not_more_often_than_said(session, mux, pauses):
    session.retries = 1
    mux.raises = [refused(), refused()]
    with pytest.raises(StartError):
        run(session)
    assert pauses == [0]


@pytest.mark.parametrize('kind', ['auth', 'hostkey', 'nopython', 'become', 'option', 'interpreter'])
def test_a_refused_login_is_not_repeated(session, mux, pauses, kind):
    session.retries = 5
    mux.raises = [StartError(kind, 'target', 'no', '')]
    with pytest.raises(StartError):
        run(session)
    assert pauses == []


def test_what_was_sent_ahead_is_not_lost_silently_by_a_retry(session, mux, pauses):
    session.retries = 5
    session.ensure_up(TARGET)
    session.send(lambda client: client.mkdtemp(TARGET, '/x', None))
    mux.raises = [refused()]
    with pytest.raises(StartError):
        run(session)
    assert pauses == []


def test_a_context_is_asked_for_once(session, mux):
    session.ensure_up(TARGET)
    session.ensure_up(TARGET)
    run(session)
    assert mux.named('facts') == [('facts',)]
    session.ensure_up(Target(link=b'other'))
    assert len(mux.named('facts')) == 2


@pytest.mark.parametrize('error', [ChannelError('gone'), MuxError('gone'), KeyboardInterrupt(), ValueError('bug')])
def test_the_socket_is_closed_when_the_wait_ends_otherwise(session, mux, error):
    mux.raises = [error]
    with pytest.raises(type(error)):
        run(session)
    assert mux.calls[-1] == ('abort',)
    run(session)
    assert len(mux.connects) == 2


@pytest.mark.parametrize('error', [StartError('auth', 'h', 'no', ''), DeferredError('chmod', '/x', 1, 'no')])
def test_a_client_that_has_had_its_answer_is_kept(session, mux, error):
    mux.raises = [error]
    with pytest.raises(type(error)):
        run(session)
    run(session)
    assert len(mux.connects) == 1


def test_close_says_goodbye(session, mux):
    run(session)
    session.close()
    session.close()
    assert mux.named('close', 'abort') == [('close',)]


def test_reset_does_not_start_a_multiplexer(session, mux):
    assert session.reset(TARGET) is False
    assert mux.connects == [(None, False)]
    mux.is_running = True
    assert session.reset(TARGET) is True


def test_a_client_that_came_with_a_fork_is_not_used(session, mux, monkeypatch):
    run(session)
    monkeypatch.setattr('os.getpid', lambda: 0)
    run(session)
    assert len(mux.connects) == 2
    assert mux.named('close', 'abort') == []


def test_a_context_is_begun_once_and_nobody_waits(session, mux):
    session.begin(TARGET)
    session.begin(TARGET)
    assert (mux.begun, mux.calls, len(mux.connects)) == ([TARGET.link], [], 1)
    run(session)
    session.begin(TARGET)
    assert (mux.begun, len(mux.connects)) == ([TARGET.link], 1)


def test_what_prevents_it_is_the_next_calls_error(session, mux):
    mux.raises = [refused()]
    session.begin(TARGET)
    with pytest.raises(StartError):
        run(session)
