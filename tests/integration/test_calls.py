"""Calls of functions that are cancelled, come too late, or depend on each other. Real children, local and over ssh."""

import threading
from collections.abc import Callable, Iterator

import pytest

import svcfw
from svcfw.core.calls.chain import CallChain
from svcfw.core.context import Context
from svcfw.core.dispatch import MAX_PENDING_CALLS
from svcfw.core.receivers.channel import Receiver
from svcfw.core.wire.errors import CallError, ChannelError, TimeoutError
from svcfw.program.router import Router
from tests.integration import remote_calls as there
from tests.support.routers import LONG
from tests.support.timing import seconds, wait_until


@pytest.fixture
def busy(router: Router, child: Context) -> Iterator[Callable[[], None]]:
    """Keeps the child's main thread busy until what this gives is called."""
    handle = child.call(there.let_go_from_now_on)
    receiver = Receiver(router)
    reply = child.call_async(there.wait_for_go, receiver.to_sender())
    receiver.get(LONG)

    def go_on() -> None:
        child.send(handle, None)
        assert reply.get(LONG) == 'gone on'

    return go_on


class TestCallsThatNobodyWaitsFor:
    def test_a_cancelled_call_is_not_begun(self, child: Context, busy: Callable[[], None]) -> None:
        first, second, third = [child.call_async(there.note, n) for n in range(3)]
        second.cancel()
        with pytest.raises(ChannelError, match='the call was cancelled'):
            second.get()
        busy()
        assert (first.get(LONG), third.get(LONG)) == (0, 2)
        assert child.call(there.taken) == [0, 2]

    def test_an_answer_that_is_there_is_discarded(self, child: Context) -> None:
        for function in (there.note, there.fail):
            reply = child.call_async(function, 'x')
            child.call(there.taken)  # it has been answered
            reply.cancel()
            with pytest.raises(ChannelError, match='the call was cancelled'):
                reply.get(0)
        assert not [each for each in child.router._handlers.values() if each[2] == child.id], 'no handler is left'

    def test_a_late_call_is_not_begun(self, child: Context, busy: Callable[[], None]) -> None:
        with pytest.raises(TimeoutError, match=r'remote_calls\.note has not answered within'):
            svcfw.call(child, there.note, 'late', timeout=seconds(0.05))
        late = child.request_call(there.note, ('late, too',), timeout=0)
        in_time = child.request_call(there.note, (), {'what': 'in time'}, timeout=LONG)
        busy()
        assert in_time.get(LONG) == 'in time'
        with pytest.raises(ChannelError, match='no longer waits'):
            late.get(LONG)
        assert child.call(there.taken) == ['in time']

    def test_what_comes_in_time_is_what_it_was(self, child: Context) -> None:
        assert svcfw.call(child, there.note, 1, timeout=LONG) == svcfw.call(child, there.note, what=1) == 1
        with pytest.raises(CallError, match='ValueError: why'):
            svcfw.call(child, there.fail, 'why', timeout=LONG)


class TestChains:
    def test_after_a_failure_all_later_calls_fail_with_it(self, child: Context) -> None:
        with CallChain(child) as chain, CallChain(child) as other:
            assert chain.call(there.note, 1) == 1
            chain.call_no_reply(there.fail, 'first')
            replies = [chain.call_async(there.note, n) for n in (2, 3)]
            replies.append(chain.call_async(there.fail, 'second'))
            for reply in replies:
                with pytest.raises(CallError) as raised:
                    reply.get(LONG)
                assert (raised.value.typename, raised.value.message) == ('ValueError', 'first')
                assert 'in fail' in raised.value.traceback
            assert other.call(there.note, 4) == child.call(there.note, 4)
            chain.reset()
            assert chain.call(there.note, 5) == 5
            assert child.call(there.taken) == [1, 'first', 4, 4, 5]
            assert child.call(there.failed_chains) == 0

    @pytest.mark.parametrize(('name', 'kind'), [('leave', 'SystemExit'), ('unsendable', 'EncodeError')])
    def test_failures_of_any_kind(self, child: Context, name: str, kind: str) -> None:
        with CallChain(child) as chain:
            chain.call_no_reply(getattr(there, name))
            with pytest.raises(CallError, match=kind):
                chain.call(there.note, 1)
        assert child.call(there.taken) == []

    @pytest.mark.parametrize('is_heard', [True, False])
    def test_after_a_refused_call_none_runs(
        self, child: Context, is_heard: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        """There is room again for those that are sent after it."""
        chain, other = CallChain(child), CallChain(child)
        handle = child.call(there.let_go_from_now_on)
        receiver = Receiver(child.router)
        busy = child.call_async(there.wait_for_go, receiver.to_sender())
        assert receiver.get(LONG).value() == 'waiting'
        accepted = [chain.call_async(there.note, 'first')]
        accepted += [child.call_async(there.note, 'no chain') for _ in range(MAX_PENDING_CALLS - 1)]
        if is_heard:
            refused = [chain.call_async(there.note, 'refused'), other.call_async(there.note, 'refused')]
            with pytest.raises(CallError, match='BusyError'):
                refused[-1].get(LONG)
        else:
            chain.call_no_reply(there.note, 'refused')
            other.call_no_reply(there.note, 'refused')
            wait_until(lambda: caplog.text.count('BusyError') == 2, LONG, 'they are in the log')
        other.reset()
        child.send(handle, None)
        assert busy.get(LONG) == 'gone on'
        assert [reply.get(LONG) for reply in accepted] == ['first', *['no chain'] * (MAX_PENDING_CALLS - 1)]
        with pytest.raises(CallError, match='BusyError'):
            chain.call(there.note, 'after it')
        assert other.call(there.note, 'reset') == 'reset'
        chain.reset()
        assert chain.call(there.note, 'reset, too') == 'reset, too'
        taken = child.call(there.taken)
        assert (taken[0], taken[-2:]) == ('first', ['reset', 'reset, too'])
        assert 'after it' not in taken
        assert 'refused' not in taken

    def test_it_is_a_call_as_any_other(self, child: Context) -> None:
        chain = CallChain(child)
        assert chain.call(there.name_of) == str(child)
        assert chain.call(there.fork) == 0
        with pytest.raises(TypeError):
            chain.call(lambda: None)
        reply = chain.call_async(there.note, 1)
        assert svcfw.Select(child.router.loop, [reply]).get(LONG) == 1

    def test_a_forgotten_chain_leaves_nothing(self, child: Context, caplog: pytest.LogCaptureFixture) -> None:
        with CallChain(child) as chain:
            chain.call_no_reply(there.fail, 'told')
            with pytest.raises(CallError, match='told'):
                chain.call(there.note, 1)
        CallChain(child).call_no_reply(there.fail, 'unheard')
        wait_until(lambda: 'failed without a caller that waits' in caplog.text, LONG, 'the failure is in the log')
        assert child.call(there.failed_chains) == 0
        assert 'ValueError: unheard' in caplog.text
        assert 'told: ValueError: told' not in caplog.text

    def test_a_lost_context_is_the_end(self, child: Context) -> None:
        chain = CallChain(child)
        chain.call(there.note, 1)
        gone: list[str] = []
        child.on_gone(gone.append)
        child.shutdown(LONG)
        wait_until(lambda: gone, LONG, 'the child is gone')
        with pytest.raises(ChannelError):
            chain.call(there.note, 2)
        late = threading.Event()
        child.on_gone(lambda reason: late.set())
        assert late.wait(LONG), 'also for one that is gone already'


def test_short_cuts_of_the_package(child: Context) -> None:
    *names, text = child.call(there.public_names)
    assert names == ['CallError', 'ChannelError', 'Latch', 'FileService']
    assert text == "module svcfw has no attribute 'nothing'"
