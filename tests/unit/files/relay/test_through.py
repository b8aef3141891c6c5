"""A content goes by way of the next context, and straight only where that does not keep it."""

import hashlib

import pytest

from svcfw.core.context import Context, Sender
from svcfw.core.wire.errors import CallError, ChannelError, DecodeError
from svcfw.files.relay import through as module
from svcfw.files.relay.through import ATTEMPTS, Through
from svcfw.files.transfers import Transfers
from svcfw.service.errors import TransferError
from tests.support.contents import FakeReader
from tests.unit.files.relay.neighbours import Message, Neighbour, Router

SMALL, LARGE, HUGE = b'small', b'large' * 10, b'huge' * 100
DONE = {'is_done': True}


class Put:
    """In the place of svcfw.files.put.Put: `sent` has the answers that it was to send to, and `error` fails that."""

    wanted, packs, to = {'mode': 0o600}, False, '/to'

    def __init__(self, router, content):
        self.context = Context(router, 5, 'web1')
        self.source = FakeReader(content)
        self.source.again = lambda: FakeReader(content)
        self.sent, self.reported, self.error = [], [], None
        self.straight = {'is_done': False, 'into': Sender(self.context, 9), 'offset': 0, 'signature': None}
        self.pieces = []
        self.on_progress = self.report

    def report(self, done):
        self.reported.append(done)

    def begin(self, digest, data):
        return self.straight

    def send(self, answer, allow=None):
        self.sent.append(answer)
        if allow is not None:
            for piece in self.pieces:
                allow(piece)
        if self.error is not None:
            raise self.error


class Way:
    """One put by way of a neighbour with these answers."""

    def __init__(self, content, **answers):
        self.router = Router()
        self.router.send = lambda frame: None
        self.put = Put(self.router, content)
        self.neighbour = Neighbour(self.router, **answers)
        self.digest = hashlib.sha256(content).digest()
        self.transfers = Transfers.of(self.router)
        self.to_send = {'is_done': False, 'into': Sender(self.neighbour, 7), 'offset': 0}

    def run(self):
        try:
            return Through(self.put, self.neighbour, self.digest).run()
        finally:
            assert self.router.handlers == {}, 'it listens no more'


@pytest.fixture(autouse=True)
def sizes(monkeypatch):
    monkeypatch.setattr(module, 'INLINE_BYTES', len(SMALL))
    monkeypatch.setattr(module, 'MAX_HELD_BYTES', len(LARGE))


class TestSmall:
    def test_it_travels_with_the_first_request_only(self):
        way = Way(SMALL, begin_hold=[DONE], relay=[True, True])
        assert (way.run(), way.run()) == (True, True)
        assert way.neighbour.methods == ['begin_hold', 'relay', 'relay']
        assert way.neighbour.asked[0][1]['data'] == SMALL
        relay = way.neighbour.asked[1][1]
        assert (relay['target'], relay['path'], relay['digest']) == (way.put.context, '/to', way.digest)
        assert (relay['wanted'], relay['packs'], relay['progress']) == ({'mode': 0o600}, False, None)

    def test_what_it_has_dropped_is_given_again(self):
        way = Way(SMALL, begin_hold=[DONE], relay=[False, True])
        way.transfers.has_given(2, way.digest)
        assert way.run()
        assert way.neighbour.methods == ['relay', 'begin_hold', 'relay']

    def test_one_that_keeps_nothing_is_not_used(self):
        way = Way(SMALL, begin_hold=[DONE] * ATTEMPTS, relay=[False] * ATTEMPTS)
        assert not way.run()
        assert way.router.logged == ['jump does not pass /to on to web1, which gets it straight: it does not keep it']

    @pytest.mark.parametrize(
        ('answer', 'cause'),
        [
            (CallError('t', 'no room'), 'jump: /to: no room'),
            ({'is_done': False}, 'jump: /to: malformed answer'),
            (None, 'jump: /to: malformed answer'),
        ],
    )
    def test_an_error_of_it_ends_the_relay_too(self, answer, cause):
        way = Way(SMALL, begin_hold=[answer], relay=[True])
        with pytest.raises(TransferError, match=cause):
            way.run()
        assert way.neighbour.replies[1].is_cancelled
        assert not way.transfers.was_given(2, way.digest)


class TestLarge:
    def test_who_is_first_sends_it_while_it_is_passed_on(self):
        way = Way(LARGE)
        way.neighbour.answers = {'begin_hold': [way.to_send], 'relay': [True]}
        assert way.run()
        assert way.put.sent == [way.to_send]
        assert way.neighbour.asked[1][1]['progress'] is None, 'its own progress is that of what it sends'

    def test_where_there_is_no_room_it_goes_straight(self):
        way = Way(LARGE, begin_hold=[None])
        assert not way.run()
        assert way.router.logged[0].endswith('it has no room for it')

    @pytest.mark.parametrize('passed', [True, False])
    def test_a_failure_to_send_it_may_come_after_the_target_has_it(self, passed):
        way = Way(LARGE)
        way.neighbour.answers = {'begin_hold': [way.to_send], 'relay': [passed]}
        way.put.error = TransferError('it was closed')
        assert way.run() == passed
        assert way.put.source.checked == 1
        assert [line.rpartition(': ')[2] for line in way.router.logged] == ([] if passed else ['it was closed'])

    def test_a_file_that_was_modified_is_an_error(self):
        def check():
            raise TransferError('/x was modified')

        way = Way(LARGE)
        way.neighbour.answers = {'begin_hold': [way.to_send], 'relay': [True]}
        way.put.error, way.put.source.check = TransferError('it was closed'), check
        with pytest.raises(TransferError, match='web1: /to: /x was modified'):
            way.run()
        assert way.neighbour.replies[-1].is_cancelled

    def test_what_another_sends_is_followed(self):
        way = Way(LARGE)

        def relay(progress, **arguments):
            way.router.handlers[progress.handle](Message(said=3))
            way.router.handlers[progress.handle](Message(said=4))  # of which one at a time is kept
            return True

        way.neighbour.answers = {'begin_hold': [DONE], 'relay': [relay]}
        assert way.run()
        assert (way.put.sent, way.put.reported) == ([], [3])

    def test_who_follows_takes_over_when_the_other_fails(self):
        way = Way(LARGE)
        way.neighbour.answers = {'begin_hold': [DONE, way.to_send], 'relay': [False, True]}
        assert way.run()
        assert (way.put.sent, way.put.source.checked) == ([way.to_send], 1)

    def test_after_so_many_failures_of_others_it_goes_straight(self):
        way = Way(LARGE, begin_hold=[DONE] * ATTEMPTS, relay=[False] * ATTEMPTS)
        assert not way.run()
        assert way.router.logged[0].endswith('those who sent it there have failed')

    @pytest.mark.parametrize('said', ['3', -1, len(LARGE) + 1, True, DecodeError('nonsense')])
    def test_progress_that_cannot_be(self, said):
        way = Way(LARGE)

        def relay(progress, **arguments):
            way.router.handlers[progress.handle](Message(said=said))
            return True

        way.neighbour.answers = {'begin_hold': [DONE], 'relay': [relay]}
        with pytest.raises(TransferError, match='jump: /to: malformed answer'):
            way.run()
        assert way.neighbour.replies[-1].is_cancelled

    @pytest.mark.parametrize(
        ('answer', 'kind', 'cause'),
        [
            (1, TransferError, 'jump: /to: malformed answer'),
            (CallError('t', 'no room'), TransferError, 'jump: /to: no room'),
            (CallError(f'{ChannelError.__module__}.ChannelError', 'web1: it was lost'), ChannelError, 'web1: it was'),
        ],
    )
    def test_errors_of_the_relay(self, answer, kind, cause):
        way = Way(LARGE, begin_hold=[DONE], relay=[answer])
        with pytest.raises(kind, match=cause):
            way.run()


class TestHuge:
    """What the target lacks of a content that memory has no room for goes straight, if it has some of it."""

    def test_all_of_it_is_there(self):
        way = Way(HUGE)
        way.put.straight = DONE
        assert way.run()
        assert way.neighbour.asked == []

    def test_nothing_is_there(self):
        frames = []
        way = Way(HUGE, begin_hold=[DONE], relay=[True])
        way.router.send = frames.append
        assert way.run()
        assert [frame.payload for frame in frames] == [b'it comes by way of jump']
        assert way.put.sent == []

    @pytest.mark.parametrize('known', [{'offset': 7}, {'signature': b'packed'}])
    def test_some_of_it_is_there(self, known):
        way = Way(HUGE)
        way.put.straight.update(known)
        way.put.pieces = [100, 200]
        assert way.run()
        assert (way.put.sent, way.neighbour.asked) == ([way.put.straight], [])

    def test_many_targets_together_get_no_more_than_the_whole_straight(self):
        way = Way(HUGE, relay=[True])
        way.neighbour.answers['begin_hold'] = [way.to_send]
        way.put.straight.update(offset=7)
        way.put.pieces = [len(HUGE) - 1, 1]
        assert way.run()
        assert way.neighbour.asked == []
        way.put.pieces = [1]
        assert way.run()
        assert way.neighbour.methods == ['begin_hold', 'relay']
        assert way.put.sent[-1] is way.to_send
        assert way.run(), 'straight again, once the whole has been sent another time'
        assert way.neighbour.methods == ['begin_hold', 'relay']
