"""Services that tests call, and the tree that they call them in."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import svcfw.service
from svcfw.core.context import Context, Reply
from svcfw.core.message import Message
from svcfw.core.wire.errors import CallError
from svcfw.service import AllowAny, AllowParents, Pool, Service, expose
from tests.support.routers import LONG, Served, Tree, tree

REFUSED = 'svcfw.service.errors.RefusedError'


class Family:
    def __init__(self, tree: Tree) -> None:
        self.master = tree.master()
        self.child = tree.child(self.master, 1, 'child', ids=(10, 19))
        self.sibling = tree.child(self.master, 2, 'sibling')
        self.grandchild = tree.child(self.child, 10, 'grandchild')
        self.child.settle()
        self.master.settle()
        self._pools: list[tuple[Pool, list[Service]]] = []

    def host(self, *services: type[Service], at: Served | None = None, size: int = 4, **options: Any) -> Pool:
        router = (at or self.master).router
        instances = [each(router) for each in services]
        pool = Pool(router, instances, size=size, **options)
        self._pools.append((pool, instances))
        return pool

    def master_from(self, served: Served) -> Context:
        context: Context = served.router.context(0, 'master')
        return context

    def stop(self) -> None:
        for pool, services in self._pools:
            pool.stop(join=False)
            for service in services:
                if isinstance(service, Gated):
                    service.let()
            pool.join()


@contextmanager
def families() -> Iterator[Family]:
    """A Family, whose pools are stopped in the end."""
    with tree() as made:
        family = Family(made)
        yield family
        family.stop()


class Echo(Service):
    @expose(policy=AllowAny())
    def echo(self, value: Any = None) -> Any:
        return value

    @expose(policy=AllowAny())
    def fail(self, text: str) -> None:
        try:
            raise KeyError(text)
        except KeyError as e:
            raise ValueError(text) from e

    @expose(policy=AllowAny())
    def leave(self) -> None:
        raise SystemExit(3)

    @expose(policy=AllowAny())
    def unfit(self) -> Any:
        return object()

    @expose(policy=AllowAny())
    def thread(self) -> str:
        return threading.current_thread().name


class Parents(Service):
    @expose(policy=AllowParents())
    def echo(self, value: Any) -> Any:
        return value


class Gated(Service):
    """Its method tells that it has begun, and returns when it is let go."""

    def __init__(self, router: Any) -> None:
        Service.__init__(self, router)
        self.begun: list[Any] = []
        self.ended: list[Any] = []
        self.threads: set[str] = set()
        self.shutdowns = 0
        self.changed = threading.Condition()
        self.free: set[Any] = set()

    @expose(policy=AllowAny())
    def run(self, value: Any, msg: Message) -> Any:
        with self.changed:
            self.begun.append(value)
            self.threads.add(threading.current_thread().name)
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: value in self.free or '*' in self.free or msg.cancelled, LONG)
            self.ended.append(value)
            self.changed.notify_all()
        return 'cancelled' if msg.cancelled else value

    def let(self, *values: Any) -> None:
        with self.changed:
            self.free.update(values or '*')
            self.changed.notify_all()

    def poke(self) -> None:
        """Have the methods look at `msg.cancelled`."""
        with self.changed:
            self.changed.notify_all()

    def until_begun(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.begun) >= count, LONG), self.begun

    def until_ended(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.ended) >= count, LONG), self.ended

    def on_shutdown(self) -> None:
        self.shutdowns += 1


class Serial(Gated):
    invoker_class = svcfw.service.SerializedInvoker


class Once(Gated):
    invoker_class = svcfw.service.DeduplicatingInvoker


def gated(pool: Pool, service: type[Gated]) -> Any:
    return pool.get_service(service)


def refusal(reply: Callable[[], Any]) -> str:
    """The text of the refusal that `reply()` raises."""
    with pytest.raises(CallError) as raised:
        reply()
    assert raised.value.typename == REFUSED, str(raised.value)
    return raised.value.message


def all_of(replies: list[Reply]) -> list[Any]:
    return [reply.get(LONG) for reply in replies]
