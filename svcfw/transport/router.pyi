from collections.abc import Mapping, Sequence
from typing import Self, TypedDict, Unpack

from svcfw.boot.responder import Responder
from svcfw.core.context import Context
from svcfw.core.router import Router as CoreRouter
from svcfw.transport.spec import _Transport

# What `ssh` hands on to svcfw.transport.spec.Spec, which says what each means.
class _SshOptions(TypedDict, total=False):
    transport: _Transport
    passphrase: str | None
    private_key_file: str | None
    ssh_executable: str
    ssh_args: Sequence[str] | None
    ssh_common_args: Sequence[str]
    ssh_extra_args: Sequence[str]
    host_key_checking: bool
    timeout_s: float
    python: str | None
    preferred_python: str | None
    modules_python: str | None
    cwd: str | None
    env: Mapping[str, str] | None
    verbosity: int

class Router(CoreRouter):
    responder: Responder
    def __init__(self, standby: bool = True) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def local(self, python: str | None = None, name: str | None = None, timeout_s: float = 10) -> Context: ...
    def ssh(
        self,
        hostname: str,
        username: str | None = None,
        port: int | None = None,
        password: str | None = None,
        name: str | None = None,
        **options: Unpack[_SshOptions],
    ) -> Context: ...
    def allow_modules(self, *names: str) -> None: ...
    def deny_modules(self, *names: str) -> None: ...
    def preload(self, context: Context, *names: str) -> None: ...
    def close(self) -> None: ...
