"""Which way a content goes to a context: in the request, not at all, in parts, or by way of the next context."""

import hashlib
import os
from types import SimpleNamespace

import pytest

from svcfw.core.context import Context, Sender
from svcfw.core.wire.frames import DEAD
from svcfw.files import put as module
from svcfw.files.disk.reader import Content, Reader
from svcfw.files.put import Put
from svcfw.files.transfers import HASHED_BYTES, INLINE_BYTES, Transfers
from svcfw.service.errors import TransferError

DONE = {'is_done': True}
#: Before fixtures take it away.
NAMED = Put._named


class Target(Context):
    """A context that gives these answers to `begin_put`, and takes what is sent to it."""

    def __init__(self, *answers):
        self.frames = []
        router = SimpleNamespace(
            transfers=None, neighbour=lambda context: context, own_id=0, send=self.frames.append, parent_ids=()
        )
        Context.__init__(self, router, 5, 'web1')
        self.answers = list(answers)
        self.asked = []
        self.sent = b''
        self.into = Sender(self, 9)

    def call_service(self, service, method, **arguments):
        assert method == 'begin_put'
        self.asked.append(arguments)
        return self.answers.pop(0)

    def waiting(self, offset=0, **more):
        return dict({'is_done': False, 'into': self.into, 'offset': offset, 'signature': None, 'same_size': []}, **more)

    def take(self, context, parts, into, about, on_progress):
        """In the place of calls.send."""
        assert (context, into, about) == (self, self.into, '/to')
        while True:
            part = parts.next(100000, 0)
            if part is None:
                return parts.end()
            self.sent += bytes(part[1]) if part[0] == 'zeros' else part[1] if part[0] == 'data' else b'-'
            on_progress(parts.done)


@pytest.fixture
def send(monkeypatch):
    monkeypatch.setattr(module, 'send', lambda context, *more: context.take(context, *more))


@pytest.fixture
def file(tmp_path):
    """file(content): a Reader of a new file."""
    opened = []

    def make(content):
        path = tmp_path / str(len(opened))
        path.write_bytes(content)
        opened.append(Reader(str(path)))
        return opened[-1]

    yield make
    for source in opened:
        source.close()


def digest_of(content):
    return hashlib.sha256(content).digest()


def test_a_small_one_travels_with_the_request_and_only_once(file):
    content = b'x' * INLINE_BYTES
    target = Target(DONE, DONE)
    for _ in range(2):
        Put(target, file(content), '/to', {'mode': 0o600}).run()
    first, second = target.asked
    assert (first['data'], second['data']) == (content, None)
    assert first['digest'] == second['digest'] == digest_of(content)
    assert (first['path'], first['size'], first['wanted']) == ('/to', INLINE_BYTES, {'mode': 0o600})


def test_what_is_not_there_is_sent_and_progress_is_told(send, file):
    content, done = os.urandom(INLINE_BYTES + 1), []
    target = Target()
    target.answers = [target.waiting()]
    source = file(content)
    Put(target, source, '/to', {}, on_progress=lambda *args: done.append(args)).run()
    assert (target.asked[0]['data'], target.asked[0]['token']) == (None, source.token)
    assert target.sent == content
    assert done == [(len(content), len(content))] * 2
    assert Transfers.of(target.router).was_given(5, digest_of(content))


def test_a_partial_one_is_resumed(send, file):
    content = os.urandom(INLINE_BYTES + 1)
    target = Target()
    target.answers = [target.waiting(offset=1000)]
    Put(target, file(content), '/to', {}).run()
    assert target.sent == content[1000:]


def test_an_older_version_there_is_brought_up_to_date(send, file, monkeypatch):
    content = os.urandom(INLINE_BYTES + 1)
    target, allowed = Target(), []
    pieces = [('copy', 7, 1000), ('data', 1000, len(content) - 1000)]
    monkeypatch.setattr(Transfers, 'match', lambda self, source, signature: iter(pieces))
    put = Put(target, file(content), '/to', {})
    digest = put.send(target.waiting(signature=b'packed'), allowed.append)
    assert target.sent == b'-' + content[1000:]
    assert digest == digest_of(content)
    assert allowed == [len(content) - 1000], 'what is copied there is not sent'


def test_a_signature_is_of_no_use_without_a_file(send):
    content = os.urandom(100)
    target = Target()
    Put(target, Content(content, digest_of(content), {}), '/to', {}).send(target.waiting(signature=b'packed'))
    assert target.sent == content


def test_who_sends_has_a_say_in_each_piece(send, file):
    target, allowed = Target(), []

    def allow(n):
        allowed.append(n)
        raise TransferError('enough')

    put = Put(target, file(b'content'), '/to', {})
    with pytest.raises(TransferError, match='enough'):
        put.send(target.waiting(offset=3), allow)
    assert (allowed, target.sent) == ([4], b'')
    assert not Transfers.of(target.router)._sent, 'it does not count as under way any more'


@pytest.mark.parametrize('is_there', [False, True])
def test_a_large_one_is_hashed_first_only_if_one_of_its_size_is_there(send, file, is_there):
    content = os.urandom(HASHED_BYTES + 1)
    target = Target()
    target.answers = [target.waiting(same_size=[digest_of(content) if is_there else bytes(32)]), DONE]
    Put(target, file(content), '/to', {}).run()
    assert target.asked[0]['digest'] is None
    if is_there:
        assert target.asked[1]['digest'] == digest_of(content)
        assert [(frame.handle, frame.flags) for frame in target.frames] == [(9, DEAD)], 'nobody waits for it there'
        assert target.sent == b''
    else:
        assert (len(target.asked), target.frames) == (1, [])
        assert target.sent == content


@pytest.mark.parametrize('passed', [True, False])
def test_a_descendant_is_reached_by_way_of_the_next_context(file, monkeypatch, passed):
    content, loaded = b'content', []
    target, between = Target(DONE), Context(None, 2, 'jump')
    target.router.neighbour = lambda context: between

    def through(put, neighbour, digest):
        assert (neighbour, digest) == (between, digest_of(content))
        return SimpleNamespace(run=lambda: passed)

    def load(name):
        loaded.append(name)
        return SimpleNamespace(Through=through)

    monkeypatch.setattr(module, 'load', load)
    Put(target, file(content), '/to', {}).run()
    assert loaded == ['svcfw.files.relay.through']
    # What it did not pass on goes straight, under a token that both ways have in common.
    assert [asked['token'] for asked in target.asked] == ([] if passed else [digest_of(content)])


def test_a_malformed_answer_directs_it_nowhere(send, file):
    target = Target({'is_done': False, 'into': Sender(Context(None, 6), 9), 'offset': 0})
    with pytest.raises(TransferError, match='web1: /to: malformed answer'):
        Put(target, file(b'content'), '/to', {}).run()
    assert target.sent == b''


@pytest.mark.parametrize('is_above', [False, True])
def test_only_one_below_is_told_where_a_file_is(file, is_above):
    target = Target()
    target.router.parent_ids = (5,) if is_above else (3,)
    source = file(bytes(HASHED_BYTES + 1))
    found = NAMED(Put(target, source, '/to', {}))
    assert found == (None if is_above else module.same_machine.named(source))
    assert NAMED(Put(target, file(b'small'), '/to', {})) is None
