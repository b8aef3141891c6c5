"""The login of the first client, begun before the server is there."""

import os
import socket
import time
from pathlib import Path

import pytest

from svcfw.boot.first_stage import STAGE_BYTES
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.frames import Frame, pack_header
from svcfw.mux import first_login, links, protocol, rundir
from svcfw.mux.server.server import Server
from tests.support.loops import StillLoop
from tests.support.timing import seconds

#: Says that it was started to log in.
LOGIN = '#!/bin/sh\ncase "$*" in -V | *" -O check "*) exit 255 ;; esac\necho login >> "${0%/*}/started"\n'
#: Serves until its input ends.
PROGRAM = LOGIN + 'exec cat\n'
#: Runs here what is to run elsewhere.
HERE = LOGIN + 'for last; do :; done\nexec /bin/sh -c "$last"\n'
HELLO = ({'PATH': os.environ['PATH']}, 60, None, 'run', None)


def frame(handle, value):
    payload = Codec().encode(value)
    return pack_header(Frame(0, 0, 0, handle, 0, 0, payload)) + payload


@pytest.fixture(autouse=True)
def hidden(monkeypatch):
    """Not this process, which others debug."""
    told = []
    monkeypatch.setattr(first_login.private, 'hide', lambda: told.append('hidden'))
    return told


@pytest.fixture
def listener(short_path):
    with rundir.listen(short_path) as made:
        yield made


@pytest.fixture
def ssh(tmp_path):
    """The program in the place of ssh; beside it stands how often it was started to log in."""
    program = tmp_path / 'ssh'
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return program


@pytest.fixture
def begun(short_path, listener):
    """What comes of a first client that sends this; all of it is ended."""
    made, clients = [], []

    def begin(*data):
        client = socket.socket(socket.AF_UNIX)
        clients.append(client)
        client.connect(str(rundir.socket_path(short_path)))
        client.sendall(b''.join(data))
        made.append(first_login.begin(str(short_path), listener))
        return made[-1]

    yield begin
    for each in made:
        each.close()
        if each.client is not None:
            each.client.close()
    for client in clients:
        client.close()


def link(program, **fields):
    words = {'ssh_executable': str(program), 'ssh_args': ['-F', 'none'], **fields}
    return Codec().encode({'transport': 'ssh', 'host': 'h', 'env': {}, **words})


def spec(program, **fields):
    return links.spec(link(program, **fields), 10, HELLO[0], None, 0)


def starts(program):
    """How often it was started, once the first one tells."""
    deadline = time.monotonic() + seconds(5)
    path = program.with_name('started')
    while not (path.exists() and path.read_text()) and time.monotonic() < deadline:
        os.sched_yield()
    return path.read_text().count('login')


def has_ended(process):
    deadline = time.monotonic() + seconds(5)
    while process.poll() is None and time.monotonic() < deadline:
        os.sched_yield()
    return process.poll() is not None


def end(launched):
    process, _ = launched
    process.kill()
    process.close()


def test_the_server_finds_it_running_and_reads_all_that_the_client_sent(begun, ssh, hidden):
    said = frame(protocol.HELLO, HELLO) + frame(protocol.BEGIN, (link(ssh), 10)) + frame(protocol.REQUEST, 1)
    first = begun(said)
    assert hidden == ['hidden']
    assert starts(ssh) == 1
    own, launch = first.take(spec(ssh))
    assert vars(own) == vars(spec(ssh))
    process, dialogue = launched = launch(STAGE_BYTES)
    assert process.poll() is None
    assert dialogue.host == 'h'
    assert str(ssh) in process.argv
    assert starts(ssh) == 1
    assert first.client.recv(len(said) + 1) == said
    end(launched)


def test_it_is_there_once(begun, ssh):
    first = begun(frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link(ssh), 10)))
    wanted = spec(ssh)
    own, launch = first.take(wanted)
    assert own is not wanted, 'it is the one whose password the dialogue has'
    end(launch(STAGE_BYTES))
    assert first.take(wanted) == (wanted, None)


def test_what_is_not_started_with_it_is_ended_with_the_rest(begun, ssh):
    """A name that is too long is found out in between."""
    first = begun(frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link(ssh), 10)))
    process = first._begun[1]
    first.take(spec(ssh))
    first.close()
    assert has_ended(process)


def test_the_server_goes_on_with_it(begun, ssh, short_path, listener, monkeypatch):
    ssh.write_text(HERE)
    first = begun(frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link(ssh), seconds(20))))
    server = Server(short_path, listener, first)
    monkeypatch.setattr(server, '_watch_signals', lambda: None)
    deadline = time.monotonic() + seconds(20)
    seen = []

    def look():
        seen[:] = [node.facts or node.dead for node in server._roots.values()]
        if any(seen) or time.monotonic() > deadline:
            server.stop()
        else:
            server.router.loop.call_later(0.002, look)

    server.router.loop.call_soon(look)
    server.run()
    (facts,) = seen
    assert isinstance(facts, dict), facts
    assert facts['uid'] == os.getuid()
    assert starts(ssh) == 1
    assert not first.is_begun


def test_it_waits_for_its_own_while_others_are_served(begun, ssh):
    """Another client's login may be wanted before."""
    first = begun(frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link(ssh), 10)))
    other = spec(ssh, port=1)
    assert first.take(other) == (other, None)
    _, launch = first.take(spec(ssh))
    end(launch(STAGE_BYTES))


def test_what_nobody_wants_is_ended(begun, ssh):
    """And no zombie of it is left."""
    loop = StillLoop()
    first = begun(frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link(ssh), 10)))
    pid = first._begun[1].pid
    first.close(loop)
    first.close(loop)
    deadline = time.monotonic() + seconds(5)
    while Path(f'/proc/{pid}').exists() and time.monotonic() < deadline:
        loop.advance(first_login.REAP_S)
        os.sched_yield()
    assert not Path(f'/proc/{pid}').exists()
    assert not loop.timers


@pytest.mark.parametrize(
    'said',
    [
        [],
        [frame(protocol.HELLO, HELLO)],
        [frame(protocol.STATUS, None)],
        [frame(protocol.HELLO, HELLO), frame(protocol.REQUEST, 1)],
        [frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (b'no link', 10))],
        [frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, 1)],
        [frame(protocol.HELLO, None), frame(protocol.BEGIN, (link('/nowhere/ssh'), 10))],
        [frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link('/nowhere/ssh'), 10))],
        [frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link('ssh', transport='local'), 10))],
        [frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link('ssh', env={'PATH': 5}), 10))],
        [frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link('ssh', ssh_args=[5]), 10))],
        [frame(protocol.HELLO, ({'A': 'b' * first_login.MAX_BYTES}, *HELLO[1:]))],
        [frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link('ssh', user='u' * first_login.MAX_BYTES), 10))],
        [b'x' * 100],
    ],
    ids=['nothing', 'a greeting', 'no greeting', 'a request', 'no link', 'no begin', 'no hello', 'no program', 'local',
         'no environment', 'no arguments', 'a large environment', 'a large link', 'no frame'],
)  # fmt: skip
def test_anything_else_is_left_to_the_server(begun, said):
    first = begun(*said)
    assert not first.is_begun
    sent = b''.join(said)
    assert not sent or first.client.recv(len(sent)) == sent


def test_a_client_that_has_gone(begun, listener, short_path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(rundir.socket_path(short_path)))
    first = first_login.begin(str(short_path), listener)
    assert first.client is not None
    assert first.client.recv(1) == b''
    first.client.close()


def test_an_error_that_nobody_foresaw(begun, ssh, monkeypatch):
    """Of a terminal, for example; the server reports it, or has it not."""

    def choice(wanted):
        raise RuntimeError

    monkeypatch.setattr(first_login.connect, 'choice', choice)
    assert not begun(frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link(ssh), 10))).is_begun


def test_nobody_is_there(listener, short_path, monkeypatch):
    recalled = []
    monkeypatch.setattr(first_login.ssh_versions, 'recall', recalled.append)
    assert first_login.begin(str(short_path), listener).client is None
    assert recalled == [str(short_path)], 'whoever comes later uses it, and it is written again at the end'


def test_what_has_come_is_looked_at_however_late_it_is(begun, ssh, monkeypatch):
    """Something else may have had the processor."""
    monkeypatch.setattr(first_login, 'WAIT_S', 0.0)
    monkeypatch.setattr(first_login, '_accepted', lambda listener: listener.accept()[0])
    assert begun(frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link(ssh), 10))).is_begun


def test_another_account_is_not_listened_to(begun, ssh, monkeypatch):
    monkeypatch.setattr(first_login.credentials, 'is_same_user', lambda client: False)
    first = begun(frame(protocol.HELLO, HELLO), frame(protocol.BEGIN, (link(ssh), 10)))
    assert first.client is None
    assert not first.is_begun
