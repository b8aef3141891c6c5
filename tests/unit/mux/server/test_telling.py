"""What a client hears beside its answers: nothing unless it has named its run."""

import pytest

from svcfw.agent import ops
from svcfw.core.wire.errors import StartError
from svcfw.mux import protocol
from svcfw.mux.requests import Module
from svcfw.mux.server.telling import about, cost
from tests.support.jobs import source_job
from tests.unit.mux.server.fakes import FakeClient

RUN = 'run-1'


@pytest.fixture
def client():
    made = FakeClient()
    made.node.facts = {'user': 'bob', 'python': '/usr/bin/python3', 'version': (3, 11, 2)}
    made.node.run = RUN
    made.send(protocol.HELLO, ({}, 60, None, RUN, 3))
    made.take()
    return made


def kinds(client):
    sent = client.take()
    return [handle for handle, _, _ in sent], [value for _, _, value in sent]


def test_silence_without_a_run():
    client = FakeClient()
    client.ask(ops.COMMAND, None, 'id', b'', None, None)
    client.node.answer((ops.DONE, 0, b'', b''))
    assert [handle for handle, *_ in client.take()] == [protocol.RESULT]
    assert client.node.told == []


def test_a_context_is_told_of_once_before_the_first_answer(client):
    client.ask(ops.FLUSH)
    client.node.answer(None)
    handles, values = kinds(client)
    assert handles == [protocol.ABOUT, protocol.COST, protocol.RESULT]
    told = about(values[0])
    assert (told.is_root, told.is_new, told.way) == (True, True, 'openssh (ssh found)')
    assert (told.user, told.python, told.version) == ('bob', '/usr/bin/python3', '3.11.2')
    assert (told.command, told.said) == (['ssh', 'web1', 'boot'], 'debug1: said')
    client.ask(ops.FLUSH, number=2)
    client.node.answer(None)
    assert kinds(client)[0] == [protocol.COST, protocol.RESULT]


def test_a_context_of_another_run_is_a_reused_one_and_has_spoken_before(client):
    client.node.run = 'run-0'
    client.ask(ops.FLUSH)
    told = about(client.take()[0][2])
    assert (told.is_new, told.said) == (False, '')


def test_what_is_measured(client):
    clock = client.server.router
    client.ask(ops.COMMAND, None, 'id', b'', None, None)
    assert (ops.TIMED, 7, ()) in client.node.told
    clock.now += 2
    client.node.sent_bytes += 100
    client.node.answer((ops.PART, b'abc', b''))
    client.node.answer((ops.DONE, 0, b'd', b'e', 1_500_000))
    [told] = [cost(value) for handle, _, value in client.take() if handle == protocol.COST]
    assert told == (2.0, 0.0, 1.5, 100, 5, 0, 0)


@pytest.mark.parametrize('more', [(7, 2), (7, 2, 1_500_000)])
def test_which_run_of_its_process_a_module_was(client, more):
    client.ask(ops.MODULE, *Module(source_job(''), None, None).values())
    client.node.answer((ops.DONE, 0, b'', b'', *more))
    [told] = [cost(value) for handle, _, value in client.take() if handle == protocol.COST]
    assert (told.run, told.why_new, told.target_s) == (7, 2, 1.5 if len(more) > 2 else 0.0)


def test_what_was_sent_for_others_before_does_not_count(client):
    client.node.sent_bytes = 1000
    client.ask(ops.FLUSH)
    client.node.sent_bytes += 10
    client.node.answer(None)
    [told] = [cost(value) for handle, _, value in client.take() if handle == protocol.COST]
    assert told.sent == 10


def test_the_start_of_a_context_is_told_apart():
    client = FakeClient(up=False)
    client.send(protocol.HELLO, ({}, 60, None, RUN, 0))
    client.take()
    client.ask(ops.FLUSH)
    client.server.router.now += 3
    client.node.sent_bytes = 7
    client.node.facts = {'user': 'bob', 'python': '/usr/bin/python3', 'version': (3, 11, 2)}
    waiting, client.node._waiting = client.node._waiting, []
    waiting[0](None)
    client.server.router.now += 1
    client.node.answer(None)
    [told] = [cost(value) for handle, _, value in client.take() if handle == protocol.COST]
    assert (told.total_s, told.start_s, told.sent) == (4.0, 3.0, 7)


def test_one_that_does_not_start_is_told_of_too():
    client = FakeClient(up=False)
    client.node.run = RUN
    client.send(protocol.HELLO, ({}, 60, None, RUN, 3))
    client.take()
    client.ask(ops.FLUSH)
    client.node.come_up(StartError('refused', 'web1', 'nobody there', 'Check it.'))
    handles, values = kinds(client)
    assert handles == [protocol.ABOUT, protocol.START_FAILED]
    told = about(values[0])
    assert (told.python, told.said) == ('', 'debug1: said')


@pytest.mark.parametrize('answer', [(ops.DONE, 0, b'', b'', 'x'), (ops.DONE, 0, b'', b'', 1, 2)])
def test_no_time_that_is_none(client, answer):
    client.ask(ops.COMMAND, None, 'id', b'', None, None)
    client.node.answer(answer)
    assert client.node.expelled
