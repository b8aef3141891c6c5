from typing import Any

from svcfw.core.message import Message

class Caller:
    id: int
    def __init__(self, context_id: int, facts: dict[str, Any]) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

def caller(msg: Message) -> Caller: ...
