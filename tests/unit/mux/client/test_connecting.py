"""How a client finds its multiplexer: with scripted ones, and a fake starter."""

import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import Frame, FrameReader, pack_header
from svcfw.mux import protocol, rundir
from svcfw.mux.client import starting
from svcfw.mux.client.client import Client, Target
from svcfw.mux.client.starting import MuxError
from tests.support.timing import seconds

WELCOME = (4711, b'key')
codec = Codec()


class Process:
    """The starter's process. `waits`: how often somebody waited for its end."""

    waits = 0

    def wait(self, timeout=None):
        self.waits += 1
        return 0

    def poll(self):
        return None


class Starter:
    """In place of `spawn`: the socket listens at once, and the multiplexer serves when the test says so."""

    def __init__(self, folder):
        self.folder = folder
        self.starts = 0
        self.process = Process()
        self.listener = None

    def spawn(self, folder):
        self.starts += 1
        self.listener = rundir.listen(folder)
        return self.process

    def serve(self):
        """Welcome one client; returns the handles of what it has sent by then, and its socket."""
        self.listener.settimeout(seconds(20))
        peer, _ = self.listener.accept()
        payload = codec.encode(WELCOME)
        peer.sendall(pack_header(Frame(0, 0, 0, protocol.WELCOME, 0, 0, payload)) + payload)
        return [frame.handle for frame in FrameReader().feed(peer.recv(65536))], peer


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix='svcfw-mux-'))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def starter(folder, monkeypatch):
    made = Starter(folder)
    monkeypatch.setattr(starting, 'spawn', made.spawn)
    yield made
    if made.listener:
        made.listener.close()


def test_nobody_waits_for_one_that_starts(folder, starter):
    client = Client.begin(runtime_dir=folder)
    client.begin_context(Target(b'link'))
    handles, peer = starter.serve()
    assert handles == [protocol.HELLO, protocol.BEGIN]
    assert client._finish()
    assert client.mux_pid == WELCOME[0]
    client.close()
    peer.close()


def test_nobody_waits_for_the_starters_process_either(folder, starter, monkeypatch):
    monkeypatch.setattr(starting, '_ending', [])
    client = Client.begin(runtime_dir=folder)
    client.close()
    assert (starter.process.waits, starting._ending) == (0, [starter.process])


def test_the_second_client_finds_the_first_ones(folder, starter):
    first, second = Client.begin(runtime_dir=folder), Client.begin(runtime_dir=folder)
    assert starter.starts == 1
    first.close()
    second.close()


def test_one_that_cannot_start_is_an_error_with_its_log(folder, starter):
    client = Client.begin(runtime_dir=folder)
    starter.listener.close()
    with pytest.raises(MuxError, match=r'does not answer. See .*mux\.log'):
        client._finish()
    assert starter.starts == 1


def test_another_one_is_started_for_one_that_was_just_ending(folder, starter, monkeypatch):
    starter.spawn(folder)
    client = Client.begin(runtime_dir=folder)
    starter.listener.close()
    served = []

    def spawn(folder):
        Starter.spawn(starter, folder)
        thread = threading.Thread(target=lambda: served.append(starter.serve()))
        thread.start()
        served.append(thread)
        return Process()

    monkeypatch.setattr(starting, 'spawn', spawn)
    assert client._finish()
    served[0].join()
    assert (client.mux_pid, starter.starts) == (WELCOME[0], 2)
    client.close()
    served[1][1].close()


def test_none_is_started_where_that_is_not_wanted(folder, starter):
    assert Client.connect(runtime_dir=folder, start=False) is None
    starter.spawn(folder)
    path = rundir.socket_path(folder)
    starter.listener.close()
    assert path.exists()
    assert Client.connect(runtime_dir=folder, start=False) is None
    assert starter.starts == 1


def test_what_is_no_socket_of_ours_is_replaced(folder, starter):
    rundir.socket_path(folder).touch()
    client = Client.begin(runtime_dir=folder)
    assert rundir.socket_path(folder).is_socket()
    client.close()


def test_who_holds_the_lock_is_named(folder, monkeypatch):
    monkeypatch.setattr(starting, 'START_S', 0)
    path = rundir.lock_path(folder)
    with (
        starting.locked(path),
        pytest.raises(MuxError, match=f'process {os.getpid()} is starting'),
        starting.locked(path),
    ):
        pass
