from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

from svcfw.core.message import Message
from svcfw.service.service import Service

_F = TypeVar('_F', bound=Callable[..., Any])
_Wanted: TypeAlias = type | tuple[type, ...] | None

class _Policy(Protocol):
    def is_authorized(self, service: Any, msg: Message) -> bool: ...

class _NoReply: ...

NO_REPLY: _NoReply

def expose(policy: _Policy) -> Callable[[_F], _F]: ...
def arg_spec(spec: Mapping[str, _Wanted], optional: Mapping[str, _Wanted] | None = None) -> Callable[[_F], _F]: ...
def no_reply(function: _F) -> _F: ...

class Exposed:
    name: str
    policies: tuple[_Policy, ...]
    replies: bool
    counts: Counts
    wants_message: bool
    def __init__(self, service: Service, name: str, function: Callable[..., Any], is_static: bool = False) -> None: ...
    def objection(self, msg: Message) -> str | None: ...
    def check(self, arguments: Mapping[str, Any]) -> None: ...
    def run(self, arguments: dict[str, Any], msg: Message) -> Any: ...

class Counts:
    calls: int
    failures: int
    seconds: float
    recent_s: float
    def __init__(self) -> None: ...
    def add(self, seconds: float, failed: bool) -> None: ...

def find_exposed(service: Service) -> dict[str, Exposed]: ...
