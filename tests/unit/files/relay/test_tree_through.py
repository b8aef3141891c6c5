"""A folder goes by way of the next context, which gets the manifest, and then those contents that it asks for."""

import hashlib

import pytest

from svcfw.core.context import Context, Sender
from svcfw.core.wire.errors import CallError, ChannelError
from svcfw.files.messages.tree_parts import numbers
from svcfw.files.relay import tree_through as module
from svcfw.files.relay.listing import Listing
from svcfw.files.relay.tree_through import ATTEMPTS, MAX_ASKED, TreeThrough
from svcfw.files.sending import WAIT
from svcfw.files.transfers import Transfers
from svcfw.service.errors import TransferError
from tests.support.contents import FakeReader
from tests.unit.files.relay.neighbours import Message, Neighbour, Router

DONE = {'is_done': True}
ANSWER = {'files': 2, 'written': 2, 'skipped': []}
CONTENTS = {3: b'one', 7: b'two'}


class Contents:
    """In the place of a Folder; `error` is what opening one raises."""

    error = None

    def want(self, wanted):
        pass

    def open(self, number):
        if self.error is not None:
            raise self.error
        return FakeReader(CONTENTS[number])

    def check(self, number, source):
        pass


class Sending:
    """In the place of svcfw.files.sending.Sending: what is to be sent arrives at once, in `sent`."""

    made = ()
    sent = b''
    is_aborted = False

    def __init__(self, parts, into, flow, schedule, on_over):
        self.parts, self.into, self.wake, self._on_over = parts, into, schedule, on_over
        self._is_over = False
        self.made.append(self)
        parts.begin(self)

    def pump(self):
        while not self._is_over:
            try:
                part = self.parts.next(1000, 0)
            except TransferError as e:
                self._over(e)
                return
            if part is WAIT:
                return
            if part is None:
                self._over(None)
            else:
                self.sent += part[1]

    def _over(self, error):
        self._is_over = True
        self._on_over(error, None)

    def abort(self, error):
        self.is_aborted = not self._is_over


@pytest.fixture(autouse=True)
def made(monkeypatch):
    """The Sendings of a test."""
    monkeypatch.setattr(Sending, 'made', [])
    monkeypatch.setattr(module, 'Sending', Sending)
    return Sending.made


class Way:
    """One folder by way of a neighbour, which tells `told` in the first relay; `into` stands for where it receives."""

    def __init__(self, told=(), relay=(ANSWER,), hold=(DONE,)):
        self.router = Router()
        self.told = told
        self.neighbour = Neighbour(self.router, begin_hold=list(hold), relay_tree=[self._first(*relay), *relay[1:]])
        self.into = Sender(self.neighbour, 7)
        self.transfers = Transfers.of(self.router)
        self.listing = Listing()
        self.listing.parts = [(b'manifest', list(CONTENTS))]
        for number, content in CONTENTS.items():
            self.listing.files[number] = len(content), hashlib.sha256(content).digest()
        self.contents = Contents()
        self.progress = []

    def _first(self, answer=None, *more):
        def relay_tree(tell, **arguments):
            for said in self.told:
                self.router.handlers[tell.handle](Message(said=self.into if said == 'into' else said))
            return answer

        return relay_tree

    def run(self):
        target = Context(self.router, 5, 'web1')
        through = TreeThrough(target, self.neighbour, self.listing, '/to', {'owner': False}, self.contents)
        try:
            return through.run(self.progress.append)
        finally:
            assert self.router.handlers == {}, 'it listens no more'


def test_the_manifest_goes_with_the_request_once_and_the_contents_as_they_are_asked_for(made):
    way = Way(['into', numbers([7]), 3, numbers([3])], relay=[ANSWER, ANSWER], hold=[DONE, DONE])
    assert way.run() == ANSWER
    assert (made[0].into, made[0].sent) == (way.into, b'twoone')
    assert way.progress == [3]
    content, digest = way.listing.pack()
    (_, hold), (_, relay) = way.neighbour.asked
    assert (hold['data'], hold['digest'], hold['size']) == (content, digest, len(content))
    assert (relay['path'], relay['digest'], relay['options']) == ('/to', digest, {'owner': False})
    assert way.run() == ANSWER
    assert way.neighbour.asked[2][1]['data'] is None


def test_a_large_manifest_is_sent_as_any_content(monkeypatch):
    monkeypatch.setattr(module, 'INLINE_BYTES', 1)
    sent = []

    def send(context, parts, into, about, on_progress):
        sent.append((context, into, about, parts.next(1000, 0)))

    monkeypatch.setattr(module, 'send', send)
    way = Way()
    way.neighbour.answers['begin_hold'] = [{'is_done': False, 'into': way.into, 'offset': 0}]
    assert way.run() == ANSWER
    assert sent == [(way.neighbour, way.into, '/to', ('data', way.listing.pack()[0]))]


@pytest.mark.parametrize(
    ('hold', 'relay', 'reason'),
    [
        ([None], [], 'it has no room for it'),
        ([DONE], [False], 'it cannot keep it'),
        ([DONE] * ATTEMPTS, [None] * ATTEMPTS, 'it does not keep it'),
    ],
)
def test_one_that_cannot_relay_is_not_used(hold, relay, reason):
    way = Way(relay=relay, hold=hold)
    assert way.run() is None
    assert way.router.logged == [f'jump does not pass /to on to web1, which gets it straight: {reason}']
    assert all(arguments['data'] for method, arguments in way.neighbour.asked if method == 'begin_hold')


@pytest.mark.parametrize(
    'told',
    [
        ['text'],
        [Sender(Context(None, 6), 7)],
        ['into', 'into'],
        [b'odd'],
        [numbers([4])],
        [numbers([3, 7] * MAX_ASKED), numbers([3])],
        [CallError('t', 'nonsense')],
    ],
)
def test_a_relay_that_tells_nonsense_gets_nothing_more(made, told):
    way = Way(told)
    with pytest.raises(TransferError, match='jump: /to: malformed answer'):
        way.run()
    assert way.neighbour.replies[-1].is_cancelled
    assert all(sending.is_aborted for sending in made)


def test_one_that_tells_faster_than_it_is_heard_is_ended(monkeypatch):
    monkeypatch.setattr(module, 'MAX_TOLD', 1)
    assert Way([1, 2]).run() == ANSWER
    with pytest.raises(TransferError, match='malformed answer'):
        Way([1, 2, 3]).run()


def test_a_file_here_that_was_modified_is_an_error_of_the_folder():
    way = Way(['into', numbers([3])])
    way.contents.error = TransferError('/from/x was modified')
    with pytest.raises(TransferError, match='web1: /to: /from/x was modified'):
        way.run()


@pytest.mark.parametrize(
    ('answer', 'kind', 'cause'),
    [
        (CallError('t', 'no room'), TransferError, 'jump: /to: no room'),
        (CallError(f'{ChannelError.__module__}.ChannelError', 'web1: it was lost'), ChannelError, 'web1: it was lost'),
        (ChannelError('jump: it was lost'), ChannelError, 'jump: it was lost'),
        ({**ANSWER, 'files': None}, TransferError, 'jump: /to: malformed answer'),
        (True, TransferError, 'jump: /to: malformed answer'),
    ],
)
def test_an_answer_that_is_none(answer, kind, cause):
    with pytest.raises(kind, match='^' + cause):
        Way(relay=[answer]).run()


def test_a_local_folder(made, tmp_path):
    (tmp_path / 'file').write_bytes(b'content')
    way, done = Way(['into', numbers([1]), 5]), []
    answer = module.put_tree(
        Context(way.router, 5, 'web1'), way.neighbour, str(tmp_path), '/to', {}, False, lambda *args: done.append(args)
    )
    assert (answer, made[0].sent, done) == (ANSWER, b'content', [(5, 7)])
