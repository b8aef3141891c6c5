from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from svcfw.core.message import Message
from svcfw.core.router import Router
from svcfw.core.wire.errors import CallError

_F = TypeVar('_F', bound=Callable[..., Any])
_P = ParamSpec('_P')
_T = TypeVar('_T')
_T_co = TypeVar('_T_co', covariant=True)

MAX_PENDING_CALLS: int

# The function as it is, for who calls it here. Callers elsewhere leave `router` out, which no type can say of a
# parameter that is given by name: `Context.call` checks what such a function returns, and not its arguments.
class _TakesRouter(Protocol[_P, _T_co]):
    svcfw_takes_router: bool
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _T_co: ...

def takes_router(function: Callable[_P, _T]) -> _TakesRouter[_P, _T]: ...
def inline(function: _F) -> _F: ...
def call_error(error: BaseException) -> CallError: ...
def fail(message: Message, failure: CallError) -> None: ...

class Dispatcher:
    busy: bool
    def __init__(self, router: Router) -> None: ...
    def do(self, function: Callable[[], object]) -> None: ...
    def run(self) -> None: ...

def resolve(module: str, name: str) -> Any: ...
