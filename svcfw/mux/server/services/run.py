"""Run: one run of ansible-playbook, from its first job with an offer to the end of its main process.

Each service that it uses has a process of its own, so that one which exits, keeps the interpreter or eats memory harms
its own callers only.
"""

import logging
import os
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from svcfw.core import handles
from svcfw.core.parent import printable
from svcfw.core.parent.conduct import MAX_RECORDS, RECORDS_PER_S, UNIT_CHARS, Bucket
from svcfw.core.wire.errors import ChannelError
from svcfw.core.wire.frames import DEAD, Frame
from svcfw.mux.offer import Offer, start_time
from svcfw.mux.protocol import Method
from svcfw.mux.server.services.activations import Activations, OnOutcome
from svcfw.mux.server.services.calls import OpenCalls
from svcfw.mux.server.services.host import ServiceHost
from svcfw.mux.server.services.pulse import SILENT_S, Pulse
from svcfw.mux.server.services.uploads import Quota
from svcfw.program.router import Router

#: Lines of services kept for the next task to show; further ones are only logged.
MAX_LINES = 1000
#: Methods that are counted: their names come from callers, which are not trusted.
MAX_METHODS = 1000
#: Answers of services queued on the link to one host, in bytes.
MAX_QUEUED_BYTES = 64 * 1024 * 1024
#: Interval of checks for the end of the main process, on systems without pidfd_open.
LOOK_S = 1.0

_log = logging.getLogger('svcfw.mux')

#: (level as in `logging`, name of the service, text)
Line = tuple[int, str, str]


class Run:
    """Loop thread only. environment: of its processes; on_end(): called once, when the main process has ended.

    Raises OSError if it has ended already.
    """

    def __init__(
        self, router: Router, key: tuple[int, int], environment: dict[str, str], on_end: Callable[[], None]
    ) -> None:
        self.key = key
        self.lines: deque[Line] = deque()
        #: By the name of the service.
        self.hosts: dict[str, ServiceHost] = {}
        self.quota = Quota()
        self._router = router
        self._environment = environment
        self._on_end = on_end
        self._is_over = False
        self._activations = Activations(router)
        self._calls = OpenCalls()
        self._pulses: dict[str, Pulse] = {}
        self._called: Counter[tuple[str, str]] = Counter()
        #: Rate limit of lines: callers, which are not trusted, can cause warnings of the framework.
        self._voice = Bucket(router.loop.clock, MAX_RECORDS, RECORDS_PER_S)
        self._pidfd = -1
        self._watch()

    # -- its main process

    def _watch(self) -> None:
        pid, started = self.key
        if hasattr(os, 'pidfd_open'):
            with suppress(OSError):  # no such process, or no such call in this kernel: start_time() tells which
                self._pidfd = os.pidfd_open(pid)
        try:
            if start_time(pid) != started:
                raise ProcessLookupError(f'process {pid} is another one by now')
        except OSError:
            self._close()
            raise
        if self._pidfd >= 0:
            self._router.loop.watch(self._pidfd, self.end)
        else:
            self._look()

    def _look(self) -> None:
        try:
            is_there = start_time(self.key[0]) == self.key[1]
        except OSError:
            is_there = False
        if not is_there:
            self.end()
        elif not self._is_over:
            self._router.loop.call_later(LOOK_S, self._look)

    def _close(self) -> None:
        if self._pidfd >= 0:
            self._router.loop.watch(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def end(self) -> None:
        """End its services: the main process has ended, or the multiplexer ends. Idempotent."""
        if not self._is_over:
            self._is_over = True
            self._close()
            for host in self.hosts.values():
                host.stop()
            self._on_end()

    # -- calls of its services

    def activate(self, offer: Offer, on_outcome: OnOutcome) -> bool:
        """Create the services of an offer. True: they exist; else `on_outcome` is called later."""
        if self._is_over:
            return True
        return self._activations.require({name: self._ready_host(name, offer) for name in offer.services}, on_outcome)

    def _ready_host(self, name: str, offer: Offer) -> ServiceHost:
        host = self.hosts.get(name)
        if host is None:
            host = ServiceHost(self._router, name, offer, self._environment, lambda why: self._on_host_dead(name, why))
            self.hosts[name] = host
            self._pulses[name] = Pulse(
                self._router.loop, host.ask, lambda: self._calls.are_open(name), lambda: self._on_silent(name)
            )
        host.look_in(offer.places)
        return host

    def host_of(self, context_id: int) -> ServiceHost | None:
        """The process of one of its services that has this id."""
        return next((host for host in self.hosts.values() if host.context.id == context_id), None)

    def call(self, offer: Offer, frame: Frame, service: str, method: str) -> None:
        """Forward a call of a module to its service. Raises ChannelError with the reason if it cannot."""
        what = f'{service}.{method}'
        if self._is_over:
            raise ChannelError(f'{what}: the run is over')
        host = self._ready_host(service, offer)
        key = (frame.src, frame.reply_to)
        self._calls.add(key, service, method, len(frame.payload))
        context = host.context.id
        try:
            host.admit(frame.src, offer.facts)
            host.send(Frame(context, frame.src, frame.src, frame.handle, frame.reply_to, frame.flags, frame.payload))
        except ChannelError as exc:
            self._calls.remove(key)
            raise ChannelError(f'{what}: {_ended(str(exc)) if host.dead is not None else exc}') from exc
        self._pulses[service].begin()
        if (service, method) in self._called or len(self._called) < MAX_METHODS:
            self._called[service, method] += 1

    def send(self, host: ServiceHost, src: int, handle: int, flags: int, payload: bytes) -> None:
        """Forward another message of a module to a service. Raises ChannelError, which names it.

        Dropped before its first call, and if the service has ended: its callers are told of that.
        """
        if src in host.admitted and host.dead is None:
            try:
                host.send(Frame(host.context.id, src, src, handle, 0, flags, payload))
            except ChannelError as exc:
                raise ChannelError(f'{host.name}: {exc}') from exc

    def cancel(self, src: int, reply_to: int, payload: bytes) -> None:
        """Forward what a module says to cancel a call, if there is room: else it is answered in vain."""
        host = self.hosts.get(self._calls.service_of((src, reply_to)) or '')
        if host is not None:
            with suppress(ChannelError):
                self.send(host, src, handles.CANCEL_SERVICE, 0, payload)

    def answer(self, frame: Frame) -> None:
        """Forward a message of a service to a module. Its source is the multiplexer, which the module has called."""
        self._calls.remove((frame.dst, frame.handle))
        link = self._router.link_for(frame.dst)
        if link is None:
            return
        if link.queued_bytes > MAX_QUEUED_BYTES:
            self._refuse(frame.dst, frame.handle, 'its host does not take what services answer')
            return
        with suppress(ChannelError):
            link.send(Frame(frame.dst, self._router.own_id, frame.auth, frame.handle, 0, frame.flags, frame.payload))

    def lost(self, context_id: int, reason: str) -> None:
        """A module's context is gone, or its permissions have ended."""
        for handle, what in self._calls.drop(context_id).items():
            self._refuse(context_id, handle, f'{what}: {reason}')
        for host in self.hosts.values():
            host.dismiss(context_id, reason)

    def _on_silent(self, name: str) -> None:
        """Fail the calls under way. The process is not killed: its state is not lost if it answers again."""
        reason = f'its process has not answered for {SILENT_S:.0f} s, as something in it keeps the interpreter'
        calls = self._calls.take(name)
        _log.warning('run %d: %s; under way: %s', self.key[0], reason, ', '.join(sorted(set(calls.values()))))
        for (context_id, handle), what in calls.items():
            self._refuse(context_id, handle, f'{what}: {reason}')

    def _on_host_dead(self, name: str, reason: str) -> None:
        self._activations.give_up(name)
        if self._is_over:
            return
        _log.warning('%s of run %d: %s', name, self.key[0], _ended(reason))
        for (context_id, handle), what in self._calls.take(name).items():
            self._refuse(context_id, handle, f'{what}: {_ended(reason)}')

    def _refuse(self, context_id: int, handle: int, reason: str) -> None:
        own_id = self._router.own_id
        self._router.send(Frame(context_id, own_id, own_id, handle, 0, DEAD, reason.encode('utf-8', 'replace')))

    # -- statistics and log lines of its services

    def summary(self, on_summary: Callable[[list[Method]], None]) -> None:
        """Call back with the statistics of each method; without the part of a service that does not answer."""
        hosts = list(self.hosts.values())
        found: dict[str, Any] = {}
        answers = 0

        def add(stats: dict[str, Any]) -> None:
            nonlocal answers
            answers += 1
            found.update(stats)
            if answers == len(hosts):
                on_summary(self._methods(found))

        for host in hosts:
            host.stats(add)
        if not hosts:
            on_summary([])

    def _methods(self, stats: dict[str, Any]) -> list[Method]:
        methods = []
        for (service, name), calls in sorted(self._called.items()):
            known = stats.get(service, {}).get(name, {})
            methods.append(
                Method(service, name, calls, known.get('calls', 0), known.get('failures', 0), known.get('seconds', 0.0))
            )
        return methods

    def host_is_out(self, host: str) -> None:
        """Tell the services that a host takes no further part in the run."""
        for each in self.hosts.values():
            each.host_is_out(host)

    def says(self, name: str, level: int, text: str) -> None:
        """Log a line of the service `name`, and keep it for the next task that ends."""
        if not self._voice.take(1 + len(text) // UNIT_CHARS):
            return
        line = (level, printable.line(name), printable.line(text))
        _log.log(max(0, min(level, logging.CRITICAL)), 'run %d: %s: %s', self.key[0], line[1], line[2])
        if len(self.lines) < MAX_LINES:
            self.lines.append(line)

    def take_lines(self) -> list[Line]:
        lines, self.lines = list(self.lines), deque()
        return lines


def _ended(reason: str) -> str:
    return f'its process has ended ({reason}), and with it what it knew. It is not started again before the next run'


class Runs:
    """The runs whose main processes have not ended. on_end(run): called once for each."""

    def __init__(self, router: Router, on_end: Callable[[Run], None]) -> None:
        self._router = router
        self._on_end = on_end
        self._runs: dict[tuple[int, int], Run] = {}

    def find(self, key: tuple[int, int]) -> Run | None:
        return self._runs.get(key)

    def of(self, offer: Offer, environment: dict[str, str]) -> Run:
        """The run of an offer, created with this environment if it is new. OSError if its main process has ended."""
        run = self._runs.get(offer.run)
        if run is None:
            run = self._runs[offer.run] = Run(self._router, offer.run, environment, lambda: self._forget(offer.run))
        return run

    def by_host(self, context_id: int) -> tuple[Run, ServiceHost] | None:
        """The process of a service that has this id, with its run."""
        for run in self._runs.values():
            host = run.host_of(context_id)
            if host is not None:
                return run, host
        return None

    def are_served(self) -> bool:
        """Whether any run has services, whose state would be lost."""
        return any(host.dead is None for run in self._runs.values() for host in run.hosts.values())

    def end(self) -> None:
        for run in list(self._runs.values()):
            run.end()

    def _forget(self, key: tuple[int, int]) -> None:
        run = self._runs.pop(key, None)
        if run is not None:
            self._on_end(run)
