"""What a relay keeps, whom it passes it on to, and how it answers when the one or the other fails."""

import hashlib
from types import SimpleNamespace

import pytest

from svcfw.core.context import Sender
from svcfw.core.wire.errors import CallError
from svcfw.files import manifest
from svcfw.files.manifest import DIRECTORY, FILE, Entry
from svcfw.files.relay import holding as module
from svcfw.files.relay.contents import NoRoomError
from svcfw.files.relay.holding import Holding
from svcfw.files.relay.listing import Listing
from svcfw.files.sending import WAIT
from svcfw.files.store.store import Store
from svcfw.files.transfers import Transfers
from svcfw.service.errors import ManifestError, TransferError
from svcfw.service.exposed import NO_REPLY
from tests.support.loops import StillLoop
from tests.unit.files.relay.neighbours import Neighbour, Router

CONTENT = b'content'
SHA256 = hashlib.sha256(CONTENT).digest()
DONE = {'is_done': True}
ANSWER = {'files': 1, 'written': 1, 'skipped': []}


class Msg:
    """The request: `outcome` is what it was answered with, or the CallError."""

    outcome = 'nothing'

    def reply(self, value):
        self.outcome = value

    def fail(self, error):
        self.outcome = error


class Sending:
    """In the place of svcfw.files.sending.Sending: the test says when it is over."""

    def __init__(self, parts, into, flow, schedule, over, on_progress):
        self.parts, self.into, self.schedule, self.over, self.on_progress = parts, into, schedule, over, on_progress
        self.is_woken = False
        parts.begin(self)

    def wake(self):
        self.is_woken = True


class Side:
    """The Holding of a context whose child is `target`, or an ancestor of it."""

    def __init__(self, monkeypatch):
        self.router = Router()
        self.router.loop = StillLoop()
        self.router.neighbour = lambda context: context if self.is_child else 'another'
        self.is_child = True
        self.store = Transfers.of(self.router).store
        self.target = Neighbour(self.router)
        self.into = Sender(self.target, 9)
        self.msg = Msg()
        self.received, self.sendings, self.threads = [], [], []
        self.receive_error = None
        self.holding = Holding(self.router, self._receive, lambda function: function())
        monkeypatch.setattr(module, 'Sending', self._sending)
        monkeypatch.setattr(module._thread, 'start_new_thread', lambda function, args: self.threads.append(function))

    def _receive(self, place, over, msg):
        if self.receive_error is not None:
            raise self.receive_error
        self.received.append((place, over))
        return 'into'

    def _sending(self, *args):
        self.sendings.append(Sending(*args))
        return self.sendings[-1]

    def begin(self, content=CONTENT, data=None):
        return self.holding.begin(hashlib.sha256(content).digest(), len(content), data, self.msg)

    def arrive(self, content=CONTENT):
        """All of the content that was begun last."""
        place, over = self.received[-1]
        place.take(None, 'data', content)
        place.end(hashlib.sha256(content).digest(), len(content))
        over(None, None)

    def relay(self, progress=None):
        return self.holding.relay(self.target, '/to', SHA256, ({'mode': 0o600}, False), progress, self.msg)


@pytest.fixture
def side(monkeypatch):
    return Side(monkeypatch)


class TestBegin:
    def test_a_small_one_comes_with_the_request(self, side):
        assert side.begin(data=CONTENT) == DONE
        assert side.store.get(SHA256) == CONTENT

    def test_one_that_is_kept_need_not_come(self, side):
        side.store.put(SHA256, CONTENT)
        assert side.begin() == DONE
        assert side.received == []

    def test_the_first_who_asks_sends_it_and_the_others_wait(self, side):
        assert side.begin() == {'is_done': False, 'into': 'into', 'offset': 0, 'signature': None}
        assert side.begin() == DONE
        side.arrive()
        assert side.store.get(SHA256) == CONTENT

    def test_one_that_is_not_what_it_was_said_to_be_is_not_kept(self, side):
        side.begin()
        side.received[0][0].take(None, 'data', b'nothing')
        with pytest.raises(TransferError, match='did not arrive as it was sent'):
            side.received[0][0].end(SHA256, 7)
        assert side.store.get(SHA256) is None

    @pytest.mark.parametrize('error', [TransferError('too many transfers'), OSError(28, 'No space left on device')])
    def test_one_that_cannot_come_is_not_waited_for(self, side, error):
        side.receive_error = error
        assert side.begin() is None
        side.receive_error = None
        assert side.begin()['into'] == 'into', 'the next one tries again'

    def test_no_other_error_leaves_others_waiting(self, side):
        side.receive_error = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            side.begin()
        side.receive_error = None
        assert not side.begin()['is_done']

    def test_what_memory_has_no_room_for_goes_to_the_disk_and_the_cache_folder(self, monkeypatch, tmp_path):
        monkeypatch.setattr(module, 'MAX_HELD_BYTES', 1)
        monkeypatch.setattr('svcfw.files.relay.spools.folders', lambda: [str(tmp_path)])
        side = Side(monkeypatch)
        kept = []
        monkeypatch.setattr(side.store, 'put_file', lambda digest, fd: kept.append(digest))
        side.begin()
        side.arrive()
        assert kept == [SHA256]

    def test_where_there_is_no_room_at_all(self, monkeypatch):
        monkeypatch.setattr(module, 'MAX_HELD_BYTES', 1)
        monkeypatch.setattr('svcfw.files.relay.spools.folders', list)
        assert Side(monkeypatch).begin() is None


class TestRelayToAChild:
    def test_what_is_not_held_cannot_be_relayed(self, side):
        assert side.relay() is False

    def test_the_child_may_have_it(self, side):
        side.store.put(SHA256, CONTENT)
        side.target.answers = {'begin_put': [DONE]}
        assert side.relay() is NO_REPLY
        assert side.msg.outcome is True
        ((_, asked),) = side.target.asked
        assert (asked['path'], asked['digest'], asked['wanted']) == ('/to', SHA256, {'mode': 0o600})
        assert asked['data'] == CONTENT
        assert Transfers.of(side.router).was_given(side.target.id, SHA256)

    @pytest.fixture
    def begun(self, side, monkeypatch):
        """begun(): the Sending of a content that is still to come, and too large to be sent with a request."""
        monkeypatch.setattr('svcfw.files.put.INLINE_BYTES', len(CONTENT) - 1)

        def begin(offset=0, progress=None):
            side.begin()
            side.target.answers = {'begin_put': [{'is_done': False, 'into': side.into, 'offset': offset}]}
            assert side.relay(progress) is NO_REPLY
            (sending,) = side.sendings
            assert (sending.into, sending.is_woken, side.msg.outcome) == (side.into, True, 'nothing')
            return sending

        return begin

    def test_what_arrives_is_passed_on(self, side, begun):
        sending = begun(offset=3)
        assert sending.parts.next(100, 0) is WAIT
        side.arrive()
        assert sending.parts.next(100, 0) == ('data', CONTENT[3:])
        sending.over(None, None)
        assert side.msg.outcome is True

    def test_a_failure_of_the_child_is_the_answer(self, side, begun):
        begun().over(TransferError('no room'), None)
        assert isinstance(side.msg.outcome, CallError)
        assert side.msg.outcome.message == 'jump: /to: no room'

    def test_a_content_that_did_not_come_is_to_be_asked_for_elsewhere(self, side, begun):
        sending = begun()
        side.received[0][1](TransferError('it was interrupted'), None)
        sending.over(TransferError('it was interrupted'), None)
        assert side.msg.outcome is False

    def test_a_malformed_answer_is_a_failure(self, side):
        side.store.put(SHA256, CONTENT)
        side.target.answers = {'begin_put': [{'is_done': False, 'into': 'elsewhere', 'offset': 0}]}
        side.relay()
        assert 'malformed answer' in side.msg.outcome.message

    def test_progress_is_told_in_steps(self, begun):
        told = []
        sending = begun(progress=SimpleNamespace(send=told.append))
        for done in (0, 1, 7):
            sending.on_progress(done)
        assert told == [0, 1, 7]
        step = module._Progress(SimpleNamespace(send=told.append), 1000)
        del told[:]
        for done in range(31):
            step(done)
        assert told == [0, 10, 20, 30]


class TestRelayToADescendant:
    @pytest.fixture
    def put(self, side, monkeypatch):
        """run(put) is what a Put does."""
        side.is_child = False
        side.store.put(SHA256, CONTENT)
        made = SimpleNamespace(run=lambda put: None)

        class Put(module.Put):
            def run(self):
                made.run(self)

        monkeypatch.setattr(module, 'Put', Put)
        return made

    def test_a_thread_of_its_own_waits(self, side, put):
        assert side.relay() is NO_REPLY
        assert side.msg.outcome == 'nothing'
        side.threads[0]()
        assert side.msg.outcome is True

    @pytest.mark.parametrize('failure', [None, 'it was interrupted'])
    def test_a_failure(self, side, put, failure):
        def run(put):
            put.source.failure = failure
            raise TransferError('no room')

        put.run = run
        side.relay()
        side.threads[0]()
        if failure is None:
            assert side.msg.outcome.message == 'no room'
        else:
            assert side.msg.outcome is False

    def test_only_so_many_have_threads_of_their_own(self, side, put, monkeypatch):
        monkeypatch.setattr(module, 'MAX_THREADS', 1)
        assert [side.relay(), side.relay()] == [NO_REPLY, True]
        side.threads[0]()
        assert side.relay() is NO_REPLY

    def test_an_account_may_have_no_more(self, side, put, monkeypatch):
        def refuse(function, args):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(module, 'MAX_THREADS', 1)
        monkeypatch.setattr(module._thread, 'start_new_thread', refuse)
        assert [side.relay(), side.relay()] == [True, True]
        monkeypatch.setattr(module._thread, 'start_new_thread', lambda function, args: None)
        assert side.relay() is NO_REPLY, 'none of them counts as running'


class TestRelayTree:
    @pytest.fixture
    def packed(self, side):
        entries = [Entry('', DIRECTORY, 0, 0o755, 1, 1), Entry('file', FILE, 7, 0o644, 1, 1, digest=SHA256)]
        listing = Listing()
        (part,) = manifest.pack(iter(entries))
        listing.add(part, entries)
        content, _ = listing.pack()
        side.store.put(SHA256, CONTENT)
        side.begin(content, data=content)
        return content

    def relay(self, side, content, told=None):
        tell = SimpleNamespace(send=(told if told is not None else []).append)
        digest = hashlib.sha256(content).digest()
        return side.holding.relay_tree(side.target, '/to', digest, {'owner': False}, tell, side.msg)

    def test_a_manifest_that_is_not_held(self, side):
        assert self.relay(side, b'manifest') is None

    @pytest.mark.parametrize('fails', [True, False])
    def test_one_that_still_arrives_is_waited_for(self, side, packed, monkeypatch, fails):
        def wait():
            if fails:
                side.received[0][1](TransferError('it was interrupted'), None)
            else:
                side.arrive(packed)

        Transfers.of(side.router).store = Store()
        monkeypatch.setattr(module, 'Latch', lambda loop: SimpleNamespace(put=lambda: None, get=wait))
        holding = side.holding = Holding(side.router, side._receive, lambda function: function())
        side.target.answers = {'begin_put_tree': [{'into': side.into, 'lacks_all': True}]}
        assert holding.begin(hashlib.sha256(packed).digest(), len(packed), None, side.msg)['into'] == 'into'
        assert self.relay(side, packed) is (None if fails else NO_REPLY)

    def test_one_that_is_none(self, side):
        side.begin(b'manifest', data=b'manifest')
        with pytest.raises(ManifestError):
            self.relay(side, b'manifest')

    def test_a_child_gets_it_and_its_answer_is_passed_on(self, side, packed):
        side.target.answers = {'begin_put_tree': [{'into': side.into, 'lacks_all': True}]}
        told = []
        assert self.relay(side, packed, told) is NO_REPLY
        assert side.target.asked == [('begin_put_tree', {'path': '/to', 'owner': False})]
        (sending,) = side.sendings
        assert sending.parts.next(100, 0)[0] == 'manifest'
        assert sending.parts.next(100, 0)[-1] == CONTENT
        sending.on_progress(7)
        sending.over(None, ANSWER)
        assert (side.msg.outcome, told[0]) == (ANSWER, 7)

    @pytest.mark.parametrize('answer', [None, {'lacks_all': True}, {'lacks_all': 1, 'into': None}])
    def test_a_malformed_answer_of_the_child(self, side, packed, answer):
        side.target.answers = {'begin_put_tree': [answer]}
        self.relay(side, packed)
        assert side.msg.outcome.message.endswith('malformed answer of a FileService')

    @pytest.mark.parametrize(
        ('error', 'outcome'), [(NoRoomError('full'), False), (TransferError('no room'), 'jump: /to: no room')]
    )
    def test_whose_fault_it_is(self, side, packed, error, outcome):
        side.target.answers = {'begin_put_tree': [{'into': side.into, 'lacks_all': True}]}
        self.relay(side, packed)
        side.sendings[0].over(error, None)
        assert getattr(side.msg.outcome, 'message', side.msg.outcome) == outcome

    def test_the_same_manifest_is_unpacked_once_as_long_as_it_is_used(self, side, packed, monkeypatch):
        unpacked = []
        unpack = Listing.unpack
        monkeypatch.setattr(module.Listing, 'unpack', lambda content: unpacked.append(content) or unpack(content))
        side.target.answers = {'begin_put_tree': [{'into': side.into, 'lacks_all': True}] * 2}
        self.relay(side, packed)
        self.relay(side, packed)
        assert unpacked == [packed]

    @pytest.mark.parametrize('answer', [ANSWER, None])
    def test_a_descendant_gets_it_by_way_of_the_next_context_or_straight(self, side, packed, monkeypatch, answer):
        side.is_child = False
        side.target.answers = {'begin_put_tree': [{'into': side.into, 'lacks_all': True}]}
        monkeypatch.setattr(module, 'TreeThrough', lambda *args: SimpleNamespace(run=lambda progress: answer))
        closed = []
        monkeypatch.setattr(module.RelayedContents, 'close', lambda self: closed.append(self))
        assert self.relay(side, packed) is NO_REPLY
        side.threads[0]()
        if answer is None:
            side.sendings[0].over(None, ANSWER)
        assert side.msg.outcome == ANSWER
        assert len(side.sendings) == (answer is None)
        assert len(closed) == 1
