"""A session alone: the order of requests, what holds what back, and that nobody is left waiting."""

import socket

import pytest

from svcfw.agent import ops
from svcfw.core.wire.errors import CallError, ChannelError, StartError
from svcfw.mux import protocol
from svcfw.mux.server import session as session_module
from svcfw.mux.server.backlog import MAX_BACKLOG_BYTES
from svcfw.mux.server.child_node import ChildNode
from tests.unit.mux.server.fakes import FakeClient, FakeNode

ERROR = StartError('refused', 'h', 'c', 'r')
FAILURE = ('mkdtemp', '/x', 1, 'mkdir: File exists')


def test_an_answer_comes_with_the_number_of_its_request(client):
    client.ask(ops.EXPAND, '~', number=5)
    assert client.server.calls == [('root', b'link', 10, {'PATH': '/bin'})]
    client.node.answer('/root')
    assert client.take() == [(protocol.RESULT, 5, '/root')]
    assert client.node.asked == {}


def test_parts_come_before_the_result(client):
    client.ask(ops.COMMAND, None, 'x', b'', None, None)
    client.node.answer((ops.PART, b'a', b'b'))
    client.node.answer((ops.DONE, 3, b'c', b'd'))
    assert client.take() == [(protocol.PART, 1, (b'a', b'b')), (protocol.RESULT, 1, (3, b'c', b'd'))]


def test_facts_are_known_without_asking(client):
    client.ask(protocol.FACTS)
    assert client.take() == [(protocol.RESULT, 1, client.node.facts)]


@pytest.mark.parametrize('error', [ChannelError('gone'), CallError('T', 'gone', '')])
def test_a_lost_context(client, error):
    client.ask(ops.FLUSH)
    client.node.answer(error)
    ((handle, number, text),) = client.take()
    assert (handle, number) == (protocol.LOST, 1)
    assert 'gone' in text


def test_requests_wait_for_the_context_in_their_order():
    client = FakeClient(up=False)
    client.defer(ops.MKDTEMP, '/x', None)
    client.ask(ops.FLUSH)
    assert client.node.told == []
    client.node.come_up()
    assert client.node.told == [(ops.MKDTEMP, 7, ('/x', None))]
    assert [request[0] for request in client.node.asked.values()] == [ops.FLUSH]


def test_a_long_backlog_stops_the_client():
    client = FakeClient(up=False)
    client.defer(protocol.PUT_PART, '/x', 0, bytes(MAX_BACKLOG_BYTES // 2), 1, b'', 0)
    client.defer(protocol.PUT_PART, '/x', 0, bytes(MAX_BACKLOG_BYTES), 0, b'', 0)
    client.defer(protocol.PUT_PART, '/x', 0, bytes(MAX_BACKLOG_BYTES), 2, b'', 0)
    assert client.stream.paused == 1
    client.node.come_up()
    assert len(client.node.told) == 3
    assert client.stream.paused == 0


def test_a_long_backlog_is_no_deep_recursion():
    client = FakeClient(up=False)
    for _ in range(5000):
        client.defer(ops.REMOVE, '/x', True)
    client.node.come_up()
    assert len(client.node.told) == 5000


def test_a_client_that_does_not_read_is_not_read_either(client):
    client.stream.full = True
    client.ask(protocol.FACTS)
    assert client.stream.paused == 1
    client.stream.make_room()
    assert client.stream.paused == 0


# -- what is not waited for ------------------------------------------------------------------------------------------


def test_a_failure_takes_the_place_of_the_next_answer(client):
    client.defer(ops.MKDTEMP, '/x', None)
    client.ask(ops.FLUSH)
    client.session.debts.on_failure(1, FAILURE)
    client.node.answer(ChannelError('refused'))
    client.ask(ops.FLUSH, number=2)
    client.node.answer(None)
    assert client.take() == [(protocol.DEFERRED_FAILED, 1, FAILURE), (protocol.RESULT, 2, None)]


# -- files -----------------------------------------------------------------------------------------------------------


def test_a_goodbye_waits_for_what_is_under_way(client):
    client.node.flow.full = True
    client.defer(protocol.PUT_PART, '/x', 0, b'', 3, b'digest', 5)
    client.leave(goodbye=True)
    assert client.node.told == []
    client.node.flow.make_room()
    assert [told[0] for told in client.node.told] == [ops.PUT, ops.END]


# -- failures --------------------------------------------------------------------------------------------------------


def test_only_contexts_that_one_uses_can_report_failures(client):
    client.ask(ops.FLUSH)
    client.session.debts.on_failure(2, FAILURE)
    client.node.answer(None)
    assert client.take() == [(protocol.RESULT, 1, None)]


def test_the_first_failure_counts(client):
    client.ask(ops.FLUSH)
    client.session.debts.on_failure(1, FAILURE)
    client.session.debts.on_failure(1, ('chmod', '/y', 1, 'other'))
    client.node.answer(ChannelError('refused'))
    assert client.take() == [(protocol.DEFERRED_FAILED, 1, FAILURE)]


def test_nothing_is_begun_after_a_context_that_did_not_start():
    client = FakeClient(up=False)
    client.defer(ops.MKDTEMP, '/x', None)
    client.defer(ops.MKDTEMP, '/x/y', None)
    client.ask(ops.FLUSH)
    client.node.come_up(ERROR)
    assert client.take() == [(protocol.START_FAILED, 1, ('refused', 'h', 'c', 'r', None))]
    client.server.node = FakeNode()
    client.ask(ops.FLUSH, number=2)
    client.node.answer(None)
    assert client.take() == [(protocol.RESULT, 2, None)]
    assert client.node.told == []


def test_a_context_that_died_with_what_was_not_waited_for(client):
    client.defer(ops.MKDTEMP, '/x', None)
    client.node.dead = 'it was killed'
    client.server.node = FakeNode(2)
    client.defer(protocol.PUT_PART, '/x/y', 0, b'', 3, b'', 0)
    client.ask(ops.FLUSH)
    assert client.take() == [(protocol.LOST, 1, 'it was killed')]
    assert client.node.told == []
    client.ask(ops.FLUSH, number=2)
    client.node.answer(None)
    assert client.take() == [(protocol.RESULT, 2, None)]


def test_a_context_that_left_has_done_it(client):
    client.defer(ops.MKDTEMP, '/x', None)
    client.node.dead, client.node.has_left = 'it was reset', True
    client.server.node = FakeNode(2)
    client.ask(ops.FLUSH)
    client.node.answer(None)
    assert client.take() == [(protocol.RESULT, 1, None)]


def test_remove_is_nothing_to_rely_on(client):
    client.defer(ops.REMOVE, '/x', True)
    client.node.dead = 'it was killed'
    client.server.node = FakeNode(2)
    client.ask(ops.FLUSH)
    client.node.answer(None)
    assert client.take() == [(protocol.RESULT, 1, None)]


def test_reset_forgives_everything(client):
    client.defer(ops.MKDTEMP, '/x', None)
    client.session.debts.on_failure(1, FAILURE)
    client.ask(protocol.RESET)
    client.ask(ops.FLUSH, number=2)
    client.node.answer(None)
    assert client.take() == [(protocol.RESULT, 1, True), (protocol.RESULT, 2, None)]


# -- retired and stale contexts --------------------------------------------------------------------------------------

STALE = ChannelError(ops.STALE + '/etc/group has changed')


def follow(client, number=2):
    """A new root for all that comes; returns (old, new)."""
    old, client.server.node = client.node, FakeNode(number)
    return old, client.node


def test_a_stale_context_is_replaced_without_the_client_noticing(client):
    client.ask(ops.EXPAND, '~')
    old, new = follow(client)
    old.answer(STALE)
    assert client.server.calls[-2] == ('retire', old)
    new.answer('/home')
    assert client.take() == [(protocol.RESULT, 1, '/home')]
    assert (old.asked, old.holders, new.holders) == ({}, set(), set())
    assert (old.told, new.told) == ([], [])


def test_what_changes_all_the_time_is_taken_in_the_end(client):
    client.ask(ops.EXPAND, '~')
    old, new = follow(client)
    old.answer(STALE)
    new.answer(STALE)
    assert ('retire', new) not in client.server.calls
    assert new.told[-1] == (ops.ANYWAY, 7, ())
    new.answer('/home')
    client.ask(ops.FLUSH, number=2)  # not judged any more for this client, whatever context it is
    new.answer(None)
    assert client.take() == [(protocol.RESULT, 1, '/home'), (protocol.RESULT, 2, None)]


def test_an_agent_that_never_stops_being_stale_is_lost(client):
    client.ask(ops.EXPAND, '~')
    for _ in range(3):
        client.node.answer(STALE)
    ((handle, number, text),) = client.take()
    assert (handle, number) == (protocol.LOST, 1)
    assert 'has changed' in text
    assert client.node.asked == {}


def test_what_was_not_waited_for_was_done_by_the_stale_context(client):
    client.defer(ops.MKDTEMP, '/x', None)
    client.ask(ops.EXPAND, '~')
    old, new = follow(client)
    old.answer(STALE)
    assert [told[0] for told in old.told] == [ops.MKDTEMP]
    new.answer('/home')
    assert client.take() == [(protocol.RESULT, 1, '/home')]
    assert new.told == []


def test_a_stale_context_goes_on_where_there_can_be_no_other(client):
    client.ask(ops.EXPAND, '~')
    old, new = client.node, FakeNode(2, up=False)
    client.server.node = new
    old.answer(STALE)
    client.server.node, old.last_resort, old.is_retired = old, True, False
    new.come_up(ERROR)
    assert set(old.told) == {(ops.ANYWAY, 7, ())}
    old.answer('/home')
    assert client.take() == [(protocol.RESULT, 1, '/home')]


def test_a_stale_child_is_started_anew(client):
    child = client.node.children[b'k'] = FakeNode(2)
    client.ask(ops.FLUSH, key=b'k')
    del client.node.children[b'k']
    child.answer(STALE)
    assert ('retire', child) in client.server.calls
    ((handle, _, command),) = client.take()
    assert (handle, command[:10]) == (protocol.BECOME_BUILD, 'boot SVCFW')


def test_a_retired_context_does_what_it_was_told_before_another_is_asked(client):
    client.defer(ops.MKDTEMP, '/x', None)
    old, new = follow(client)
    old.is_retired = True
    client.defer(ops.MKDTEMP, '/x/y', None)
    client.ask(ops.EXPAND, '~')
    assert client.session.debts in old.holders
    assert new.told == []
    ((operation, _, _),) = old.asked.values()
    assert operation == ops.FLUSH
    old.answer(None)
    assert client.session.debts not in old.holders
    assert [told[0] for told in new.told] == [ops.MKDTEMP]
    new.answer('/home')
    assert client.take() == [(protocol.RESULT, 1, '/home')]


def test_what_failed_in_a_retired_context_holds_back_what_follows_elsewhere(client):
    client.defer(ops.MKDTEMP, '/x', None)
    old, new = follow(client)
    old.is_retired = True
    client.defer(ops.MKDTEMP, '/x/y', None)
    client.session.debts.on_failure(1, FAILURE)
    old.answer(ChannelError('refused'))
    client.defer(ops.MKDTEMP, '/x/z', None)
    client.ask(ops.EXPAND, '~')
    assert client.take() == [(protocol.DEFERRED_FAILED, 1, FAILURE)]
    assert (new.told, new.asked) == ([], {})


# -- the end ---------------------------------------------------------------------------------------------------------


def test_what_runs_for_a_client_ends_with_it(client):
    client.ask(ops.COMMAND, None, 'x', b'', None, None)
    client.leave(goodbye=False)
    assert client.node.asked == {}
    assert client.node.told == [(ops.END, 7, ())]
    assert client.server.calls[-1] == 'over'


def test_a_goodbye_waits_for_what_was_not_waited_for():
    client = FakeClient(up=False)
    client.defer(ops.MKDTEMP, '/x', None)
    client.defer(ops.REMOVE, '/x', True)
    client.leave(goodbye=True)
    assert client.server.calls[-1] != 'over'
    client.node.come_up()
    assert [operation for operation, _, _ in client.node.told] == [ops.MKDTEMP, ops.REMOVE, ops.END]
    assert client.server.calls[-1] == 'over'


@pytest.mark.parametrize('goodbye', [False, True])
def test_a_client_that_leaves_while_it_waits_has_nothing_begun(goodbye):
    client = FakeClient(up=False)
    client.ask(ops.COMMAND, None, 'x', b'', None, None)
    client.leave(goodbye=goodbye)
    assert client.server.calls[-1] == 'over'
    client.node.come_up()
    assert client.node.asked == {}


def test_an_end_in_the_middle_drops_the_rest():
    client = FakeClient(up=False)
    client.defer(ops.MKDTEMP, '/x', None)
    client.leave(goodbye=False)
    client.node.come_up()
    assert client.node.told == []


@pytest.mark.parametrize('goodbye', [False, True])
def test_what_a_client_had_begun_is_not_kept(client, goodbye):
    client.ask(ops.FLUSH, key=b'k')
    client.leave(goodbye=goodbye)
    assert client.session._on_command is None
    assert client.session.environment == {}


def test_an_error_keeps_nothing_of_what_was_asked_for():
    client = FakeClient(up=False)
    client.ask(ops.COMMAND, None, 'secret', b'', None, None)
    error = StartError('refused', 'h', 'c', 'r')
    client.node.come_up(error)
    assert client.take() == [(protocol.START_FAILED, 1, error.args)]
    assert error.__traceback__ is None


# -- children of other accounts --------------------------------------------------------------------------------------


def test_the_client_is_asked_for_the_command_of_a_child(client):
    client.ask(ops.FLUSH, key=b'k')
    ((handle, number, command),) = client.take()
    assert (handle, number) == (protocol.BECOME_BUILD, 1)
    assert command.startswith('boot SVCFW-')


def test_a_child_that_is_up_is_used(client):
    child = client.node.children[b'k'] = FakeNode(2)
    client.ask(ops.FLUSH, key=b'k')
    child.answer(None)
    assert client.take() == [(protocol.RESULT, 1, None)]


def test_what_is_not_waited_for_starts_no_child(client):
    client.defer(ops.MKDTEMP, '/x', None, key=b'k')
    assert client.take() == []
    client.ask(ops.FLUSH)
    ((handle, _, value),) = client.take()
    assert (handle, value[0]) == (protocol.START_FAILED, 'become')


# -- nonsense --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('handle', 'value'),
    [
        (protocol.REQUEST, 5),
        (protocol.REQUEST, (1, 2)),
        (protocol.HELLO, None),
        (protocol.HELLO, ({}, 'x', None)),
        (protocol.REQUEST, (b'l', None, 10, ops.MODULE, (5,))),
    ],
)
def test_a_client_that_talks_nonsense_is_dropped(client, handle, value, monkeypatch):
    monkeypatch.setattr(client.server, 'welcome', lambda session, seconds: float(seconds))
    client.send(handle, value, 1)
    assert client.stream.closed
    assert client.server.calls[-1] == 'over'


def test_a_request_before_the_greeting_is_refused(client):
    client.session.has_greeted = False
    client.ask(ops.FLUSH)
    assert client.take()[0][0] == protocol.LOST


def test_answers_that_nobody_asked_for_are_dropped(client):
    for handle in (protocol.MEMBERS, protocol.BECOME_START, protocol.BECOME_INPUT, 999):
        client.send(handle, None)
    assert not client.stream.closed


def test_stop(client):
    client.send(protocol.STOP, None)
    assert client.server.calls[-1] == 'stop'


# -- children of other accounts whose command refuses ---------------------------------------------------------------


@pytest.fixture
def children(monkeypatch):
    """The children that sessions start; each fails when told to."""
    started = []

    class Child(FakeNode, ChildNode):
        is_retired = False  # properties over there

        def __init__(self, parent, name, session, command, has_tty, marker, timeout_s, on_output):
            FakeNode.__init__(self, 9, up=False)
            self.root, self.session, self.command, self.has_tty = parent, session, command, has_tty
            self.given_up = self.asks = False
            started.append(self)

        def asked_for_tty(self, has_password):
            return self.asks and has_password

    monkeypatch.setattr(session_module, 'ChildNode', Child)
    return started


REFUSED = StartError('become', 'h', 'c', 'r', 1)


def start_child(client, need_tty):
    client.send(protocol.BECOME_START, ('sudo x', need_tty, True, ''))


def test_a_command_that_asks_for_a_terminal_gets_one(client, children):
    client.node.wants_tty = False
    client.ask(ops.FLUSH, key=b'k')
    start_child(client, None)
    children[0].asks = True
    client.take()
    children[0].come_up(REFUSED)
    assert [handle for handle, _, _ in client.take()] == [protocol.BECOME_BUILD]
    start_child(client, None)
    assert [child.has_tty for child in children] == [False, True]
    assert client.node.wants_tty


def test_it_gets_none_where_the_user_wants_none(client, children):
    client.node.wants_tty = False
    client.ask(ops.FLUSH, key=b'k')
    start_child(client, False)
    children[0].asks = True
    client.take()
    children[0].come_up(REFUSED)
    assert client.take() == [(protocol.START_FAILED, 1, ('become', 'h', 'c', 'r', 1))]


def test_the_terminal_is_remembered_for_the_host(client, children):
    client.node.wants_tty = True
    client.ask(ops.FLUSH, key=b'k')
    start_child(client, None)
    assert children[0].has_tty


def test_a_refusal_of_anothers_command_is_asked_for_in_its_own_words(client, children):
    client.node.wants_tty = False
    client.node.children[b'k'] = other = session_module.ChildNode(client.node, 'n', 99, [], False, '', 1, None)
    client.ask(ops.FLUSH, key=b'k')
    other.come_up(REFUSED)
    assert [handle for handle, _, _ in client.take()] == [protocol.BECOME_BUILD]


def test_a_client_needs_a_node_while_it_is_there_and_has_something_under_way():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client = FakeClient(fd=ours.fileno())
        assert not client.session.needs(client.node)
        client.ask(ops.FLUSH)
        assert client.session.needs(client.node)
        theirs.sendall(b'unread')
        theirs.close()
        assert not client.session.needs(client.node)


def test_who_waits_is_told_that_the_multiplexer_is_there(client):
    client.session.say_alive()
    assert client.take() == []
    client.ask(ops.EXPAND, '~')
    client.session.say_alive()
    assert client.take() == [(protocol.ALIVE, 0, None)]
    client.node.answer('/root')
    client.take()
    client.session.say_alive()
    assert client.take() == []


def test_so_is_who_cannot_send(client):
    client.defer(ops.MKDTEMP, '/x', None)
    client.session.say_alive()
    assert client.take() == [(protocol.ALIVE, 0, None)]


def test_who_does_not_read_is_told_nothing(client):
    client.ask(ops.EXPAND, '~')
    client.stream.full = True
    client.session.say_alive()
    assert client.take() == []


def test_what_the_multiplexer_does_itself_is_waited_for_too(client, monkeypatch):
    answers = []
    monkeypatch.setattr(client.server, 'reset', lambda link, on_done: answers.append(on_done))
    client.ask(protocol.RESET)
    client.session.say_alive()
    assert client.take() == [(protocol.ALIVE, 0, None)]
    answers[0](True)
    assert client.take() == [(protocol.RESULT, 1, True)]


@pytest.mark.parametrize('operation', [ops.GRANT, ops.CHILD, ops.RELAY, 'format the disk'])
def test_one_that_asks_for_what_is_no_clients_is_cut_off(client, operation):
    client.ask(operation, 1, b'')
    assert client.stream.closed
    assert client.node.asked == {}
    assert client.node.told == []
