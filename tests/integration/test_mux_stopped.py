"""A multiplexer that is stopped: no wait for it is without end, each names it, and a new one takes its place."""

import os
import signal
import time

import pytest

from svcfw.core.wire.errors import ChannelError
from svcfw.mux import protocol
from svcfw.mux.client import client as mux_client
from svcfw.mux.client import line, status
from svcfw.mux.client.client import Client, MuxError, Target
from svcfw.mux.client.line import Line
from tests.support.mux import HANG, in_thread, link, written
from tests.support.timing import seconds

HERE = Target(link(password='hunter2'))


def stop(mux, pid):
    os.kill(pid, signal.SIGSTOP)
    mux.wait_for(lambda: status.peer.is_stopped(pid), 'that it is stopped')


@pytest.fixture
def stopped(mux):
    """A multiplexer with a client and a context, stopped until the test is over."""
    client = mux.client()
    client.facts(HERE)
    stop(mux, client.mux_pid)
    yield client
    os.kill(client.mux_pid, signal.SIGCONT)


def test_a_request_ends(mux, stopped, monkeypatch):
    monkeypatch.setattr(line, 'LOOK_S', 0.1)
    stopped._line = Line(stopped._socket, stopped.mux_pid)
    with pytest.raises(
        ChannelError, match=rf'process {stopped.mux_pid} is stopped: continue it \(kill -CONT'
    ) as raised:
        stopped.run_command(HERE, 'true', None, '/bin/sh')
    assert str(raised.value).startswith(line.GONE)


def test_a_put_ends(mux, stopped, monkeypatch, tmp_path):
    monkeypatch.setattr(line, 'LOOK_S', 0.1)
    stopped._line = Line(stopped._socket, stopped.mux_pid)
    (tmp_path / 'file').write_bytes(bytes(32 * 1024 * 1024))
    with pytest.raises(ChannelError, match='is stopped'):
        stopped.put_file(HERE, str(tmp_path / 'file'), str(tmp_path / 'copy'))


def test_the_next_client_has_another_one_started(mux, stopped):
    before = time.monotonic()
    other = mux.client()
    assert time.monotonic() - before < seconds(8)
    assert other.mux_pid != stopped.mux_pid
    assert f'does not answer: process {stopped.mux_pid} is stopped' in mux.log
    assert other.run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'


def test_many_clients_have_one_started(mux, stopped):
    joins = [in_thread(mux.client) for _ in range(8)]
    assert len({join().mux_pid for join in joins}) == 1


def test_its_own_clients_go_on_when_it_is_continued(mux, stopped, tmp_path):
    mux.client()
    os.kill(stopped.mux_pid, signal.SIGCONT)
    assert stopped.run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'
    stopped.close()
    mux.client()  # its successor's socket is still there


def test_it_is_named_by_status_and_stop(mux, stopped):
    for ask in (status.ask, mux_client.stop):
        with pytest.raises(MuxError, match=f'process {stopped.mux_pid} is stopped'):
            ask(mux.folder)


def test_none_is_started_by_who_wants_none(mux, stopped):
    with pytest.raises(MuxError, match='is stopped'):
        Client.connect(runtime_dir=mux.folder, start=False)
    assert mux.muxes() == [stopped.mux_pid]


def test_a_long_task_is_told_that_it_is_there(mux, monkeypatch):
    client = mux.client()
    heard = []
    taken = client._line._reader.feed

    def feed(data):
        frames = taken(data)
        heard.extend(frame.handle for frame in frames)
        return frames

    monkeypatch.setattr(client._line._reader, 'feed', feed)
    client.run_command(HERE, 'sleep 6', None, '/bin/sh')
    assert protocol.ALIVE in heard


class TestStatus:
    def test_without_a_multiplexer(self, mux):
        assert status.ask(mux.folder) is None
        assert mux.muxes() == []

    def test_what_is_asked_of_whom(self, mux, tmp_path):
        client = mux.client()
        join = in_thread(client.run_command, HERE, HANG.format(tmp_path / 'pid'), None, '/bin/sh')
        pid = written(tmp_path / 'pid')
        answer = status.ask(mux.folder)
        assert (answer['pid'], answer['clients']) == (client.mux_pid, 1)
        (context,) = answer['contexts']
        assert (context['name'], context['state'], context['idle_s']) == ('here', 'up', 0)
        ((operation, age_s),) = context['calls']
        assert operation == 'command'
        assert 0 <= age_s < seconds(20)
        assert 'hunter2' not in repr(answer)
        os.kill(pid, signal.SIGKILL)
        join()
        (context,) = status.ask(mux.folder)['contexts']
        assert context['calls'] == []

    def test_it_is_no_use_of_the_multiplexer(self, mux):
        client = mux.client(idle_timeout_s=1)
        client.close()
        mux.wait_for(lambda: status.ask(mux.folder) is None, 'its end, though it is asked all the time')
