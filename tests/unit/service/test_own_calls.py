"""A context that calls its own services: the same policies and invokers, and never a wait for ever."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.wire.errors import CallError
from svcfw.service import AllowAny, DeduplicatingInvoker, Policy, Pool, SerializedInvoker, Service, call, expose
from tests.support.routers import LONG
from tests.support.timing import seconds
from tests.unit.service import importable
from tests.unit.service.services import Echo, Family, Gated, Once, Serial, all_of, gated

Host = Callable[..., Pool]
ANYBODY = AllowAny()
#: A deadline that is to be missed.
SHORT = seconds(0.05)


class Nobody(Policy):
    def is_authorized(self, service: Service, msg: Message) -> bool:
        return False


class Caller(Service):
    """Calls services of its own context, by name, as deep as it is told."""

    @expose(policy=ANYBODY)
    def go(self, *, path: list[Any], value: Any = None) -> Any:
        if not path:
            return value, threading.current_thread().name
        return self.router.myself().call_service(path[0], 'go', path=path[1:], value=value)

    @expose(policy=ANYBODY)
    def go_async(self, *, path: list[Any], value: Any = None) -> Any:
        replies = [self.router.myself().call_service_async(path[0], 'go', path=[], value=i) for i in range(3)]
        return [reply.get(LONG)[0] for reply in replies]

    @expose(policy=Nobody())
    def forbidden(self) -> None: ...

    @expose(policy=ANYBODY)
    def call_forbidden(self) -> Any:
        return self.router.myself().call_service(type(self), 'forbidden')


class Counting(SerializedInvoker):
    """Counts the calls that it takes, from wherever they come."""

    taken = 0

    def enqueue(self, request: Any) -> Any:
        self.taken += 1
        return super().enqueue(request)


class CountedCaller(Caller):
    invoker_class = Counting


class SerialCaller(Caller):
    invoker_class = SerializedInvoker


class OtherSerialCaller(Caller):
    invoker_class = SerializedInvoker


class OneAtATime(Caller):
    max_running = 1


class OnceCaller(Caller):
    invoker_class = DeduplicatingInvoker


class Crossing(Service):
    """Two of them call each other at the same time, each one holding its turn."""

    invoker_class = SerializedInvoker
    both = threading.Barrier(2)

    @expose(policy=ANYBODY)
    def start(self, other: str) -> Any:
        self.both.wait(LONG)
        return self.router.myself().call_service(other, 'end')

    @expose(policy=ANYBODY)
    def end(self) -> str:
        return 'got through'


class Crossed(Crossing):
    pass


class Patient(Service):
    """Calls the gated service of its own context."""

    @expose(policy=ANYBODY)
    def run(self, service: str, value: Any, timeout: Any = None) -> Any:
        return call(self.router.myself(), service, 'run', timeout=timeout, value=value)


KINDS = [Caller, SerialCaller, OtherSerialCaller, OneAtATime, OnceCaller]
NAMES = [kind.name() for kind in KINDS]


@pytest.mark.parametrize('size', [1, 2])
class TestFromAMethod:
    def test_through_all_invokers(self, host: Host, caller: Context, size: int) -> None:
        host(*KINDS, size=size)
        value, _ = caller.call_service(NAMES[0], 'go', path=NAMES[1:], value='x')
        assert value == 'x'

    @pytest.mark.parametrize('kind', [Caller])
    def test_the_same_service_at_the_same_time(
        self, host: Host, caller: Context, size: int, kind: type[Caller]
    ) -> None:
        host(kind, size=size)
        assert caller.call_service(kind, 'go', path=[kind.name()] * 5, value='x')[0] == 'x'

    @pytest.mark.parametrize('kind', [SerialCaller, OneAtATime])
    def test_one_that_would_wait_for_itself_is_told(
        self, host: Host, caller: Context, size: int, kind: type[Caller]
    ) -> None:
        host(kind, Caller, size=size)
        for path in ([kind.name()], [Caller.name(), kind.name()]):
            with pytest.raises(CallError, match='calls itself: deadlock'):
                caller.call_service(kind, 'go', path=path)
        assert caller.call_service(kind, 'go', path=[], value='goes on')[0] == 'goes on'

    def test_so_is_a_deduplicated_one(self, host: Host, caller: Context, size: int) -> None:
        class Loop(Service):
            invoker_class = DeduplicatingInvoker

            @expose(policy=ANYBODY)
            def go(self) -> Any:
                return self.router.myself().call_service(type(self), 'go')

        host(Loop, size=size)
        with pytest.raises(CallError, match='calls itself: deadlock'):
            caller.call_service(Loop, 'go')

    def test_several_at_once(self, host: Host, caller: Context, size: int) -> None:
        host(*KINDS, size=size)
        for name in NAMES:
            assert caller.call_service(Caller, 'go_async', path=[name]) == [0, 1, 2]

    def test_the_same_way_into_the_queue(self, host: Host, caller: Context, size: int) -> None:
        service = host(CountedCaller, Caller, size=size).get_service(CountedCaller)
        assert caller.call_service(Caller, 'go', path=[CountedCaller.name()], value=1)[0] == 1
        assert caller.call_service(CountedCaller, 'go', path=[], value=2)[0] == 2
        assert service.invoker.taken == 2

    def test_the_same_policies(self, host: Host, caller: Context, size: int) -> None:
        host(Caller, size=size)
        with pytest.raises(CallError, match=r'not allowed to call it \(policy Nobody\)'):
            caller.call_service(Caller, 'call_forbidden')

    def test_a_service_that_has_to_be_made(self, host: Host, family: Family, size: int) -> None:
        host(Patient, Caller, at=family.child, size=size)
        importable.gate.set()
        above = family.master.router.context(1)
        with pytest.raises(CallError, match='no exposed method go'):
            above.call_service(Caller, 'go', path=[importable.Plain.name()])
        with pytest.raises(CallError, match=r'is not a subclass of svcfw\.service\.Service'):
            above.call_service(Caller, 'go', path=[f'{importable.__name__}.NorThis'])


class TestWaiting:
    def test_two_that_wait_for_each_other(self, host: Host, family: Family) -> None:
        host(Crossing, Crossed, size=4)
        replies = [
            family.master_from(family.child).call_service_async(Crossing, 'start', other=Crossed.name()),
            family.master_from(family.sibling).call_service_async(Crossed, 'start', other=Crossing.name()),
        ]
        outcomes = []
        for reply in replies:
            try:
                outcomes.append(reply.get(LONG))
            except CallError as e:
                outcomes.append(str(e))
        assert any('deadlock' in outcome for outcome in outcomes)
        assert all(outcome == 'got through' or 'deadlock' in outcome for outcome in outcomes)

    @pytest.mark.parametrize('kind', [Serial, Once])
    def test_for_a_turn_that_another_thread_has(self, host: Host, caller: Context, kind: type[Gated]) -> None:
        service = gated(host(kind, Patient, size=4), kind)
        first = caller.call_service_async(kind, 'run', value=1)
        service.until_begun(1)
        second = caller.call_service_async(Patient, 'run', service=kind.name(), value=1)
        third = caller.call_service_async(Patient, 'run', service=kind.name(), value=1)
        assert service.begun == [1]
        service.let()
        assert all_of([first, second, third]) == [1, 1, 1]

    @pytest.mark.parametrize('kind', [Serial, Once])
    def test_not_longer_than_the_deadline(self, host: Host, caller: Context, kind: type[Gated]) -> None:
        service = gated(host(kind, Patient, size=4), kind)
        first = caller.call_service_async(kind, 'run', value=1)
        service.until_begun(1)
        with pytest.raises(CallError, match='TimeoutError'):
            caller.call_service(Patient, 'run', service=kind.name(), value=1, timeout=0.05)
        service.let()
        assert first.get(LONG) == 1
        assert service.begun == [1]

    def test_all_threads_want_the_same_turn(self, host: Host, caller: Context) -> None:
        service = gated(host(Serial, Patient, size=4), Serial)
        replies = [caller.call_service_async(Patient, 'run', service=Serial.name(), value=i) for i in range(20)]
        replies += [caller.call_service_async(Serial, 'run', value=i) for i in range(20, 30)]
        service.until_begun(1)
        service.let()
        assert all_of(replies) == list(range(30))
        assert len(service.begun) == 30


class TestFromOutside:
    def test_a_thread_of_the_program(self, host: Host, family: Family) -> None:
        pool = host(Echo, size=1)
        myself = family.master.router.myself()
        assert myself.call_service(Echo, 'echo', value=1) == 1
        assert myself.call_service(Echo, 'thread') == 'svcfw-pool-0'
        with pytest.raises(CallError, match='ValueError: why'):
            myself.call_service(Echo, 'fail', text='why')
        assert pool.stats()[Echo.name()]['echo']['calls'] == 1

    def test_a_callback_of_the_loop(self, host: Host, family: Family) -> None:
        host(Echo, size=1)
        myself = family.master.router.myself()
        assert family.master.do(lambda: myself.call_service(Echo, 'echo', value=1)) == 1

    def test_a_callback_on_whichever_thread_drives(self, host: Host, family: Family) -> None:
        """The thread that drives may be one of the pool, which was given work and does not come to it."""
        host(Echo, size=1)
        myself = family.master.router.myself()
        outcome: list[Any] = []

        def on_message(message: Message) -> None:
            outcome.append(myself.call_service(Echo, 'echo', value=message.value()))
            message.reply(outcome[-1])

        family.master.router.add_handler(on_message, 500)
        assert family.master_from(family.child).request(500, 'x', LONG) == 'x'

    def test_frames_of_its_own_are_carried_out_by_the_pool(self, host: Host, family: Family) -> None:
        host(Echo)
        encode = family.master.router.codec.encode
        envelope = (Echo.name(), 'echo', None, encode({'value': 1}))
        assert family.master.router.myself().request(handles.CALL_SERVICE, envelope, LONG) == 1


class Joiner(Service):
    """Waits in a way that no pool can see: for a thread of its own, which calls the service."""

    @expose(policy=ANYBODY)
    def echo(self, value: Any) -> Any:
        return value

    @expose(policy=ANYBODY)
    def join(self, limit: float) -> Any:
        outcome: list[Any] = []

        def work() -> None:
            try:
                outcome.append(call(self.router.myself(), type(self), 'echo', timeout=limit, value='answered'))
            except Exception as e:
                outcome.append(type(e).__name__)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return outcome[0]


class SerialJoiner(Joiner):
    invoker_class = SerializedInvoker


class Ball(Service):
    """Calls itself by way of the other context."""

    @expose(policy=ANYBODY)
    def throw(self, times: int, limit: float) -> Any:
        if not times:
            return 'caught'
        other = self.router.context(0 if self.router.own_id else 1)
        return call(other, Ball, 'throw', timeout=limit, times=times - 1, limit=limit)


class TestUnseen:
    """Circles of waits that are not known here end with the deadline."""

    def test_a_thread_of_the_method(self, host: Host, caller: Context) -> None:
        host(Joiner, size=1)
        assert caller.call_service(Joiner, 'join', limit=SHORT) == 'TimeoutError'
        assert caller.call_service(Joiner, 'echo', value=1) == 1, 'the pool goes on'

    def test_its_turn(self, host: Host, caller: Context) -> None:
        host(SerialJoiner, size=4)
        assert caller.call_service(SerialJoiner, 'join', limit=SHORT) == 'TimeoutError'
        assert caller.call_service(SerialJoiner, 'echo', value=1) == 1

    def test_a_further_thread_is_enough(self, host: Host, caller: Context) -> None:
        host(Joiner, size=2)
        assert caller.call_service(Joiner, 'join', limit=LONG) == 'answered'

    def test_by_way_of_another_context(self, host: Host, family: Family, caller: Context) -> None:
        host(Ball, size=1)
        host(Ball, at=family.child, size=1)
        with pytest.raises(CallError, match='throw has not answered within'):
            caller.call_service(Ball, 'throw', times=2, limit=SHORT)
        assert caller.call_service(Ball, 'throw', times=1, limit=LONG) == 'caught'
