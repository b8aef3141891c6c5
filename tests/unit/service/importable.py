"""Services that only activation brings to life; `made` counts them, `gate` holds up the making of one."""

import threading
from typing import Any

from svcfw.service import AllowAny, AllowParents, SerializedInvoker, Service, expose
from tests.support.routers import LONG

made: list[str] = []
begun = threading.Event()
gate = threading.Event()


def forget() -> None:
    """Nothing was made, and the gate is shut."""
    made.clear()
    begun.clear()
    gate.clear()


class Plain(Service):
    def __init__(self, router: Any) -> None:
        Service.__init__(self, router)
        made.append('Plain')

    @expose(policy=AllowAny())
    def echo(self, value: Any) -> Any:
        return value

    class Inner(Service):
        @expose(policy=AllowParents())
        def echo(self, value: Any) -> Any:
            return 'inner', value


class Serial(Plain):
    invoker_class = SerializedInvoker


class Slow(Service):
    def __init__(self, router: Any) -> None:
        begun.set()
        assert gate.wait(LONG)
        Service.__init__(self, router)
        made.append('Slow')

    @expose(policy=AllowParents())
    def echo(self, value: Any) -> Any:
        return 'slow', value


class Broken(Service):
    def __init__(self, router: Any) -> None:
        raise ValueError('it cannot be made')


class NeedsItself(Service):
    def __init__(self, router: Any) -> None:
        Service.__init__(self, router)
        router.services.get_service(NeedsItself)


class NeedsOther(Service):
    def __init__(self, router: Any) -> None:
        Service.__init__(self, router)
        self.plain = router.services.get_service(Plain)

    @expose(policy=AllowParents())
    def echo(self, value: Any) -> Any:
        return self.plain.echo(value)


NOT_A_SERVICE = 5


class NorThis:
    pass
