"""A transfer between two routers: it ends, whichever side is to blame, and leaves nothing behind."""

import hashlib
import io
import os
import threading

import pytest

from svcfw.core.context import Sender
from svcfw.core.wire.errors import ChannelError, WindowError
from svcfw.files.messages.file_parts import FileParts
from svcfw.files.relay.spool import Spool, SpoolReader
from svcfw.files.sending import START, Sending
from svcfw.service.errors import TransferError
from tests.support.timing import seconds, wait_until


def test_a_content_arrives(pair):
    data = os.urandom(3000000)
    file = io.BytesIO()
    pair.send(data, pair.receive(len(data), file))
    assert pair.sent.get() == pair.received.get() == hashlib.sha256(data).digest()
    assert file.getvalue() == data
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
