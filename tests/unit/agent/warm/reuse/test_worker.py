"""A process that runs one module after another, as the template sees it; runs and comparisons are a test's."""

import os
import select
import socket
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.agent.warm import child, pipe
from svcfw.agent.warm.reuse import kinds, worker
from tests.support.jobs import module_job
from tests.support.pipes import all_of
from tests.support.timing import seconds

pytestmark = pytest.mark.filterwarnings('ignore:.*use of fork.*:DeprecationWarning')


class Scene:
    """What the worker is made with, set before it is forked: `run(job)` returns the status of a run."""

    def __init__(self) -> None:
        self.run: Callable[[Any], int] = lambda job: 0
        self.difference: Callable[[], tuple[int, str]] = lambda: (0, '')
        self.has_one_thread = True
        self.taken_in: list[tuple[Any, ...]] = []

    def live(self, sock: socket.socket, live: Callable[[Any], None]) -> None:
        """In the forked process."""
        worker.rehearse = lambda profile: None
        worker.runner = SimpleNamespace(
            attempt=lambda job, tools: (self.run(job), SimpleNamespace(remove=lambda: None)),
            finish=lambda status, root: status,
        )
        worker.snapshot = SimpleNamespace(
            Given=lambda: SimpleNamespace(restore=lambda: None),
            Snapshot=lambda left_out: SimpleNamespace(difference=self.difference),
            has_one_thread=lambda: self.has_one_thread,
        )
        members = SimpleNamespace(take_in=lambda *values: self.taken_in.append(values))
        tools = SimpleNamespace(finder=None, members=members, preimport=None, start=child.StartState())
        live(worker.Worker(sock, tools, {'known': ['members']}, self.run_once))

    @staticmethod
    def run_once(job: Any, fds: list[int]) -> None:
        os.write(fds[0], b'the only run\n')
        os._exit(7)


class Template:
    """The template's end of a worker's socket."""

    def __init__(self, scene: Scene, live: Callable[[Any], None] = lambda one: one.serve(True, 'legacy')) -> None:
        self.socket, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.socket.close()
                scene.live(theirs, live)
            finally:
                os._exit(99)
        theirs.close()
        self._writer, self._reader = pipe.PipeWriter(self.socket), pipe.PipeReader(self.socket)
        self._said: list[tuple[Any, ...]] = []

    def run(self, **fields: Any) -> int:
        """What the output of the job is read from."""
        out, theirs = os.pipe()
        job = module_job(**{'may_reuse': True, **fields})
        self._writer.put(pipe.RUN, pipe.pack_job(1, job, job.member_list is None), [theirs, theirs])
        assert self._writer.flush()
        os.close(theirs)
        return out

    def add(self, *values: Any) -> None:
        self._writer.put(pipe.ADD, pipe.pack(*values))

    def said(self) -> tuple[Any, ...]:
        """The next thing that it says: (kind, its values)."""
        while not self._said:
            assert select.select([self.socket], [], [], seconds(20))[0], 'it says nothing'
            self._said += [(kind, *pipe.unpack(body)) for kind, body in self._reader.read()]
            assert self._said or not self._reader.ended, 'it has ended'
        return self._said.pop(0)

    def status(self) -> int:
        """The exit status of the worker, which ends by itself."""
        fd = os.pidfd_open(self.pid)
        assert select.select([fd], [], [], seconds(20))[0], 'it does not end'
        os.close(fd)
        self.socket.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def leave(self) -> int:
        """The template is gone; as `status`."""
        self.socket.close()
        return self.status()


@pytest.fixture
def scene() -> Iterator[Scene]:
    return Scene()


def ran(kind: str, more: str = '') -> tuple[Any, ...]:
    return pipe.RAN, kinds.KINDS.index(kind), more


def test_one_run_follows_another_and_none_has_the_output_of_another(scene: Scene) -> None:
    scene.run = lambda job: print(job.module) or 0  # type: ignore[func-returns-value]
    template = Template(scene)
    for number, name in enumerate(('first', 'second'), 1):
        out = template.run(module=name)
        assert (template.said(), template.said()) == ((pipe.OVER, number), ran(''))
        assert all_of(out) == name.encode() + b'\n', 'which has ended, too, although the process has not'
    assert template.leave() == 0


@pytest.mark.parametrize(
    ('change', 'said', 'status'),
    [
        ({'run': lambda job: 3}, [ran('its status')], 3),
        ({'has_one_thread': False}, [ran('a thread')], 0),
        ({'difference': lambda: (kinds.KINDS.index('a global'), 'm.x')}, [(pipe.OVER, 1), ran('a global', 'm.x')], 0),
        ({'difference': lambda: 1 // 0}, [(pipe.OVER, 1), ran('an error', 'integer division or modulo by zero')], 0),
        (
            {'difference': lambda: (kinds.KINDS.index('a global'), 'x' * 2 * pipe.MAX_TEXT)},
            [(pipe.OVER, 1), ran('a global', 'x' * pipe.MAX_TEXT)],
            0,
        ),
    ],
)
def test_a_process_that_is_not_as_before_says_why_and_ends(
    scene: Scene, change: dict[str, Any], said: list[Any], status: int
) -> None:
    for name, value in change.items():
        setattr(scene, name, value)
    template = Template(scene)
    os.close(template.run())
    assert [template.said() for _ in said] == said
    assert template.status() == status


def test_it_has_only_so_many_runs(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, 'MAX_RUNS', 1)
    template = Template(scene)
    os.close(template.run())
    assert [template.said(), template.said()] == [(pipe.OVER, 1), ran('its number of runs')]
    assert template.status() == 0


def test_a_run_that_none_may_follow_is_the_processes_last(scene: Scene) -> None:
    template = Template(scene)
    assert all_of(template.run(may_reuse=False)) == b'the only run\n'
    assert template.status() == 7


def test_members_come_before_the_run_that_needs_them_or_are_known_by_name(scene: Scene) -> None:
    scene.run = lambda job: print(scene.taken_in, job.members) or 0  # type: ignore[func-returns-value]
    template = Template(scene)
    template.add({'digest': 'content'})
    assert all_of(template.run(member_list='known')) == b"[({'digest': 'content'},)] ['members']\n"
    assert [template.said(), template.said()] == [(pipe.OVER, 1), ran('')]
    assert template.leave() == 0


def test_the_first_run_of_its_kind_says_what_it_has_imported(scene: Scene) -> None:
    def run(job: Any) -> int:
        sys.modules['new.one'] = sys
        return 4

    scene.run = run
    read_fd, write_fd = os.pipe()
    template = Template(scene, lambda one: one.run_first(module_job(), [write_fd, os.dup(write_fd)]))
    for fd in (read_fd, write_fd):
        os.close(fd)
    assert template.said() == ran('the first run', 'new.one')
    assert template.status() == 4


class Basic:
    """In the place of ansible.module_utils.basic: `made` has what modules were made with."""

    _ANSIBLE_PROFILE = None

    def __init__(self) -> None:
        self.made: list[Any] = []

    def AnsibleModule(self, **arguments: Any) -> Any:  # noqa: N802
        self.made.append((self._ANSIBLE_ARGS, self._ANSIBLE_PROFILE, arguments))  # type: ignore[attr-defined]
        return SimpleNamespace(exit_json=lambda **result: sys.exit(0))


def test_a_rehearsal_is_the_beginning_and_the_end_of_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, 'ansible.module_utils.basic', raising=False)
    worker.rehearse('legacy')
    basic = Basic()
    monkeypatch.setitem(sys.modules, 'ansible.module_utils.basic', basic)  # type: ignore[misc]
    worker.rehearse('legacy')
    ((arguments, profile, options),) = basic.made
    assert (arguments, profile) == (b'{"ANSIBLE_MODULE_ARGS": {}}', 'legacy')
    assert options['no_log'], 'nothing of it is to be seen in a log'
