"""A real multiplexer in a folder of its own, on this machine, and a view of every process that it has to do with."""

import os
import shutil
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from svcfw.core.wire.codec import Codec
from svcfw.mux import rundir
from svcfw.mux.client.client import Become, Client, Target, Wishes
from tests.support.need import need
from tests.support.timing import seconds, wait_until

#: Set in the environment of the multiplexer, from which all that it starts has it.
MARK = 'SVCFW_TEST_MUX'


#: A command that tells its pid in a file, and does not end; `exec` so that the pid is that of what waits.
HANG = 'echo $$ > {}; exec sleep 1000'


def link(**fields: Any) -> bytes:
    """A link to this machine, with these fields of svcfw.transport.spec.Spec; other bytes for other ones."""
    return Codec().encode({'transport': 'local', 'host': 'here', 'env': {}, **fields})


def in_thread(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Start a call; what is returned waits for it, and raises what it raised or returns what it returned."""
    outcome: list[tuple[Any, BaseException | None]] = []

    def run() -> None:
        try:
            outcome.append((function(*arguments), None))
        except BaseException as exc:
            outcome.append((None, exc))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join() -> Any:
        thread.join(seconds(30))
        assert outcome, 'it does not come back'
        result, error = outcome[0]
        if error is not None:
            raise error
        return result

    return join


def written(path: Path) -> int:
    """The pid that a job writes there."""
    wait_until(lambda: path.exists() and path.read_text().endswith('\n'), seconds(20), f'{path} of a job')
    return int(path.read_text())


class Mux:
    """A folder in which clients find or start a multiplexer."""

    def __init__(self, folder: Path, mark: str) -> None:
        self.folder = folder
        self._mark = f'{MARK}={mark}'.encode()
        self._clients: list[Client] = []

    def client(self, idle_timeout_s: int = 60) -> Client:
        """A client, closed when the test is over."""
        client = Client.connect(Wishes(idle_timeout_s), self.folder)
        assert client is not None
        self._clients.append(client)
        return client

    @property
    def log(self) -> str:
        path = rundir.log_path(self.folder)
        return path.read_text() if path.exists() else ''

    @property
    def socket(self) -> Path:
        return rundir.socket_path(self.folder)

    def processes(self, *words: str) -> list[int]:
        """The pids of all that runs for this multiplexer, itself included; only those with `words` in their command.

        Skips for others than root: these processes hide themselves from their own account (svcfw.agent.private).
        """
        need('root', os.geteuid() == 0, 'needs root to look into processes that hide themselves')
        return self._processes(*words)

    def _processes(self, *words: str) -> list[int]:
        return [pid for pid in _pids() if self._is_ours(pid) and all(word in command(pid) for word in words)]

    def muxes(self) -> list[int]:
        return self.processes(str(self.folder), 'svcfw/mux/__main__.py')

    def agents(self) -> list[int]:
        """The pids of contexts, templates among them: those are forks."""
        return self.processes('import os,sys')

    def wait_for(self, condition: Callable[[], object], what: str, timeout_s: float = 20) -> None:
        wait_until(condition, seconds(timeout_s), what)

    def wait_until_gone(self, *pids: int) -> None:
        """Until these processes have ended; all of them if none is named."""
        if pids:
            self.wait_for(lambda: not set(pids) & set(self.processes()), f'the end of {pids}')
        else:
            self.wait_for(lambda: not self.processes(), f'the end of {list(map(command, self.processes()))}')

    def _is_ours(self, pid: int) -> bool:
        try:
            environment = Path(f'/proc/{pid}/environ').read_bytes()
        except PermissionError:
            return str(self.folder) in command(pid)
        except OSError:
            return False
        return pid != os.getpid() and self._mark in environment.split(b'\0') and state(pid) != 'Z'

    def end(self) -> None:
        for client in self._clients:
            client.abort()
        for pid in self._processes(str(self.folder), 'svcfw/mux/__main__.py'):
            os.kill(pid, signal.SIGTERM)
        try:
            self.wait_for(lambda: not self._processes(), f'the end of {list(map(command, self._processes()))}')
        finally:
            for pid in self._processes():
                os.kill(pid, signal.SIGKILL)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir('/proc') if name.isdigit()]


def command(pid: int) -> str:
    """The command line of a process, '' if it is gone."""
    try:
        return Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode(errors='replace')
    except OSError:
        return ''


def state(pid: int) -> str:
    """The letter that ps shows for a process, '' if it is gone."""
    return _stat(pid)[0]


def is_running(pid: int) -> bool:
    return state(pid) not in ('', 'Z')


def parent_of(pid: int) -> int:
    """The pid of a process's parent, 0 if the process is gone."""
    return int(_stat(pid)[1])


def zombies(parent: int) -> list[int]:
    """Children of a process that have ended and that it has not taken note of."""
    return [pid for pid in _pids() if _stat(pid)[:2] == ['Z', str(parent)]]


def _stat(pid: int) -> list[str]:
    """State, parent and so on, see proc(5)."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    except OSError:
        return ['', '0']


def fds(pid: int) -> int:
    """How many descriptors a process has. Skips as `Mux.processes`."""
    need('root', os.geteuid() == 0, 'needs root to look into processes that hide themselves')
    return len(os.listdir(f'/proc/{pid}/fd'))


def resident_bytes(pid: int) -> int:
    """The most memory that a process has had (VmHWM)."""
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) * 1024
    raise AssertionError('no VmHWM')


@contextmanager
def running_mux(*, may_log_errors: bool = False) -> Iterator[Mux]:
    """A Mux whose processes are ended, and must be gone, afterwards; its log is to have no error then."""
    if not sys.platform.startswith('linux'):
        pytest.skip('looks for processes in /proc')
    mark = uuid.uuid4().hex
    folder = Path(tempfile.mkdtemp(prefix='svcfw-mux-'))  # short, as the path of a socket has to be
    os.environ[MARK] = mark
    mux = Mux(folder, mark)
    try:
        yield mux
        mux.end()
        assert may_log_errors or ' ERROR ' not in mux.log, mux.log
    finally:
        del os.environ[MARK]
        mux.end()
        shutil.rmtree(folder)


class Dialogue:
    """A become plugin's part: wraps the boot command into `script`, types `answers` at each 'password:'."""

    def __init__(self, script: str, *answers: bytes) -> None:
        self.script = script
        self.answers = list(answers)
        self.shown = b''
        self.builds = 0
        self.has_ended = False

    def build(self, boot_command: str) -> str:
        self.builds += 1
        return self.script.replace('BOOT', boot_command)

    def receive(self, output: bytes) -> bytes | None:
        self.shown += output
        if b'password:' in output:
            if not self.answers:
                raise PasswordError
            return self.answers.pop(0)
        return None

    def end(self) -> None:
        self.has_ended = True


class PasswordError(Exception):
    """As the become plugin of a real connection would raise."""


def account(dialogue: Dialogue, key: bytes = b'key', tty: bool = False, timeout_s: int = 10) -> Target:
    """A target with a child of 'another account'."""
    return Target(link(), Become(key, dialogue, tty), timeout_s)
