from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

_Key: TypeAlias = tuple[str, bytes]

class Results:
    max_entries: int
    max_bytes: int
    ttl_s: float | None
    keep_failures: bool
    def __init__(
        self,
        max_entries: int = 1000,
        max_bytes: int = ...,
        ttl_s: float | None = None,
        keep_failures: bool = False,
    ) -> None: ...

class ResultCache:
    def __init__(self, results: Results, clock: Callable[[], float]) -> None: ...
    def __len__(self) -> int: ...
    def get(self, key: _Key) -> tuple[int, bytes] | None: ...
    def put(self, key: _Key, flags: int, payload: bytes) -> None: ...
    def forget(self, is_meant: Callable[[_Key], object]) -> None: ...

def call_key(method_name: str, arguments: Mapping[str, Any], encode: Callable[[Any], bytes]) -> _Key: ...
