"""Activations: creates the services of a run before the first task begins that names them.

A broken service so fails a task before anything was changed, instead of the task, perhaps much later, that calls it; as
ansible-core looks for all modules before it runs the first. A service that is not found is no error until it is called:
tasks in front of a role see the variables of the role, but its folder is not searched for them.
"""

from collections.abc import Callable

from svcfw.core.message import Message
from svcfw.core.parent import printable
from svcfw.core.wire.errors import CallError, ChannelError, Error
from svcfw.mux.server.services.host import ServiceHost
from svcfw.program.router import Router

#: For how long a task waits for the creation of a service that it names.
WAIT_S = 60.0


class ServiceError(Error):
    """A service of the run cannot be used. name: of the service; cause: a sentence."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(name, cause)
        self.name = name
        self.cause = cause


#: Called once with what is wrong, or None.
OnOutcome = Callable[[ServiceError | None], None]


class _Making:
    """The creation of one service, under way."""

    def __init__(self) -> None:
        self.waiting: list[OnOutcome] = []
        self.is_late = False


class Activations:
    """Of one run. Loop thread only."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._made: set[str] = set()
        self._making: dict[str, _Making] = {}

    def require(self, hosts: dict[str, ServiceHost], on_outcome: OnOutcome) -> bool:
        """Create services {name: its host}. True: they exist, or their hosts have ended, which calls will report.

        Else `on_outcome` is called later.
        """
        wanted = [name for name, host in hosts.items() if name not in self._made and host.dead is None]
        if not wanted:
            return True
        gathered = _Gathered(len(wanted), on_outcome)
        for name in wanted:
            making = self._making.get(name)
            if making is None:
                making = self._begin(hosts[name], name)
            if making.is_late:
                self._router.loop.call_soon(lambda name=name: gathered.add(_late(name)))
            else:
                making.waiting.append(gathered.add)
        return False

    def give_up(self, name: str) -> None:
        """The host of this service has ended."""
        self._end(name, None)

    def _begin(self, host: ServiceHost, name: str) -> _Making:
        making = self._making[name] = _Making()
        deadline = self._router.loop.call_later(WAIT_S, lambda: self._is_late(name, making))

        def on_reply(message: Message) -> None:
            deadline.cancel()
            failure = None
            try:
                if message.value() is True:
                    self._made.add(name)
            except CallError as exc:
                failure = ServiceError(name, f'{exc.typename.rpartition(".")[2]}: {printable.line(exc.message)}')
            except ChannelError:  # it has ended: who calls is told
                pass
            self._end(name, failure)

        host.make(on_reply)
        return making

    def _is_late(self, name: str, making: _Making) -> None:
        making.is_late = True
        self._tell(making, _late(name))

    def _end(self, name: str, failure: ServiceError | None) -> None:
        making = self._making.pop(name, None)
        if making is not None:
            self._tell(making, failure)

    @staticmethod
    def _tell(making: _Making, failure: ServiceError | None) -> None:
        waiting, making.waiting = making.waiting, []
        for tell in waiting:
            tell(failure)


class _Gathered:
    """Calls back once all have come, or with the first failure."""

    def __init__(self, number: int, on_outcome: OnOutcome) -> None:
        self._left = number
        self._on_outcome = on_outcome

    def add(self, failure: ServiceError | None) -> None:
        if self._left:
            self._left = 0 if failure is not None else self._left - 1
            if not self._left:
                self._on_outcome(failure)


def _late(name: str) -> ServiceError:
    return ServiceError(name, f'it has been imported and made for more than {WAIT_S:.0f} s, and is not ready')
