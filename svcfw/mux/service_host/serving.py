"""What runs in a service host, the context in which one service of a run of ansible lives.

The multiplexer starts it with the run's interpreter, environment and folder, passes on the calls of modules that may
call here, and attests who they are. What is printed or logged here is told to it, line by line.
"""

import io
import logging
import os
import signal
import sys
from typing import Any

from svcfw.core import beside
from svcfw.core.dispatch import takes_router
from svcfw.core.message import Message
from svcfw.core.router import Router
from svcfw.mux.service_host import memory
from svcfw.service.activator import Activator
from svcfw.service.errors import RefusedError
from svcfw.service.exposed import arg_spec, expose
from svcfw.service.policy import AllowParents
from svcfw.service.pool import Pool
from svcfw.service.service import Service

#: Threads: so many methods run at the same time.
POOL_SIZE = 32
MAX_LINE_CHARS = 4096


class _Activator(Activator):
    """Makes the one service of this process.

    The multiplexer passes on only calls of services that the caller may call: that is permission enough.
    """

    def __init__(self) -> None:
        super().__init__()
        self.name = ''
        self.service: Service | None = None

    def activate(self, router: Router, name: str) -> Service:
        if name != self.name:
            raise RefusedError(f'{name} is not in this process: each service of a run has one of its own ({self.name})')
        self.service = super().activate(router, name)
        return self.service

    def is_permitted(self, msg: Message) -> bool:
        return True


_activator = _Activator()


class Maker(Service):
    """Makes the service before it is called, on a thread of the pool: it may take long."""

    @classmethod
    def name(cls) -> str:
        return f'{cls.__module__}.{cls.__qualname__}'

    @expose(policy=AllowParents())  # type: ignore[untyped-decorator]
    @arg_spec(spec={})  # type: ignore[untyped-decorator]
    def make(self) -> bool:
        """Make the service, unless it is there. False where no module of its name can be found as yet."""
        name = _activator.name
        try:
            self.router.services.get_service(name)
        except ModuleNotFoundError as exc:
            if exc.name and f'{name}.'.startswith(f'{exc.name}.'):
                return False
            raise
        return True


@takes_router  # type: ignore[untyped-decorator]
def start(name: str, path: list[str], level: int, router: Router) -> None:
    """Make this context the host of a service: `path` becomes sys.path; records from `level` on are told."""
    _activator.name = name
    sys.path[:] = path
    memory.limit()
    lines = _Lines(router)
    router.log = lambda router, level, text: lines.tell(level, text)
    router.forwards_logging = True
    logging.basicConfig(level=level, handlers=[_Handler(lines)], format='%(message)s', force=True)
    sys.stdout = sys.stderr = _Output(lines)
    beside.listen(router)
    Pool(router, services=[Maker(router)], size=POOL_SIZE, activator=_activator)
    router.on_shutdown(_end_processes)


def add_places(places: list[str]) -> None:
    """Look for services in these folders, too, before all others."""
    sys.path[:0] = [place for place in places if place not in sys.path]


@takes_router  # type: ignore[untyped-decorator]
def stats(router: Router) -> dict[str, Any]:
    """As Pool.stats."""
    return {} if router.services is None else router.services.stats()


def answer() -> None:
    """Asked whether this process serves."""


@takes_router  # type: ignore[untyped-decorator]
def host_is_out(host: str, router: Router) -> None:
    """Tell the service, if it has a method of this name, on a thread of the pool: it may take long."""
    tell = getattr(_activator.service, 'host_is_out', None)
    if tell is not None and router.services is not None:
        router.services.defer(tell, host)


def _end_processes() -> None:
    """What the service has started, as far as it is still in this process's group."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(os.getpgrp(), signal.SIGTERM)


class _Lines:
    """Tells the multiplexer what is said here. Any thread."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def tell(self, level: int, text: str) -> None:
        parent = self._router.parent()
        link = self._router.link_for(0)
        if parent is None or link is None or link.is_full():  # a log must not hold up its program
            return
        for line in text.splitlines():
            parent.send(beside.SERVICE_LINE, (level, line[:MAX_LINE_CHARS]))


class _Handler(logging.Handler):
    def __init__(self, lines: _Lines) -> None:
        logging.Handler.__init__(self)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.tell(record.levelno, self.format(record))
        except Exception:
            self.handleError(record)


class _Output(io.TextIOBase):
    """Standard output: whole lines of it are told."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        self._rest = ''

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split('\n')
        self._rest = self._rest[-MAX_LINE_CHARS:]
        for line in lines:
            self._lines.tell(logging.INFO, line or ' ')
        return len(text)
