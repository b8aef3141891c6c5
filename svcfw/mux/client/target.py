"""What a client is given and gives back: Target, an account of a host; Result; DeferredError."""

from typing import NamedTuple, Protocol

from svcfw.core.wire.errors import Error


class DeferredError(Error):
    """A deferred operation has failed; later ones were not performed.

    op: the Client's method; path: its first path; status: the shell tool's exit status; cause: its message.
    """

    def __init__(self, op: str, path: str, status: int, cause: str) -> None:
        Error.__init__(self, op, path, status, cause)
        self.op = op
        self.path = path
        self.status = status
        self.cause = cause

    def __str__(self) -> str:
        return f'{self.op}: {self.cause}'


class Result(NamedTuple):
    """Exit status and output of a command or module."""

    rc: int
    stdout: bytes
    stderr: bytes


class BecomeDialogue(Protocol):
    """Called back while a child of another account starts; an exception ends the request."""

    def build(self, boot_command: str) -> str: ...

    def receive(self, output: bytes) -> bytes | None: ...

    def said(self) -> bytes: ...

    def end(self) -> None: ...


class Become(NamedTuple):
    """Another account of the target. `key` identifies it, password included; equal bytes share one child.

    need_tty: None: give the command a terminal only if it asks for one. has_password: whether a password can be typed
    on it. `folder`: a folder that the login account has to have (it may begin with ~), in case the other account has
    the same home and would create it as its own.
    """

    key: bytes
    dialogue: BecomeDialogue
    need_tty: bool | None = False
    folder: str = ''
    has_password: bool = False

    def __repr__(self) -> str:
        return '<Become>'  # the key holds a password


class Target(NamedTuple):
    """A place for operations: `link` as made by svcfw.ansible.options.encode_link, and the account there."""

    link: bytes
    become: Become | None = None
    timeout_s: int = 10

    def __repr__(self) -> str:
        return '<Target>'  # the link holds a password
