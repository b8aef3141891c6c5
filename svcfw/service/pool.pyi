from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, Self, TypeVar, overload

from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.router import Router
from svcfw.service.activator import Activator
from svcfw.service.service import Service

_P = ParamSpec('_P')
_S = TypeVar('_S', bound=Service)

DEFAULT_SIZE: int
ON_SHUTDOWN_S: float
MAX_PENDING: int
making: AbstractContextManager[Any]

class Pool:
    router: Router
    size: int
    def __init__(
        self,
        router: Router,
        services: Iterable[Service] = (),
        size: int = 16,
        activator: Activator | None = None,
        limits: Mapping[str, Mapping[str, int | None]] | None = None,
    ) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def add(self, service: Service) -> None: ...
    @overload
    def get_service(self, name: type[_S]) -> _S: ...
    @overload
    def get_service(self, name: str) -> Service: ...
    def defer(self, function: Callable[_P, object], *args: _P.args, **kwargs: _P.kwargs) -> None: ...
    def stats(self) -> dict[str, dict[str, dict[str, Any]]]: ...
    def close(self) -> None: ...
    def stop(self, join: bool = True) -> None: ...
    def join(self) -> None: ...
    def accept(self, msg: Message, arrived: float | None = None) -> None: ...
    def accept_own(self, msg: Message) -> None: ...

def call(
    context: Context,
    service_name: str | type[Service],
    method_name: str,
    timeout: float | None = None,
    **arguments: Any,
) -> Any: ...
def start_in_child(router: Router, waiting: Iterable[tuple[Message, float]]) -> None: ...
