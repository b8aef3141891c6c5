"""The client against a scripted multiplexer: what it sends, and what it makes of the answers."""

import hashlib
import socket

import pytest

from svcfw.agent import ops
from svcfw.agent.requests import decoded
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.core.wire.frames import GOODBYE, Frame, FrameReader, pack_header
from svcfw.mux import protocol
from svcfw.mux.client import client as module
from svcfw.mux.client.client import Become, Client, DeferredError, MuxError, Result, Target
from svcfw.mux.requests import BY_OPERATION
from tests.support.mux import Dialogue, PasswordError
from tests.support.timing import seconds

HERE = Target(b'link')
codec = Codec()


class Far:
    """The multiplexer's end: answers are put in place before the client asks."""

    def __init__(self) -> None:
        self.socket, near = socket.socketpair()
        self.socket.settimeout(seconds(20))
        for sock in (self.socket, near):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
        self.client = Client(near)
        self._reader = FrameReader()

    def say(self, handle, value, number=1):
        payload = codec.encode(value)
        self.socket.sendall(pack_header(Frame(0, 0, 0, handle, number, 0, payload)) + payload)

    def heard(self):
        """All frames up to the end, which is not there until the client is closed."""
        frames = []
        while data := self.socket.recv(65536):
            frames += self._reader.feed(data)
        return frames

    def requests(self):
        """(number, operation, arguments) of each request."""
        self.client.close()
        values = [(f.reply_to, codec.decode(f.payload)) for f in self.heard() if f.handle == protocol.REQUEST]
        return [(number, value[3], value[4]) for number, value in values]


@pytest.fixture
def far():
    made = Far()
    yield made
    made.client.abort()
    made.socket.close()


def test_a_command(far):
    far.say(protocol.PART, (b'a', b'x'))
    far.say(protocol.PART, (b'b', b''))
    far.say(protocol.RESULT, (3, b'c', b'y'))
    assert far.client.run_command(HERE, 'text', None, '/bin/sh') == Result(3, b'abc', b'xy')
    assert far.requests() == [(1, ops.COMMAND, ('/bin/sh', 'text', b'', None, None))]


@pytest.mark.parametrize(
    ('handle', 'value', 'error'),
    [
        (protocol.START_FAILED, ('auth', 'h', 'c', 'r', None), StartError),
        (protocol.DEFERRED_FAILED, ('put_file', '/x', 1, 'c'), DeferredError),
        (protocol.LOST, 'gone', ChannelError),
        (99, None, MuxError),
    ],
)
def test_errors(far, handle, value, error):
    far.say(handle, value)
    with pytest.raises(error) as raised:
        far.client.flush(HERE)
    assert raised.value.args[-1] in (value, value and value[-1], 'unexpected message 99 from the multiplexer')


def test_the_end_of_the_multiplexer(far):
    far.socket.close()
    with pytest.raises(ChannelError, match='The next task starts another one'):
        far.client.flush(HERE)


def test_members_are_sent_when_they_are_asked_for(far):
    class Payload:
        format, module, fqn, params, profile, rlimit_nofile = 'v2', 'ping', 'ansible.modules.ping', b'{}', 'legacy', 0
        interpreter, zip_id, secrets = ('/usr/bin/python3',), 'z', None

        def members(self):
            return [('a.py', b'd' * 32, b'content')]

    far.say(protocol.NEED_MEMBERS, None)
    far.say(protocol.RESULT, (0, b'', b''))
    far.client.run_module(HERE, Payload(), {'A': 'b'})
    far.client.close()
    request, members, goodbye = far.heard()
    *_, operation, values = codec.decode(request.payload)
    sent = decoded(operation, values, BY_OPERATION)
    assert (sent.zip_id, sent.offer, sent.job.fqn, sent.job.env) == ('z', None, 'ansible.modules.ping', {'A': 'b'})
    assert codec.decode(members.payload) == (False, [('a.py', b'd' * 32, b'content')])
    assert goodbye.flags == GOODBYE


def test_the_dialogue_is_called_back(far):
    dialogue = Dialogue('BOOT', b'secret\n')
    far.say(protocol.BECOME_BUILD, 'boot')
    far.say(protocol.BECOME_OUTPUT, b'motd\n')
    far.say(protocol.BECOME_OUTPUT, b'password:')
    far.say(protocol.RESULT, None)
    far.client.flush(Target(b'link', Become(b'key', dialogue, True, '~/tmp')))
    far.client.close()
    _, start, typed, _ = far.heard()
    assert (start.handle, codec.decode(start.payload)) == (protocol.BECOME_START, ('boot', True, False, '~/tmp'))
    assert (typed.handle, codec.decode(typed.payload)) == (protocol.BECOME_INPUT, b'secret\n')
    assert dialogue.has_ended


def test_the_dialogue_is_ended_whatever_it_raises(far):
    dialogue = Dialogue('BOOT')
    far.say(protocol.BECOME_OUTPUT, b'password:')
    with pytest.raises(PasswordError):
        far.client.flush(Target(b'link', Become(b'key', dialogue)))
    assert dialogue.has_ended


def test_a_file_goes_without_a_number(far, tmp_path):
    (tmp_path / 'file').write_bytes(b'content')
    (tmp_path / 'file').chmod(0o640)
    far.client.put_file(HERE, str(tmp_path / 'file'), '/remote')
    digest = hashlib.sha256(b'content').digest()
    assert far.requests() == [(0, protocol.PUT_WHOLE, ('/remote', 0o640, digest, b'content'))]


def test_what_is_not_waited_for_has_no_number(far):
    far.client.mkdtemp(HERE, '/x', 0o77)
    far.client.chmod(HERE, ['/x'], 'u+rwx')
    far.client.remove(HERE, '/x', True)
    assert far.requests() == [
        (0, ops.MKDTEMP, ('/x', 0o77)), (0, ops.CHMOD, (['/x'],)), (0, ops.REMOVE, ('/x', True)),
    ]  # fmt: skip


def test_no_other_chmod(far):
    with pytest.raises(ValueError, match='g-w'):
        far.client.chmod(HERE, ['/x'], 'g-w')


def test_a_fetched_file_replaces_what_was_there(far, tmp_path):
    (tmp_path / 'file').write_bytes(b'longer than that')
    far.say(protocol.PART, (b'con', b''))
    far.say(protocol.RESULT, (0o640, b'tent', hashlib.sha256(b'content').digest()))
    assert far.client.fetch_file(HERE, '/remote', str(tmp_path / 'file')) == 0o640
    assert (tmp_path / 'file').read_bytes() == b'content'


def test_a_multiplexer_that_does_not_stop(far, monkeypatch):
    monkeypatch.setattr(module, 'STOP_S', 0.01)
    with pytest.raises(MuxError, match='does not end'):
        far.client.stop()


def test_secrets_are_not_shown():
    shown = repr(Target(b'hunter2', Become(b'hunter2', Dialogue('hunter2'))))
    assert 'hunter2' not in shown


def test_an_abort_reaches_the_other_end_though_a_fork_holds_the_socket(far):
    with far.client._socket.dup():
        far.client.abort()
        assert far.socket.recv(1) == b''
