"""A fake multiplexer: `connect` gives clients like svcfw.mux.client.client.Client, and records what they do.

What a real one does on a target is answered from the attributes; a test sets those it cares about.
"""

from collections.abc import Callable
from typing import Any

from svcfw.mux.client.client import Become, DeferredError, Result, Target, Wishes


class FakeMux:
    """The far side, shared by all clients of a test."""

    def __init__(self) -> None:
        self.is_running = False
        self.calls: list[tuple[Any, ...]] = []  # (method, argument, ...) without the target
        self.targets: list[Target] = []
        self.homes = {'~': '/home/me', '~me': '/home/me', '~root': '/root'}
        self.result: Result | Callable[..., Result] = Result(rc=0, stdout=b'out\n', stderr=b'err\n')
        self.raises: list[BaseException] = []  # one for each blocking call that is to fail
        self.deferred_error: DeferredError | None = None  # comes out of the next blocking call
        self.files: dict[str, tuple[bytes, int]] = {}  # to fetch: content, mode
        self.children: set[bytes] = set()  # keys of become children that are up
        self.escalate: Callable[[str], list[bytes]] = lambda text: [
            text.split('echo ')[1].split(' ')[0].encode() + b'\n'
        ]
        self.boots: list[str] = []
        self.typed: list[bytes] = []
        self.connects: list[tuple[Wishes | None, bool]] = []
        self.processes: list[dict[str, Any]] = []  # how modules might run
        self.begun: list[bytes] = []  # links of contexts that clients had started ahead

    def connect(self, wishes: Wishes | None = None, *, start: bool = True) -> 'FakeClient | None':
        """As Client.connect."""
        self.connects.append((wishes, start))
        if not start and not self.is_running:
            return None
        self.is_running = True
        return FakeClient(self)

    begin = connect  # as Client.begin

    def named(self, *methods: str) -> list[tuple[Any, ...]]:
        """The calls of these methods, in order."""
        return [call for call in self.calls if call[0] in methods]

    def start_child(self, become: Become) -> None:
        """The dialogue; `escalate(command)` is what that prints before it is the other account."""
        if become.key in self.children:
            return
        self.boots.append(become.dialogue.build('BOOT'))
        for output in self.escalate(self.boots[-1]):
            answer = become.dialogue.receive(output)
            if answer is not None:
                self.typed.append(answer)
        self.children.add(become.key)


class FakeClient:
    """One client of it."""

    def __init__(self, mux: FakeMux) -> None:
        self._mux = mux
        self.is_closed = False

    def begin_context(self, target: Target) -> None:
        self._mux.begun.append(target.link)

    # -- blocking --------------------------------------------------------------------------------------------------

    def facts(self, target: Target) -> dict[str, Any]:
        self._block(target, 'facts')
        return {'home': self._mux.homes['~'], 'user': 'me', 'python': '/usr/bin/python3', 'shell': '/bin/sh'}

    def expand_user(self, target: Target, name: str) -> str:
        self._block(target, 'expand_user', name)
        return self._mux.homes.get(name, name)

    def run_module(self, target: Target, payload: Any, env: dict[str, str], **process: Any) -> Result:
        self._mux.processes.append(process)
        return self._run(target, 'run_module', payload, env)

    def run_source(self, target: Target, source: bytes, interpreter: list[str], env: dict[str, str]) -> Result:
        return self._run(target, 'run_source', source, interpreter, env)

    def run_command(
        self, target: Target, text: str, stdin: bytes | None, executable: str | None = None, tty: bool = False
    ) -> Result:
        return self._run(target, 'run_command', text, stdin, executable, tty)

    def fetch_file(self, target: Target, remote_path: str, local_path: str, on_progress: Any = None) -> int:
        self._block(target, 'fetch_file', remote_path)
        if remote_path not in self._mux.files:
            raise DeferredError('fetch_file', remote_path, 1, 'No such file or directory')
        content, mode = self._mux.files[remote_path]
        with open(local_path, 'r+b') as file:
            file.write(content)
        return mode

    def flush(self, target: Target) -> None:
        self._block(target, 'flush')

    def reset(self, target: Target) -> bool:
        self._block(target, 'reset')
        return True

    # -- deferred --------------------------------------------------------------------------------------------------

    def put_file(
        self, target: Target, local_path: str, remote_path: str, on_progress: Any = None, holds: bool = True
    ) -> None:
        with open(local_path, 'rb') as file:
            self._note(target, 'put_file', file.read(), remote_path)

    def mkdtemp(self, target: Target, path: str, umask: int | None) -> None:
        self._note(target, 'mkdtemp', path, umask)

    def chmod(self, target: Target, paths: list[str], mode: str) -> None:
        self._note(target, 'chmod', paths, mode)

    def remove(self, target: Target, path: str, recursive: bool) -> None:
        self._note(target, 'remove', path, recursive)

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        self.is_closed = True
        self._mux.calls.append(('close',))

    def abort(self) -> None:
        self.is_closed = True
        self._mux.calls.append(('abort',))

    def _run(self, target: Target, method: str, *arguments: Any) -> Result:
        self._block(target, method, *arguments)
        result = self._mux.result
        return result(method, *arguments) if callable(result) else result

    def _block(self, target: Target, method: str, *arguments: Any) -> None:
        self._note(target, method, *arguments)
        if self._mux.raises:
            raise self._mux.raises.pop(0)
        error, self._mux.deferred_error = self._mux.deferred_error, None
        if error is not None:
            raise error
        if target.become is not None:
            self._mux.start_child(target.become)

    def _note(self, target: Target, method: str, *arguments: Any) -> None:
        assert not self.is_closed, f'{method} on a closed client'
        self._mux.calls.append((method, *arguments))
        self._mux.targets.append(target)
