from collections.abc import Iterable
from typing import Any

from svcfw.core.context import Context, Sender
from svcfw.core.router import Router
from svcfw.files.client import _OnProgress, _Path, _Writable
from svcfw.files.grants import Grant
from svcfw.service.request import Request
from svcfw.service.service import Service

class FileService(Service):
    @staticmethod
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
    @staticmethod
    def get(
        context: Context,
        path: _Path,
        out_fp: _Writable,
        on_progress: _OnProgress | None = None,
        max_bytes: int | None = None,
    ) -> dict[str, Any]: ...
    @staticmethod
    def fetch(
        context: Context,
        path: _Path,
        to: _Path,
        preserves: bool = False,
        is_durable: bool = False,
        on_progress: _OnProgress | None = None,
        max_bytes: int | None = None,
    ) -> dict[str, Any]: ...
    @staticmethod
    def put_tree(
        context: Context,
        path: _Path,
        to: _Path,
        follow: bool = False,
        preserves: bool = True,
        owner: bool = False,
        on_progress: _OnProgress | None = None,
    ) -> dict[str, Any]: ...
    @staticmethod
    def get_tree(
        context: Context,
        path: _Path,
        to: _Path,
        follow: bool = False,
        preserves: bool = True,
        on_progress: _OnProgress | None = None,
        max_bytes: int | None = None,
    ) -> dict[str, Any]: ...
    @staticmethod
    def fetch_files(
        context: Context,
        paths: Iterable[_Path],
        to: _Path,
        on_progress: _OnProgress | None = None,
        max_bytes: int | None = None,
    ) -> list[str]: ...
    def __init__(self, router: Router) -> None: ...
    def register(self, path: str | bytes, context: Context | None = None) -> Grant: ...
    def register_prefix(self, path: str | bytes, context: Context | None = None) -> Grant: ...
    def look(self, path: str, msg: Request, hashes: bool = False) -> dict[str, Any]: ...
    def begin_fetch(
        self, path: str, into: Sender, token: bytes | None, offset: int, msg: Request
    ) -> dict[str, Any]: ...
    def begin_put(
        self,
        path: str,
        size: int,
        token: bytes,
        digest: bytes | None,
        data: bytes | None,
        wanted: dict[str, Any],
        msg: Request,
        here: tuple[Any, ...] | None = None,
    ) -> dict[str, Any]: ...
    def begin_put_tree(self, path: str, preserves: bool, owner: bool, msg: Request) -> dict[str, Any]: ...
    def begin_fetch_tree(self, path: str, into: Sender, follow: bool, lacks_all: bool, msg: Request) -> None: ...
    def begin_fetch_files(self, paths: list[str], into: Sender, lacks_all: bool, msg: Request) -> None: ...
    def begin_hold(
        self, digest: bytes, size: int, msg: Request, data: bytes | None = None
    ) -> dict[str, Any] | None: ...
    def relay(
        self,
        target: Context,
        path: str,
        digest: bytes,
        wanted: dict[str, Any],
        packs: bool,
        progress: Sender | None,
        msg: Request,
    ) -> Any: ...
    def relay_tree(
        self, target: Context, path: str, digest: bytes, options: dict[str, Any], tell: Sender, msg: Request
    ) -> Any: ...
    def keep_in(self, path: str, max_bytes: int) -> None: ...
