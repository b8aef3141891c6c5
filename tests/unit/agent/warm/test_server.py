"""The template process by itself, as its agent sees it: messages in, events out, and no job is left behind."""

import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.agent.warm import pipe, server
from tests.support.jobs import module_job, source_job
from tests.support.pipes import all_of
from tests.support.timing import seconds

pytestmark = pytest.mark.filterwarnings('ignore:.*use of fork.*:DeprecationWarning')


class Agent:
    """The agent's end of a template's socket. In the template's process `before()` is called first."""

    def __init__(self, before: Callable[[], object] = lambda: None, announces: bool = False) -> None:
        self.socket, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                before()
                server.serve(theirs.detach(), announces)
                os._exit(0)
            finally:
                os._exit(1)
        theirs.close()
        self.socket.settimeout(seconds(20))
        self._writer = pipe.PipeWriter(self.socket)
        self._events = self.socket.makefile('rb')
        self._outputs: list[int] = []

    def tell(self, kind: int, body: bytes, *fds: int) -> None:
        self._writer.put(kind, body, fds)
        assert self._writer.flush()

    def run(self, job_id: int, job: Any) -> tuple[int, int]:
        """What its output and its errors are read from."""
        out, err = os.pipe(), os.pipe()
        self.tell(pipe.RUN, pipe.pack_job(job_id, job), out[1], err[1])
        os.close(out[1])
        os.close(err[1])
        self._outputs += [out[0], err[0]]
        return out[0], err[0]

    def read(self, size: int) -> bytes:
        return self._events.read(size)

    def event(self) -> tuple[int, int, int]:
        """(kind, job id, value) of the next one."""
        kind, job_id, value = pipe.EVENT.unpack(self.read(pipe.EVENT.size))
        return kind, job_id, value

    def leave(self) -> int:
        """The agent is gone; the wait status of the template."""
        self._events.close()
        self.socket.close()
        fd = os.pidfd_open(self.pid)
        assert select.select([fd], [], [], seconds(20))[0], 'the template does not end'
        os.close(fd)
        return os.waitpid(self.pid, 0)[1]

    def close(self) -> None:
        self._events.close()
        self.socket.close()
        for fd in self._outputs:
            os.close(fd)


@pytest.fixture
def start() -> Iterator[Callable[..., Agent]]:
    """As Agent; all are closed when the test is over."""
    made: list[Agent] = []

    def start(*args: Any, **options: Any) -> Agent:
        made.append(Agent(*args, **options))
        return made[-1]

    yield start
    for agent in made:
        agent.close()


@pytest.fixture
def agent(start: Callable[..., Agent]) -> Iterator[Agent]:
    made = start()
    yield made
    assert made.leave() == 0


def test_a_job_is_told_of_twice_and_says_the_rest_itself(agent: Agent) -> None:
    out, err = agent.run(5, source_job('import os, sys; print(os.getpid()); sys.exit("bad")'))
    kind, job_id, pid = agent.event()
    assert (kind, job_id) == (pipe.STARTED, 5)
    assert agent.event() == (pipe.EXITED, 5, 1 << 8)
    assert (all_of(out), all_of(err)) == (b'%d\n' % pid, b'bad\n')


def test_a_signal_ends_the_job_that_it_is_for(agent: Agent, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'fifo')
    fifo = os.open(tmp_path / 'fifo', os.O_RDWR)
    for job_id in (1, 2):
        agent.run(job_id, source_job(f'open({str(tmp_path / "fifo")!r}, "rb", 0).read(1)'))
        assert agent.event()[:2] == (pipe.STARTED, job_id)
    agent.tell(pipe.KILL, struct.pack('>II', 3, signal.SIGKILL))
    agent.tell(pipe.KILL, struct.pack('>II', 1, signal.SIGKILL))
    assert agent.event() == (pipe.EXITED, 1, signal.SIGKILL)
    os.write(fifo, b'x')  # which lets the other one go on
    assert agent.event() == (pipe.EXITED, 2, 0)
    os.close(fifo)


def test_a_job_that_cannot_be_started_fails_alone_and_says_why(start: Callable[..., Agent]) -> None:
    def refuse_once() -> None:
        fork = os.fork

        def refuse() -> int:
            os.fork = fork
            raise BlockingIOError(11, 'Resource temporarily unavailable')

        os.fork = refuse

    agent = start(refuse_once)
    _, err = agent.run(1, source_job('print(1)'))
    assert agent.event() == (pipe.EXITED, 1, 1 << 8)
    assert all_of(err) == b'cannot start the module: [Errno 11] Resource temporarily unavailable\n'
    out, _ = agent.run(2, source_job('print(2)'))
    assert all_of(out) == b'2\n'
    assert agent.leave() == 0


def test_what_cannot_be_prepared_is_left_to_those_who_need_it(agent: Agent) -> None:
    agent.tell(pipe.PREPARE, pipe.pack(1, b'no program', 'no sources'))
    out, _ = agent.run(2, source_job('print(2)'))
    assert all_of(out) == b'2\n'


def test_what_it_goes_by_is_announced_before_all_else(
    start: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.site_state, 'watched', lambda: ['/a', os.fsdecode(b'/b\xff')])
    agent = start(announces=True)
    kind, _, size = agent.event()
    assert (kind, agent.read(size)) == (pipe.READY, b'/a\0/b\xff')
    assert agent.leave() == 0


@pytest.mark.parametrize('has_changed', [True, False])
def test_a_module_is_not_run_by_what_is_not_on_the_disk_any_more(
    start: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch, has_changed: bool
) -> None:
    class Watch:
        def __init__(self, files: object) -> None:
            pass

        def changed(self) -> bool:
            return has_changed

    monkeypatch.setattr(server.site_state, 'Watch', Watch)
    agent = start()
    agent.run(1, module_job())
    found = [agent.event()[0]]
    while found[-1] != pipe.EXITED:
        found.append(agent.event()[0])
    assert found == ([pipe.SPENT] if has_changed else []) + [pipe.STARTED, pipe.EXITED]
    assert agent.leave() == 0


@pytest.mark.parametrize('is_polite', [True, False])
def test_the_end_of_the_agent_is_the_end_of_the_jobs(
    start: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch, is_polite: bool
) -> None:
    monkeypatch.setattr(server, 'KILL_AFTER_S', seconds(1000) if is_polite else 0)
    handler = 'lambda *args: sys.exit("asked to end")' if is_polite else 'signal.SIG_IGN'
    text = f'import signal, sys\nsignal.signal(signal.SIGTERM, {handler})\nprint(1, flush=True)\nsignal.pause()'
    agent = start()
    out, err = agent.run(1, source_job(text, sys.executable))
    assert os.read(out, 2) == b'1\n'
    assert agent.leave() == 0
    assert all_of(err) == (b'asked to end\n' if is_polite else b'')
