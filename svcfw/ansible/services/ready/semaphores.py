"""Semaphores: the service of the module `semaphore`. Slots that the hosts of one run share, in the order of asking."""

import threading
from collections.abc import Iterator
from typing import Any

from svcfw.ansible.services.ready.attested import requested
from svcfw.core.router import Router
from svcfw.core.wire.errors import CallError
from svcfw.service.exposed import NO_REPLY, arg_spec, expose
from svcfw.service.policy import AllowAny
from svcfw.service.request import Request
from svcfw.service.service import Service

NAME = 'svcfw.ansible.services.ready.semaphores.Semaphores'


class SemaphoreError(Exception):
    """A semaphore is not to be had; says which, and why."""


class _Waiter:
    def __init__(self, host: str, request: Request) -> None:
        self.host = host
        self.request = request


class _Semaphore:
    """holders: names of hosts."""

    def __init__(self, name: str, slots: int) -> None:
        self.name = name
        self.slots = slots
        self.holders: list[str] = []
        self.waiters: list[_Waiter] = []

    def prune(self) -> None:
        """Forget who waits no more: an ended task, a lost link."""
        self.waiters = [waiter for waiter in self.waiters if not waiter.request.cancelled]

    def described(self) -> str:
        return f'semaphore {self.name}: {", ".join(self.holders)} hold{"s" * (len(self.holders) == 1)} its slots'


class Semaphores(Service):
    """Who waits keeps no thread of the pool: the answer comes when it is its turn."""

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self._lock = threading.Lock()
        self._semaphores: dict[str, _Semaphore] = {}

    @expose(policy=AllowAny())  # type: ignore[untyped-decorator]
    @arg_spec(spec={'key': str})  # type: ignore[untyped-decorator]
    def hold(self, key: str, msg: Request) -> Any:
        """Have the host of the caller's task hold a slot. SemaphoreError, at once or when its time is over."""
        asked = requested(msg, NAME, key)
        with self._lock:
            return self._hold(msg, **asked)

    @expose(policy=AllowAny())  # type: ignore[untyped-decorator]
    @arg_spec(spec={'key': str})  # type: ignore[untyped-decorator]
    def release(self, key: str, msg: Request) -> None:
        """The host of the caller's task holds it no more. Nothing happens where it does not."""
        asked = requested(msg, NAME, key)
        with self._lock:
            self._release(asked['name'], asked['host'])

    def host_is_out(self, host: str) -> None:
        """A host takes no further part in the run: it holds nothing any more. Any thread."""
        with self._lock:
            for name in list(self._semaphores):
                self._release(name, host)

    def _hold(
        self, msg: Request, host: str, name: str, slots: int, timeout: float, forks: int | None, obstacle: str | None
    ) -> Any:
        semaphore = self._semaphores.setdefault(name, _Semaphore(name, slots))
        semaphore.prune()
        if host in semaphore.holders:
            return None
        if semaphore.slots != slots:
            raise SemaphoreError(f'semaphore {name} is in use with {semaphore.slots} slots, not {slots}')
        if len(semaphore.holders) < slots and not semaphore.waiters:
            semaphore.holders.append(host)
            return None
        if any(waiter.host == host for waiter in semaphore.waiters):  # a task asks once
            raise SemaphoreError(f'semaphore {name}: {host} waits for it already')
        if obstacle is not None:
            raise SemaphoreError(f'{semaphore.described()}, and {obstacle}')
        waiting = sum(1 for _ in self._waiting()) + 1
        if forks is not None and waiting >= forks:
            raise SemaphoreError(
                f'{semaphore.described()}, and all {forks} forks of the run would wait, so that none could release. '
                'Set more forks than hosts can wait, or `strategy: host_pinned`'
            )
        waiter = _Waiter(host, msg)
        semaphore.waiters.append(waiter)
        loop = self.router.loop
        loop.call_soon(lambda: loop.call_later(timeout, lambda: self._give_up(semaphore, waiter, timeout)))
        return NO_REPLY

    def _waiting(self) -> Iterator[_Waiter]:
        for semaphore in self._semaphores.values():
            semaphore.prune()
            yield from semaphore.waiters

    def _give_up(self, semaphore: _Semaphore, waiter: _Waiter, timeout: float) -> None:
        with self._lock:
            if waiter not in semaphore.waiters:
                return
            semaphore.waiters.remove(waiter)
            text = f'{semaphore.described()}, and none was released within {timeout:g} s'
        waiter.request.fail(CallError('SemaphoreError', text))

    def _release(self, name: str, host: str) -> None:
        semaphore = self._semaphores.get(name)
        if semaphore is None or host not in semaphore.holders:
            return
        semaphore.holders.remove(host)
        semaphore.prune()
        while semaphore.waiters and len(semaphore.holders) < semaphore.slots:
            waiter = semaphore.waiters.pop(0)
            semaphore.holders.append(waiter.host)
            waiter.request.reply(None)
        if not semaphore.holders:
            del self._semaphores[name]
