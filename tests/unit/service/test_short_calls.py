"""Methods that are short stay on one thread, until one of them is not."""

import threading
from collections.abc import Callable
from typing import Any

from svcfw.core.context import Context
from svcfw.service import AllowAny, Pool, SerializedInvoker, Service, expose
from svcfw.service.exposed import Counts
from svcfw.service.invoker import SHORT_S
from tests.support.routers import LONG
from tests.unit.service.services import all_of

Host = Callable[..., Pool]


class Moody(Service):
    """Short, but for the times when it is told to wait."""

    def __init__(self, router: Any) -> None:
        Service.__init__(self, router)
        self.free = threading.Event()
        self.begun = threading.Semaphore(0)

    @expose(policy=AllowAny())
    def run(self, value: Any, waits: bool = False) -> Any:
        if waits:
            self.begun.release()
            assert self.free.wait(LONG)
        return value


class MoodySerial(Moody):
    invoker_class = SerializedInvoker


def make_short(caller: Context, kind: type[Moody], pool: Pool) -> Any:
    """Call the method until it counts as short."""
    service: Any = pool.get_service(kind)
    counts = service.invoker.methods['run'].counts
    for _ in range(1000):
        caller.call_service(kind, 'run', value=0)
        if counts.recent_s < SHORT_S:
            return service
    raise AssertionError('this machine is too slow for a short method')


def test_one_that_takes_long_for_once_holds_up_no_other(host: Host, caller: Context) -> None:
    pool = host(Moody, size=4)
    service = make_short(caller, Moody, pool)
    slow = [caller.call_service_async(Moody, 'run', value=i, waits=True) for i in range(3)]
    for i in range(10):
        assert caller.call_service_async(Moody, 'run', value=i).get(LONG) == i
    for _ in range(3):
        assert service.begun.acquire(timeout=LONG)
    service.free.set()
    assert all_of(slow) == [0, 1, 2]


def test_nor_another_service(host: Host, caller: Context) -> None:
    pool = host(Moody, MoodySerial, size=4)
    service = make_short(caller, MoodySerial, pool)
    slow = caller.call_service_async(MoodySerial, 'run', value='slow', waits=True)
    waiting = [caller.call_service_async(MoodySerial, 'run', value=i) for i in range(5)]
    for i in range(10):
        assert caller.call_service_async(Moody, 'run', value=i).get(LONG) == i
    service.free.set()
    assert slow.get(LONG) == 'slow'
    assert all_of(waiting) == list(range(5))


def test_a_method_is_not_short_before_it_was_called() -> None:
    counts = Counts()
    assert counts.recent_s > SHORT_S
    counts.add(SHORT_S / 10, False)
    assert counts.recent_s < SHORT_S
    counts.add(1.0, True)
    assert counts.recent_s > SHORT_S
    assert (counts.calls, counts.failures) == (2, 1)
