from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias

from svcfw.core.context import Context

_Path: TypeAlias = str | bytes
_OnProgress: TypeAlias = Callable[[int, int], object]

class _Writable(Protocol):
    def write(self, __data: bytes) -> object: ...

def put(
    context: Context,
    path: _Path,
    to: _Path,
    mode: int | None = None,
    owner: str | None = None,
    group: str | None = None,
    preserves: bool = False,
    is_durable: bool = False,
    packs: bool = False,
    on_progress: _OnProgress | None = None,
) -> None: ...
def get(
    context: Context,
    path: _Path,
    out_fp: _Writable,
    on_progress: _OnProgress | None = None,
    max_bytes: int | None = None,
) -> dict[str, Any]: ...
def fetch(
    context: Context,
    path: _Path,
    to: _Path,
    preserves: bool = False,
    is_durable: bool = False,
    on_progress: _OnProgress | None = None,
    max_bytes: int | None = None,
) -> dict[str, Any]: ...
def put_tree(
    context: Context,
    path: _Path,
    to: _Path,
    follow: bool = False,
    preserves: bool = True,
    owner: bool = False,
    on_progress: _OnProgress | None = None,
) -> dict[str, Any]: ...
def get_tree(
    context: Context,
    path: _Path,
    to: _Path,
    follow: bool = False,
    preserves: bool = True,
    on_progress: _OnProgress | None = None,
    max_bytes: int | None = None,
) -> dict[str, Any]: ...
def fetch_files(
    context: Context,
    paths: Iterable[_Path],
    to: _Path,
    on_progress: _OnProgress | None = None,
    max_bytes: int | None = None,
) -> list[str]: ...
