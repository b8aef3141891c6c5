from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from typing_extensions import TypeVar as TypeVarWithDefault

from svcfw.core.context import Context, Reply
from svcfw.core.wire.errors import CallError
from svcfw.service.service import Service

_T = TypeVar('_T')
_V = TypeVarWithDefault('_V', default=Any)

REFUSED: str

class RefusedError(CallError):
    reason: str
    service: str
    method: str
    def __init__(self, reason: str, service: str = '', method: str = '') -> None: ...

# A signature cannot be kept where a keyword stands beside it: arguments are not checked.
def call(
    context: Context, function: Callable[..., _T], *args: Any, timeout: float | None = None, **kwargs: Any
) -> _T: ...
def request_call(
    context: Context,
    function: Callable[..., _T],
    args: Iterable[Any],
    kwargs: Mapping[str, Any] | tuple[()],
    timeout: float | None = None,
) -> CallReply[_T]: ...
def send_call(
    context: Context, function: Callable[..., Any], args: Iterable[Any], kwargs: Mapping[str, Any]
) -> None: ...
def name_for(context: Context, function: Callable[..., Any]) -> tuple[str, str]: ...
def wire_call(
    context: Context, name: tuple[str, str], args: Iterable[Any], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]: ...
def within(context: Context, what: str, reply: CallReply[_T], timeout: float | None, began: float) -> _T: ...
def request_service(
    context: Context,
    service: str | type[Service],
    method: str,
    arguments: Mapping[str, Any],
    timeout: float | None = None,
) -> ServiceReply: ...

class CallReply(Reply[_V], Generic[_V]):
    is_cancelled: bool
    def cancel(self) -> None: ...

class ServiceReply(CallReply[Any]): ...

def service_name(service: object) -> str: ...
def function_name(function: Callable[..., Any]) -> tuple[str, str]: ...
def own_module(thing: object) -> str: ...
