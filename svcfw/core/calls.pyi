from collections.abc import Callable, Mapping
from typing import Any

from svcfw.core.context import Context, Reply
from svcfw.core.wire.errors import CallError
from svcfw.service.service import Service

REFUSED: str

class RefusedError(CallError):
    reason: str
    service: str
    method: str
    def __init__(self, reason: str, service: str = '', method: str = '') -> None: ...

def request_service(
    context: Context,
    service: str | type[Service],
    method: str,
    arguments: Mapping[str, Any],
    timeout: float | None = None,
) -> ServiceReply: ...

class ServiceReply(Reply[Any]):
    is_cancelled: bool
    def cancel(self) -> None: ...

def service_name(service: object) -> str: ...
def function_name(function: Callable[..., Any]) -> tuple[str, str]: ...
def own_module(thing: object) -> str: ...
