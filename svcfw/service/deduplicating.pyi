from collections.abc import Mapping
from typing import Any

from svcfw.service.invoker import Invoker
from svcfw.service.request import Request
from svcfw.service.service import Service
from svcfw.service.workers import Workers

class DeduplicatingInvoker(Invoker):
    def __init__(self, service: Service, workers: Workers) -> None: ...
    def forget(self, method_name: str | None = None, arguments: Mapping[str, Any] | None = None) -> None: ...
    def broadcast(self, execution: Request, flags: int, payload: bytes) -> None: ...
