"""The side that receives: what it takes of a sender, and what it does not."""

import os

import pytest

from svcfw.core.wire.errors import ChannelError
from svcfw.files import receiving as receiving_module
from svcfw.files.messages.file_parts import DATA
from svcfw.service.errors import TransferError
from tests.support.timing import seconds
from tests.unit.files.pairs import Full


def test_a_receiver_that_fails_says_why(pair):
    pair.send(os.urandom(3000000), pair.receive(3000000, Full()))
    assert str(pair.sent.get()) == 'No space left on device'
    assert isinstance(pair.sent.get(), TransferError)
    assert isinstance(pair.received.get(), OSError)
    pair.check_nothing_is_left()


def test_what_comes_after_the_end_is_refused(pair):
    into = pair.receive(10)
    into.close('never mind')
    assert str(pair.received.get()) == 'never mind'
    with pytest.raises(ChannelError):
        into.context.request(into.handle, ('end', b'', 0), seconds(20))


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


@pytest.mark.parametrize('size', [10, 3000000])
def test_whoever_is_told_finds_nothing_left(pair, monkeypatch, size):
    order = []
    tell, refuse = receiving_module.Receiving._tell, receiving_module.call_error
    is_cause = 'No space left'

    def told(receiving, what):
        order.append(what if type(what) is str else 'a number')
        tell(receiving, what)

    def failed(error):
        found = refuse(error)
        order.append(found.message)
        return found

    monkeypatch.setattr(receiving_module.Receiving, '_tell', told)
    monkeypatch.setattr(receiving_module, 'call_error', failed)
    into = pair.receive(size, Full())
    over = pair.receiving._on_over
    pair.receiving._on_over = lambda error, value: (order.append('over'), over(error, value))
    pair.send(os.urandom(size), into)
    assert is_cause in str(pair.sent.get())
    causes = [each for each in order if each == 'over' or is_cause in each]
    assert causes[0] == 'over'
    assert len(causes) == 2
