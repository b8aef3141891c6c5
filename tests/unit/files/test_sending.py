"""A transfer between two routers: it ends, whichever side is to blame, and leaves nothing behind."""

import hashlib
import io
import os
import threading

import pytest

from svcfw.core.context import Sender
from svcfw.core.wire.errors import ChannelError, WindowError
from svcfw.core.wire.pace import Pace
from svcfw.files import receiving as receiving_module
from svcfw.files.disk.file_object import FileObject
from svcfw.files.disk.reader import Content
from svcfw.files.messages.file_parts import DATA, FileParts, FilePlace
from svcfw.files.receiving import Receiving
from svcfw.files.relay.spool import Spool, SpoolReader
from svcfw.files.sending import START, Sending
from svcfw.service.errors import TransferError
from tests.support.routers import tree
from tests.support.timing import seconds, wait_until


class Outcome:
    """What `on_over` was called with."""

    def __init__(self):
        self._is_over = threading.Event()
        self.calls = []

    def __call__(self, error, value):
        self.calls.append((error, value))
        self._is_over.set()

    def get(self):
        assert self._is_over.wait(seconds(20)), 'it does not end'
        ((error, value),) = self.calls
        return error if error is not None else value


class Pair:
    """A master that sends and a child that receives, both on their loops' threads."""

    def __init__(self, made):
        self.master = made.master()
        self.child = made.child(self.master, 1, 'child')
        self.sent, self.received = Outcome(), Outcome()
        self.pace = Pace()

    def receive(self, size, file=None, schedule=None):
        writer = FileObject(file if file is not None else io.BytesIO())
        router = self.child.router
        self.receiving = Receiving(
            router,
            router.parent(),
            FilePlace(writer, writer.check, size),
            schedule or (lambda: self.receiving.pump()),
            self.received,
        )
        return Sender(self.master.router.context(1, 'child'), self.receiving.handle)

    def send(self, data, into):
        parts = FileParts(Content(data, hashlib.sha256(data).digest(), {}))
        self.sending = Sending(parts, into, self.pace.flow(), lambda: self.sending.pump(), self.sent)
        self.sending.wake()

    def check_nothing_is_left(self):
        flow = self.pace.flow()
        assert flow.chunk_bytes()
        flow.close()
        assert self.pace._flows == 0
        assert self.pace._under_way == 0


@pytest.fixture
def pair():
    with tree() as made:
        yield Pair(made)


def test_a_content_arrives(pair):
    data = os.urandom(3000000)
    file = io.BytesIO()
    pair.send(data, pair.receive(len(data), file))
    assert pair.sent.get() == pair.received.get() == hashlib.sha256(data).digest()
    assert file.getvalue() == data
    pair.check_nothing_is_left()


class Full:
    def write(self, data):
        raise OSError(28, 'No space left on device')


def test_a_receiver_that_fails_says_why(pair):
    pair.send(os.urandom(3000000), pair.receive(3000000, Full()))
    assert str(pair.sent.get()) == 'No space left on device'
    assert isinstance(pair.sent.get(), TransferError)
    assert isinstance(pair.received.get(), OSError)
    pair.check_nothing_is_left()


def test_a_sender_that_gives_up_says_why(pair):
    into = pair.receive(3000000, schedule=lambda: None)  # it takes nothing yet: not all of it can be sent
    pair.send(os.urandom(3000000), into)
    pair.sending.give_up(TransferError('enough'))
    assert str(pair.sent.get()) == 'enough'
    wait_until(lambda: pair.receiving.pump() or pair.received.calls, seconds(20), 'the receiver hears of it')
    error = pair.received.get()
    assert isinstance(error, TransferError)
    assert 'enough' in str(error)
    pair.check_nothing_is_left()


def test_what_comes_after_the_end_is_refused(pair):
    into = pair.receive(10)
    into.close('never mind')
    assert str(pair.received.get()) == 'never mind'
    with pytest.raises(ChannelError):
        into.context.request(into.handle, ('end', b'', 0), seconds(20))


@pytest.mark.parametrize(('said', 'kind'), [(1 << 40, WindowError), (-1, WindowError), (b'x', TransferError)])
def test_acknowledgements_that_are_none(pair, said, kind):
    heard = []
    child = pair.child.router

    def answer(message):
        value = message.value()
        if value[0] == START:
            heard.append(value[1])
            value[1].send(said)

    handle = child.add_handler(answer)
    pair.send(os.urandom(3000000), Sender(pair.master.router.context(1, 'child'), handle))
    assert isinstance(pair.sent.get(), kind)
    assert pair.pace._under_way == 0


def test_a_sender_that_does_not_wait_is_cut_off(pair, monkeypatch):
    monkeypatch.setattr(receiving_module, 'MAX_HELD_BYTES', 1000000)
    scheduled = []
    into = pair.receive(1 << 40, schedule=lambda: scheduled.append(1))
    for _ in range(30):
        into.send((DATA, bytes(100000)))
    pair.child.router.add_handler(lambda message: message.reply(None), 500)
    into.context.request(500, None, seconds(20))  # what was sent before has come
    assert scheduled == [1]
    pair.child.do(pair.receiving.pump)
    assert 'sent more data than the window allows' in str(pair.received.get())


def test_a_sender_that_does_not_say_who_it_is(pair):
    pair.receive(10).send((DATA, b'x'))
    assert 'expected START' in str(pair.received.get())


def test_a_lost_context_ends_both(pair):
    into = pair.receive(1 << 30, schedule=lambda: None)  # takes nothing
    pair.send(os.urandom(3000000), into)
    pair.master.do(lambda: pair.master.router.link_for(1).close('it was lost'))
    assert isinstance(pair.sent.get(), ChannelError)
    assert pair.pace._under_way == 0


def test_a_receiver_for_which_nothing_has_come_yet_is_not_stalled(pair):
    into = pair.receive(3)
    spool = Spool(hashlib.sha256(b'abc').digest(), 3)
    parts = FileParts(SpoolReader(spool, lambda: None))
    sending = pair.sending = Sending(parts, into, pair.pace.flow(), lambda: pair.sending.pump(), pair.sent)
    sending.wake()
    wait_until(lambda: parts.is_starved, seconds(20), 'it waits for the content')
    pair.master.do(lambda: sending._look(sending._flow.total_acknowledged))
    spool.write(b'abc')
    spool.finish(spool.digest)
    assert pair.sent.get() == spool.digest


def test_a_receiver_that_takes_nothing_is_stalled(pair):
    has_come = threading.Event()
    pair.send(os.urandom(3000000), pair.receive(3000000, schedule=has_come.set))
    assert has_come.wait(seconds(20)), 'nothing comes'
    pair.master.do(lambda: pair.sending._look(0))
    assert 'acknowledged nothing for' in str(pair.sent.get())
