from typing import Any

from svcfw.core.receivers.select import Event, Select
from svcfw.core.router import Router
from svcfw.service.invoker import Invoker
from svcfw.service.results import Results

class Service:
    invoker_class: type[Invoker]
    max_running: int | None
    max_waiting: int
    results: Results | None
    router: Router
    select: Select
    # An instance of what `invoker_class` is in the subclass, which no type can say; None until it is in a pool.
    invoker: Any
    def __init__(self, router: Router) -> None: ...
    @classmethod
    def name(cls) -> str: ...
    def on_message_received(self, event: Event) -> None: ...
    def on_shutdown(self) -> None: ...

def require_servable(name: str, service: object) -> None: ...
