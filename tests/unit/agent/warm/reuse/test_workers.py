"""Workers, from the template's side: real forks that wait for a job and for nothing else."""

import os
import sys
from collections.abc import Iterator

import pytest

from svcfw.agent.warm import pipe
from svcfw.agent.warm.members import Members
from svcfw.agent.warm.reuse import kinds, workers
from tests.support.jobs import module_job
from tests.support.timing import seconds, wait_until

pytestmark = [
    pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork'),
    pytest.mark.filterwarnings('ignore:.*use of fork.*:DeprecationWarning'),
]
JOB = module_job(may_reuse=True)


def answering(sock: object, why_no_other: int = 0) -> None:
    """A worker that has run each job at once."""
    reader = pipe.PipeReader(sock)  # type: ignore[no-untyped-call]
    sock.setblocking(True)  # type: ignore[attr-defined]
    runs = 0
    while not reader.ended:
        for kind, _ in reader.read():  # type: ignore[no-untyped-call]
            if kind == pipe.RUN:
                runs += 1
                for fd in reader.take_fds(2):  # type: ignore[no-untyped-call]
                    os.close(fd)
                said = [(pipe.OVER, (runs,)), (pipe.RAN, (why_no_other, 'what'))]
                # In one piece, so that they are read together.
                sock.sendall(b''.join(pipe.message(what, pipe.pack(*values)) for what, values in said))  # type: ignore
    os._exit(0)


@pytest.fixture
def made() -> Iterator[workers.Workers]:
    made = workers.Workers(Members(), {})  # type: ignore[no-untyped-call]
    yield made
    made.close()  # type: ignore[no-untyped-call]


def reap(pid: int) -> None:
    wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, seconds(10), 'the end of a worker')


def reports(made: workers.Workers, count: int) -> list[object]:
    found: list[object] = []
    wait_until(lambda: len(found) >= count or found.extend(made.reports()), seconds(10), 'reports')  # type: ignore
    return found


def test_one_runs_again_and_is_the_only_one_wanted(made: workers.Workers) -> None:
    assert made.wants_spare(True)
    pid = made.fork(answering, True)
    assert not made.wants_spare(True)
    assert made.wants_spare(False)
    for run in (1, 2):
        assert made.take(1, JOB, (1, 2)) == pid
        [over] = [each for each in reports(made, 1) if isinstance(each, workers.Over)]
        assert (over.pid, over.runs) == (pid, run)
    made.close()
    reap(pid)


def test_the_next_one_says_why_it_is_new(made: workers.Workers) -> None:
    first = made.fork(lambda sock: answering(sock, kinds.KINDS.index('a thread')), True)
    made.take(1, JOB, (1, 2))
    reports(made, 1)
    made.ended(first)
    reap(first)
    second = made.fork(answering, True)
    made.take(2, JOB, (1, 2))
    [over] = reports(made, 1)[:1]
    assert isinstance(over, workers.Over)
    assert kinds.KINDS[over.why_new] == 'a thread'
    made.close()
    reap(second)


def test_one_for_several_runs_is_not_used_up_by_a_single_one(made: workers.Workers) -> None:
    pid = made.fork(answering, True)
    assert made.take(1, module_job(may_reuse=False), (1, 2)) is None
    made.close()
    reap(pid)


def test_an_old_one_ends(made: workers.Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = made.fork(answering, True)
    left_s = made.expire()
    assert left_s is not None
    assert 0 < left_s <= workers.MAX_AGE_S
    monkeypatch.setattr(workers, 'MAX_AGE_S', 0.0)
    assert made.expire() is None
    assert made.take(1, JOB, (1, 2)) is None
    reap(pid)


def test_there_are_no_spares_where_they_die(made: workers.Workers) -> None:
    for _ in range(3):
        assert made.wants_spare(True)
        pid = made.fork(lambda sock: os._exit(1), True)
        reap(pid)
        made.ended(pid)
    assert not made.wants_spare(True)


def test_the_end_leaves_none(made: workers.Workers) -> None:
    pid = made.fork(answering, True)
    made.end()
    with pytest.raises(ProcessLookupError if sys.platform == 'linux' else OSError):
        os.kill(pid, 0)
