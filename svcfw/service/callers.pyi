from typing import Any

from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.service.service import Service

class Caller:
    id: int
    def __init__(self, context_id: int, facts: dict[str, Any]) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

def caller(msg: Message) -> Caller: ...
def call(
    context: Context,
    service_name: str | type[Service],
    method_name: str,
    timeout: float | None = None,
    **arguments: Any,
) -> Any: ...
