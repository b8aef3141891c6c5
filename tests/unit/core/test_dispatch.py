"""Calls in a real child: what comes back, and in which order."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from svcfw.core import dispatch
from svcfw.core.calls import shorten
from svcfw.core.context import Context, Sender
from svcfw.core.receivers.channel import Receiver
from svcfw.core.wire.errors import CallError, ChannelError, EncodeError
from svcfw.core.wire.values import Secret
from svcfw.program.router import Router
from tests.support import called, children
from tests.support.children import LONG


@pytest.fixture(scope='module')
def router() -> Iterator[Router]:
    with children.router() as made:
        yield made


@pytest.fixture(scope='module', params=children.PYTHONS)
def child(router: Router, request: pytest.FixtureRequest) -> Context:
    return children.start(router, request.param, f'child {request.param}')


@pytest.fixture(scope='module')
def own(router: Router) -> Context:
    return children.start(router, None)


class TestValues:
    def test_arguments_and_values(self, child: Context) -> None:
        value = [None, True, 1 << 100, 1.5, 'tëxt\udc80', b'b', (1, {2: {3}}), frozenset([4])]
        assert child.call(called.echo, *value, key=value) == (tuple(value), {'key': value})

    def test_things_of_ours(self, child: Context, router: Router) -> None:
        sent = (child, Sender(child, 5), Secret('hidden'), CallError('a.B', 'c', 'd'))
        got, _ = child.call(called.echo, *sent)
        assert got[:2] == sent[:2]
        assert type(got[2]) is Secret
        assert got[2] == 'hidden'
        assert (got[3].typename, got[3].message, got[3].traceback) == ('a.B', 'c', 'd')

    def test_what_cannot_go(self, own: Context) -> None:
        before = len(own.router._handlers)
        with pytest.raises(EncodeError, match='object'):
            own.call(called.echo, [object()])
        with pytest.raises(EncodeError, match='limit'):
            own.call(called.echo, bytes(65 * 1024 * 1024))
        assert len(own.router._handlers) == before, 'no handler waits for an answer to what was not sent'

    @pytest.mark.parametrize('call', [(called.unsendable,), (called.nested, 200), (called.big, 65 * 1024 * 1024)])
    def test_what_cannot_come_back(self, own: Context, call: Any) -> None:
        with pytest.raises(CallError, match='EncodeError'):
            own.call(*call)
        assert own.call(called.add, 1) == 2


class TestFunctions:
    def test_of_classes(self, child: Context) -> None:
        assert child.call(called.Base.which) == 'base'
        assert child.call(called.Derived.which) == 'derived'
        assert child.call(called.Derived.doubled, 4) == 8
        assert child.call(called.Base.Inner.which) == 'inner'

    def test_of_the_standard_library(self, child: Context) -> None:
        import os.path

        assert child.call(os.path.join, 'a', 'b') == 'a/b'
        assert child.call(len, 'abc') == 3

    def test_they_run_on_the_main_thread(self, child: Context) -> None:
        assert child.call(called.is_main_thread)

    def test_one_that_wants_the_router_gets_it(self, own: Context) -> None:
        assert own.call(called.own_name) == 'child'

    @pytest.mark.parametrize('function', [lambda: 1, called.Base().method, 5, 'os.getpid', called.Base])
    def test_what_has_no_name_there_is_refused_here(self, own: Context, function: Any) -> None:
        if function is called.Base or getattr(function, '__self__', None) is not None:
            with pytest.raises((TypeError, CallError)):
                own.call(function)
        else:
            with pytest.raises(TypeError, match='cannot be called elsewhere'):
                own.call(function)

    def test_one_defined_in_a_function_is_refused_here(self, own: Context) -> None:
        def local() -> None: ...

        with pytest.raises(TypeError, match='cannot be called elsewhere'):
            own.call(local)

    def test_one_that_is_not_there(self, own: Context) -> None:
        with pytest.raises(CallError, match='AttributeError'):
            own._request_later(dispatch.handles.CALL_FUNCTION, (('os', 'nothing'), (), {})).get(LONG)
        with pytest.raises(CallError, match='ModuleNotFoundError'):
            own._request_later(dispatch.handles.CALL_FUNCTION, (('no_such_module', 'x'), (), {})).get(LONG)

    @pytest.mark.parametrize('value', [None, (), (('os', 'getpid'), 1, 2), (('os',), (), {})])
    def test_a_call_of_another_form_is_answered(self, own: Context, value: Any) -> None:
        with pytest.raises(CallError):
            own._request_later(dispatch.handles.CALL_FUNCTION, value).get(LONG)


class TestErrors:
    def test_type_message_and_traceback(self, child: Context) -> None:
        with pytest.raises(CallError) as raised:
            child.call(called.fail, 'why')
        assert (raised.value.typename, raised.value.message) == ('ValueError', 'why')
        assert 'called.py' in raised.value.traceback
        assert 'raise ValueError(message' in raised.value.traceback, 'the line of the source is shown'

    def test_a_type_of_a_module(self, child: Context) -> None:
        with pytest.raises(CallError) as raised:
            child.call(called.fail_without_text)
        assert raised.value.typename == 'tests.support.called.Unprintable'
        assert 'RuntimeError' in raised.value.message

    def test_ten_million_characters_arrive_whole(self, own: Context) -> None:
        with pytest.raises(CallError) as raised:
            own.call(called.fail, '0123456789', 1_000_000)
        assert raised.value.message == '0123456789' * 1_000_000
        assert raised.value.message in raised.value.traceback

    def test_what_fits_no_frame_keeps_both_ends(self, own: Context) -> None:
        with pytest.raises(CallError) as raised:
            own.call(called.fail, '\U0001f600', 20_000_000)
        assert raised.value.typename == 'ValueError'
        assert 'characters left out' in raised.value.message
        assert raised.value.traceback.startswith('Traceback')
        assert raised.value.message.endswith('\U0001f600')

    def test_a_function_that_exits_has_failed(self, own: Context) -> None:
        with pytest.raises(CallError, match='SystemExit: 3'):
            own.call(called.leave, 3)
        assert own.call(called.add, 1) == 2

    def test_a_call_that_nobody_waits_for_is_logged(self, own: Context, caplog: pytest.LogCaptureFixture) -> None:
        own.call_no_reply(called.fail, 'unheard')
        own.call(called.add, 1)
        assert 'unheard' in caplog.text


class TestManyCalls:
    def test_they_run_in_the_order_of_their_sending(self, own: Context) -> None:
        replies = [own.call_async(called.echo, i) for i in range(1000)]
        assert [reply.get(LONG)[0][0] for reply in replies] == list(range(1000))

    def test_eight_threads(self, child: Context) -> None:
        failures: list[Any] = []

        def work(base: int) -> None:
            for i in range(base, base + 100):
                if child.call(called.add, i, 1) != i + 1:
                    failures.append(i)

        threads = [threading.Thread(target=work, args=(number * 1000,), daemon=True) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
            assert not thread.is_alive()
        assert not failures

    def test_large_values_both_ways_at_once(self, own: Context) -> None:
        """More than the queues of both sides hold."""
        data = bytes(2 * 1024 * 1024)
        replies = [own.call_async(called.echo, data) for _ in range(20)]
        assert all(len(reply.get(LONG)[0][0]) == len(data) for reply in replies)

    def test_too_many_are_refused(self, router: Router, own: Context) -> None:
        receiver = Receiver(router)
        pipes = children.start(router, None, 'busy')
        blocked = pipes.call_async(called.hang, receiver.to_sender())
        receiver.get(LONG)
        replies = [pipes.call_async(called.pid) for _ in range(dispatch.MAX_PENDING_CALLS + 1)]
        with pytest.raises(CallError, match='waiting already'):
            replies[-1].get(LONG)
        pipes.shutdown(LONG)
        for reply in (blocked, replies[0]):
            with pytest.raises(ChannelError):
                reply.get(LONG)

    def test_a_callback_of_our_loop_may_call(self, router: Router, own: Context) -> None:
        receiver = Receiver(router)
        router.loop.call_soon(lambda: receiver.to_sender().send(own.call(called.add, 20, 22)))
        assert receiver.get(LONG).value() == 42

    def test_a_function_may_send_before_it_returns(self, router: Router, own: Context) -> None:
        receiver = Receiver(router)
        own.call(called.call_back, receiver.to_sender(), 'x')
        assert [message.value() for message in receiver] == ['x']


def test_a_failure_that_fits_no_frame_is_cut() -> None:
    class Full:
        def fail(self, error: CallError) -> None:
            if len(error.message) > shorten.MAX_CHARS + 100:
                raise EncodeError('too large')
            self.answer = error

    message = Full()
    dispatch.fail(message, CallError('a.B', 'x' * (shorten.MAX_CHARS + 200), 'there'))
    assert 'characters left out' in message.answer.message
    assert message.answer.traceback == 'there'
