"""What a session does for each kind of request."""

from svcfw.agent import ops, requests
from svcfw.core.wire.errors import ChannelError
from svcfw.mux import protocol
from svcfw.mux.requests import Module
from svcfw.mux.server import keeping
from tests.support.jobs import module_job, source_job
from tests.unit.mux.server.fakes import FakeClient, FakeNode


def test_a_client_is_read_no_faster_than_its_target_takes(client):
    client.server.router.target.full = True
    client.defer(protocol.PUT_PART, '/x', 0, b'', 1, b'', 0)
    assert client.stream.paused == 1
    client.server.router.target.make_room()
    assert client.stream.paused == 0


def test_operations_have_the_names_of_the_clients_methods(client):
    client.defer(protocol.PUT_PART, '/x', 0, b'', 3, b'', 0)
    client.session.debts.on_failure(1, ('put', '/x', 1, 'c'))
    client.ask(ops.FLUSH)
    client.node.answer(ChannelError('refused'))
    assert client.take() == [(protocol.DEFERRED_FAILED, 1, ('put_file', '/x', 1, 'c'))]


def test_a_small_file_is_put_once_its_content_is_there(client):
    client.node.remote_cache.held_back = []
    client.defer(protocol.PUT_WHOLE, '/x', 0o600, b'digest', b'content')
    client.ask(ops.FLUSH)
    assert client.node.remote_cache.contents == [(b'digest', b'content')]
    assert (client.node.told, client.node.asked) == ([], {})
    client.node.remote_cache.held_back.pop()()
    assert client.node.told == [(ops.PUT_HELD, 7, ('/x', 0o600, b'digest'))]
    assert len(client.node.asked) == 1


def test_a_client_that_leaves_has_nothing_put_any_more(client):
    client.node.remote_cache.held_back = []
    client.defer(protocol.PUT_WHOLE, '/x', 0o600, b'digest', b'content')
    client.leave(goodbye=False)
    client.node.remote_cache.held_back.pop()()
    assert [told[0] for told in client.node.told] == [ops.END]


def test_parts_wait_for_their_turn_and_other_sessions_do_not(client):
    client.node.flow.full = True
    client.defer(protocol.PUT_PART, '/x', 0, b'data', 1, b'', 0)
    client.defer(ops.REMOVE, '/y', True)
    assert client.node.told == []
    client.node.flow.make_room()
    assert [told[0] for told in client.node.told] == [ops.PUT, ops.REMOVE]
    assert client.node.remote_cache.put == []


def test_parts_are_cut_to_what_a_message_should_carry(client):
    client.node.flow.chunk = 3
    client.defer(protocol.PUT_PART, '/x', 0, b'abcdefgh', ops.PUT_FIRST | ops.PUT_LAST, b'digest', 8)
    first, last = ops.PUT_FIRST, ops.PUT_LAST
    assert [told[2][2:] for told in client.node.told] == [
        (b'abc', first, b''), (b'def', 0, b''), (b'gh', last, b'digest'),
    ]  # fmt: skip
    assert client.node.remote_cache.put == [(b'digest', 8)]


def test_large_files_are_remembered_until_they_are_missed(client):
    client.defer(protocol.PUT_PART, '/x', 0, b'', ops.PUT_LAST, b'digest', 5)
    client.ask(protocol.LARGE, 5)
    client.ask(ops.PUT_KEPT, '/y', 0o600, b'digest', number=2)
    client.node.answer(False)
    assert client.take() == [(protocol.RESULT, 1, [b'digest']), (protocol.RESULT, 2, False)]
    assert client.node.remote_cache.missing == [b'digest']


def test_a_content_that_could_not_be_put_is_in_doubt(client):
    client.defer(protocol.PUT_WHOLE, '/x', 0o600, b'digest', b'content')
    client.session.debts.on_failure(1, (ops.PUT_HELD, '/x', 1, 'c'))
    client.ask(ops.FLUSH)
    client.node.answer(ChannelError('refused'))
    assert client.take() == [(protocol.DEFERRED_FAILED, 1, ('put_file', '/x', 1, 'c'))]
    assert client.node.remote_cache.doubts == 1


def test_members_are_asked_for_while_the_context_starts():
    client = FakeClient(up=False)
    client.ask(ops.MODULE, *JOB)
    assert client.take() == [(protocol.NEED_MEMBERS, 1, None)]
    client.send(protocol.MEMBERS, (False, MEMBERS))
    assert client.node.asked == {}
    client.node.come_up()
    assert [request[0] for request in client.node.asked.values()] == [ops.MODULE]
    client.node.answer((ops.DONE, 0, b'', b''))
    assert client.take() == [(protocol.RESULT, 1, (0, b'', b''))]


def test_a_context_that_is_up_first_waits_for_them():
    client = FakeClient(up=False)
    client.ask(ops.MODULE, *JOB)
    client.node.come_up()
    assert client.take() == [(protocol.NEED_MEMBERS, 1, None)]
    assert client.node.asked == {}
    client.send(protocol.MEMBERS, (False, MEMBERS))
    assert [request[0] for request in client.node.asked.values()] == [ops.MODULE]


def test_a_client_that_leaves_when_it_is_asked_for_them_leaves_nothing(client):
    client.ask(ops.MODULE, *JOB)
    assert client.take() == [(protocol.NEED_MEMBERS, 1, None)]
    client.leave(goodbye=False)
    assert client.session._operations._on_members is None


def test_a_request_holds_its_context_while_the_client_is_asked(client):
    client.ask(ops.MODULE, *JOB)
    assert len(client.node.holders) == 1
    client.send(protocol.MEMBERS, (False, MEMBERS))
    client.node.answer((ops.DONE, 0, b'', b''))
    assert client.node.holders == set()
    client.ask(ops.FLUSH, key=b'k', number=2)
    assert len(client.node.holders) == 1
    client.leave(goodbye=False)
    assert client.node.holders == set()


def test_a_request_waits_for_the_end_of_contexts_that_are_in_its_way(client, monkeypatch):
    child = FakeNode(2)
    ends = []
    monkeypatch.setattr(keeping, 'in_the_way', lambda node, request: [child])
    monkeypatch.setattr(keeping, 'end', lambda children, then: ends.append((children, then)))
    client.ask(ops.COMMAND, None, 'userdel app', b'', None, None)
    client.ask(ops.FLUSH, number=2)
    assert client.node.asked == {}
    assert len(client.node.holders) == 1
    ((children, then),) = ends
    assert children == [child]
    then()
    assert [request[0] for request in client.node.asked.values()] == [ops.COMMAND]


JOB = Module(module_job(can_rehearse=True, may_reuse=True, may_preimport=True), 'z', None).values()


MEMBERS = [('a.py', b'd' * 32, b'content')]


def test_members_are_asked_for_once(client):
    client.ask(ops.MODULE, *JOB)
    assert client.take() == [(protocol.NEED_MEMBERS, 1, None)]
    client.send(protocol.MEMBERS, (False, MEMBERS))
    member_list, *members = client.node.remote_cache.given
    assert members == [(digest, content) for _, digest, content in MEMBERS]
    ((operation, values, _),) = client.node.asked.values()
    request = requests.decoded(operation, values)
    assert (operation, request.start_s, request.member_list) == (ops.MODULE, 10, member_list[0])
    # The client has found that its members are not core's own.
    assert (request.job.can_rehearse, request.job.may_reuse, request.job.may_preimport) == (True, False, False)
    client.node.answer((ops.DONE, 0, b'', b''))
    client.take()
    client.ask(ops.MODULE, *JOB, number=2)
    client.node.answer((ops.DONE, 0, b'', b''))
    assert client.take() == [(protocol.RESULT, 2, (0, b'', b''))]


def test_a_task_with_no_log_is_wiped_away_before_and_after(client):
    job = module_job(params=b'{"_ansible_no_log": true}')
    client.ask(ops.MODULE, *Module(job, 'z', None).values())
    client.send(protocol.MEMBERS, (False, MEMBERS))
    assert [told[:2] for told in client.node.told] == [(ops.WIPE, 0)]
    client.node.answer((ops.DONE, 0, b'', b''))
    assert client.node.told == [(ops.WIPE, 0, ([],))] * 2


def test_an_interpreter_that_is_not_there(client):
    client.ask(ops.MODULE, *Module(source_job('', '/opt/python'), None, None).values())
    client.node.answer((ops.UNFIT, 'it is not there'))
    ((handle, _, value),) = client.take()
    assert (handle, value[0]) == (protocol.START_FAILED, 'interpreter')
    assert 'it is not there' in value[2]
