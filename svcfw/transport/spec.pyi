from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, TypedDict

_Transport: TypeAlias = Literal['auto', 'ssh', 'paramiko', 'local']

AUTO: Literal['auto']
SSH: Literal['ssh']
PARAMIKO: Literal['paramiko']
LOCAL: Literal['local']
TRANSPORTS: tuple[_Transport, ...]
DEFAULT_TIMEOUT_S: int
DEFAULT_PROGRAM: str

# What `ssh` of a Router hands on to Spec.
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

class Spec:
    transport: _Transport
    host: str
    port: int | None
    user: str | None
    password: str | None
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
    def __init__(
        self,
        transport: _Transport = 'auto',
        host: str = '',
        port: int | None = None,
        user: str | None = None,
        password: str | None = None,
        passphrase: str | None = None,
        private_key_file: str | None = None,
        ssh_executable: str = 'ssh',
        ssh_args: Sequence[str] | None = None,
        ssh_common_args: Sequence[str] = (),
        ssh_extra_args: Sequence[str] = (),
        host_key_checking: bool = True,
        timeout_s: float = 10,
        python: str | None = None,
        preferred_python: str | None = None,
        modules_python: str | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        verbosity: int = 0,
        **unknown: object,
    ) -> None: ...
    def pythons(self) -> list[str]: ...
    def boot_text(self, size: int) -> str: ...
