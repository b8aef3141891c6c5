from typing import Self, Unpack

from svcfw.boot.responder import Responder
from svcfw.core.context import Context
from svcfw.core.router import Router as CoreRouter
from svcfw.transport.spec import _SshOptions

class Router(CoreRouter):
    responder: Responder
    def __init__(self, standby: bool = True) -> None: ...
    @property
    def bundle(self) -> bytes: ...  # type: ignore[override]
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def local(
        router,  # noqa: N805 - as the function is called that it stands for
        python: str | None = None,
        name: str | None = None,
        timeout_s: float = 10,
        via: Context | None = None,
    ) -> Context: ...
    def ssh(
        router,  # noqa: N805 - as the function is called that it stands for
        hostname: str,
        username: str | None = None,
        port: int | None = None,
        password: str | None = None,
        name: str | None = None,
        via: Context | None = None,
        **options: Unpack[_SshOptions],
    ) -> Context: ...
    def allow_modules(self, *names: str) -> None: ...
    def deny_modules(self, *names: str) -> None: ...
    def preload(self, context: Context, *names: str) -> None: ...
    def close(self) -> None: ...
