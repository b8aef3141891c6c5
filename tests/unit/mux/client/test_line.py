"""A client's waits: for one that says that it is there, without end; for one that is silent, with one."""

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import ChannelError
from svcfw.core.wire.frames import Frame, FrameReader, pack_header
from svcfw.mux import protocol
from svcfw.mux.client import line as module
from svcfw.mux.client import peer
from svcfw.mux.client.line import Line
from tests.support.timing import seconds, wait_until

codec = Codec()


def frame(handle, value=None):
    return Frame(0, 0, 0, handle, 1, 0, codec.encode(value))


class Far:
    def __init__(self) -> None:
        self.socket, self.near = socket.socketpair()
        self.socket.settimeout(seconds(20))
        self.line = Line(self.near, os.getpid())

    def say(self, handle, value=None):
        sent = frame(handle, value)
        self.socket.sendall(pack_header(sent) + sent.payload)


@pytest.fixture
def far(monkeypatch):
    monkeypatch.setattr(module, 'LOOK_S', 0.02)
    made = Far()
    yield made
    made.socket.close()
    made.near.close()


def test_signs_of_life_are_no_answers(far):
    far.say(protocol.ALIVE)
    far.say(protocol.RESULT, 5)
    assert far.line.receive().handle == protocol.RESULT


def test_a_silent_one_is_not_waited_for_without_end(far):
    with pytest.raises(ChannelError, match=f'process {os.getpid()} hangs') as raised:
        far.line.receive()
    assert str(raised.value).startswith(module.GONE)


def test_one_that_lives_is_waited_for_for_as_long_as_it_takes(far):
    looks = []

    def live(silent, exc):
        looks.append(silent)
        if len(looks) < 5 * module.LOOKS:
            far.say(protocol.ALIVE)
        else:
            far.say(protocol.RESULT)
        return silent + 1

    far.line._still_silent = live
    assert far.line.receive().handle == protocol.RESULT
    assert max(looks) < module.LOOKS - 1


def test_one_that_takes_nothing_and_is_silent(far):
    with pytest.raises(ChannelError, match='it has said nothing'):
        far.line.send(frame(protocol.REQUEST, bytes(8 * 1024 * 1024)))


def test_one_that_takes_nothing_for_now_but_lives_gets_all_of_it(far, monkeypatch):
    got = FrameReader()
    frames = []
    looks = []

    def read():
        while not frames:
            frames.extend(got.feed(far.socket.recv(65536)))

    def silent(count, exc):
        looks.append(count)
        far.say(protocol.ALIVE)
        if len(looks) == module.LOOKS + 3:
            thread.start()
        return count + 1

    thread = threading.Thread(target=read)
    monkeypatch.setattr(far.line, '_still_silent', silent)
    far.line.send(frame(protocol.REQUEST, bytes(4 * 1024 * 1024)))
    thread.join(seconds(20))
    assert len(frames[0].payload) > 4 * 1024 * 1024
    assert max(looks) == 0


def test_what_it_said_while_it_took_nothing_is_not_lost(far):
    far.say(protocol.SAID, 'text')
    assert far.line._has_heard()
    assert not far.line._has_heard()
    assert far.line.receive().handle == protocol.SAID


def test_a_stopped_process_is_named_as_such():
    process = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])
    try:
        assert not peer.is_stopped(process.pid)
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: peer.is_stopped(process.pid), seconds(20), 'that it is stopped')
        assert f'continue it (kill -CONT {process.pid})' in peer.described(process.pid)
    finally:
        process.kill()
        process.wait()
    assert not peer.is_stopped(process.pid)
