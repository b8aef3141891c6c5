from collections.abc import Iterable, Mapping

from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.router import Router
from svcfw.service.activator import Activator
from svcfw.service.pool import Pool
from svcfw.service.service import Service

def get_or_create_pool(router: Router, size: int = 16, activator: Activator | None = None) -> Pool: ...
def start_pool(
    context: Context,
    size: int = 16,
    activator: type[Activator] | None = None,
    limits: Mapping[str | type[Service], Mapping[str, int | None]] | None = None,
) -> None: ...
def start_in_child(router: Router, waiting: Iterable[tuple[Message, float]]) -> None: ...
