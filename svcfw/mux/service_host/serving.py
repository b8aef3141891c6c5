"""What runs in a service host, the context in which the services of one run of ansible live.

The multiplexer starts it with the run's interpreter, environment and folder, passes on the calls of modules that may
call here, and attests who they are. What is printed or logged here is told to it, line by line, with the service's
name.
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
from svcfw.service.exposed import arg_spec, expose
from svcfw.service.policy import AllowParents
from svcfw.service.pool import Pool
from svcfw.service.service import Service

#: Threads: so many methods run at the same time.
POOL_SIZE = 32
MAX_LINE_CHARS = 4096
#: Where what no service has said is from.
_NOBODY = 'services'


class _Activator(Activator):
    """The multiplexer passes on only calls of services that the caller may call: that is permission enough."""

    def __init__(self) -> None:
        super().__init__()
        self.services: list[Service] = []

    def activate(self, router: Router, name: str) -> Service:
        service = super().activate(router, name)
        self.services.append(service)
        return service

    def is_permitted(self, msg: Message) -> bool:
        return True


_activator = _Activator()


class Maker(Service):
    """Makes services before they are called. On threads of the pool, so that one that hangs holds up no other."""

    @classmethod
    def name(cls) -> str:
        return f'{cls.__module__}.{cls.__qualname__}'

    @expose(policy=AllowParents())  # type: ignore[untyped-decorator]
    @arg_spec(spec={'name': str})  # type: ignore[untyped-decorator]
    def make(self, name: str) -> bool:
        """Make the service `name`, unless it is there. False where no module of this name can be found as yet."""
        try:
            self.router.services.get_service(name)
        except ModuleNotFoundError as exc:
            if exc.name and f'{name}.'.startswith(f'{exc.name}.'):
                return False
            raise
        return True


@takes_router  # type: ignore[untyped-decorator]
def start(path: list[str], level: int, router: Router) -> None:
    """Make this context a service host: `path` becomes sys.path; records from `level` on are told."""
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
    """Tell the services that have a method of this name, on threads of the pool: it may take long."""
    for service in list(_activator.services):
        tell = getattr(service, 'host_is_out', None)
        if tell is not None and router.services is not None:
            router.services.defer(tell, host)


def _end_processes() -> None:
    """What the services have started, as far as it is still in this process's group."""
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
        name = _speaking()
        for line in text.splitlines():
            parent.send(beside.SERVICE_LINE, (level, name, line[:MAX_LINE_CHARS]))


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


def _speaking() -> str:
    """The name of the service whose method the calling thread runs."""
    frame: Any = sys._getframe()
    while frame is not None:
        owner = frame.f_locals.get('self') if 'self' in frame.f_code.co_varnames else None
        if isinstance(owner, Service):
            return type(owner).name()
        frame = frame.f_back
    return _NOBODY
