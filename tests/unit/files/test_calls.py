"""What a client believes of a FileService's answers, and how it names errors."""

from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.core.context import Context, Sender
from svcfw.core.loop import Loop
from svcfw.core.wire.errors import CallError, ChannelError
from svcfw.files import calls
from svcfw.files.calls import CallingThread, checked, explained, is_metadata, leads_to, lost_or, wait_for
from svcfw.service.errors import TransferError

HERE = Context(None, 5, 'web1')
INTO = Sender(HERE, 9)
ANSWER = {'is_done': False, 'into': INTO, 'offset': 3}
METADATA = {'size': 1, 'mode': 0o600, 'owner': 'me', 'group': 'me', 'mtime_ns': 1, 'atime_ns': 1}


@pytest.mark.parametrize('answer', [{'is_done': True}, ANSWER, {**ANSWER, 'same_size': [b'digest']}])
def test_an_answer_that_is_one(answer: Any) -> None:
    assert checked(HERE, '/x', answer, 10) is answer


@pytest.mark.parametrize(
    'answer',
    [
        None,
        [],
        {},
        {**ANSWER, 'is_done': 1},
        {**ANSWER, 'offset': -1},
        {**ANSWER, 'offset': 11},
        {**ANSWER, 'offset': True},
        {**ANSWER, 'same_size': 5},
        {**ANSWER, 'into': None},
        {**ANSWER, 'into': Sender(Context(None, 6), 9)},
    ],
)
def test_one_that_is_none_directs_nothing_elsewhere(answer: Any) -> None:
    with pytest.raises(TransferError, match='web1: /x: malformed answer'):
        checked(HERE, '/x', answer, 10)


def test_a_sender_of_another_context_leads_elsewhere() -> None:
    assert leads_to(HERE, INTO)
    assert not leads_to(Context(None, 6), INTO)
    assert not leads_to(HERE, (5, 9))


@pytest.mark.parametrize('wrong', [{}, {'size': '1'}, {'mode': None}, {'mtime_ns': 0.5}])
def test_metadata(wrong: Any) -> None:
    assert is_metadata({**METADATA, **wrong}) == (not wrong)
    assert not is_metadata(list(METADATA))


def test_an_error_names_the_context_and_the_file() -> None:
    assert str(explained(HERE, '/x', CallError('t', 'no room'))) == 'web1: /x: no room'
    assert str(explained(HERE, '/x', TransferError('no room'))) == 'web1: /x: no room'
    other = ChannelError('gone')
    assert explained(HERE, '/x', other) is other


def test_a_target_that_a_relay_has_lost_is_lost() -> None:
    lost = lost_or(CallError(f'{ChannelError.__module__}.ChannelError', 'web2: it has shut down'), HERE, '/x')
    assert (type(lost), str(lost)) == (ChannelError, 'web2: it has shut down')
    assert type(lost_or(CallError('other', 'no'), HERE, '/x')) is TransferError


def test_the_calling_thread_works_until_the_transfer_is_over() -> None:
    loop = Loop(lambda error: None)
    thread, done = CallingThread(loop), []

    def last() -> None:
        done.append('last')
        thread.over(None, 'the value')

    thread.schedule(lambda: done.append('first'))
    thread.schedule(last)
    assert thread.wait() == 'the value'
    assert done == ['first', 'last']
    thread.schedule(last)
    assert done == ['first', 'last'], 'what comes late is dropped'
    failed = CallingThread(loop)
    failed.over(TransferError('no room'), None)
    with pytest.raises(TransferError, match='no room'):
        failed.wait()
    loop.close()


@pytest.mark.parametrize('is_there', [False, True])
def test_an_answer_is_heard_once(is_there: bool) -> None:
    heard: list[Any] = []
    reply: Any = SimpleNamespace(notify=None, closed=None, empty=lambda: not is_there)
    wait_for(reply, heard.append)
    assert heard == ([reply] if is_there else [])
    reply.notify(reply)
    reply.notify(reply)
    assert heard == [reply]
    assert calls.SERVICE.endswith('.FileService')
