"""Jobs with real processes: their output, their input, their end."""

import gc
import inspect
import os
import signal
import sys

import pytest

from svcfw.agent import ops
from svcfw.agent.jobs import job as jobs
from svcfw.agent.jobs.download import DownloadJob
from svcfw.agent.jobs.job import Job, ProcessJob
from svcfw.agent.puts import CopyJob
from svcfw.core.wire.limits import WINDOW_BYTES
from tests.support.mux import is_running


@pytest.mark.parametrize(
    ('text', 'result'),
    [
        ('echo out; echo err >&2; exit 3', (3, b'out\n', b'err\n')),
        ('kill -15 $$', (-15, b'', b'')),
        ('cat', (0, b'', b'')),
        ('exec >&- 2>&-; exit 5', (5, b'', b'')),
    ],
)
def test_results(run, text, result):
    assert run(text).result() == result


def test_output_stops_where_the_credit_does(router, run):
    running = run('head -c 50000000 /dev/zero')
    sent = []
    router.until(lambda: sent.append(len(running.message.replies)) or (sent[-20:] == [sent[-1]] * 20 and sent[-1]))
    assert sum(len(part[1]) for part in running.message.replies) <= WINDOW_BYTES
    assert len(running.result()[1]) == 50_000_000


def test_a_job_goes_on_until_its_pipes_end(router, run, tmp_path):
    os.mkfifo(tmp_path / 'gate')
    running = run(f'(read x < {tmp_path}/gate; echo late) & echo early')
    router.until(lambda: running.job._status is not None, 'the exit of the shell')
    assert not running.over
    (tmp_path / 'gate').write_text('\n')
    assert running.result() == (0, b'early\nlate\n', b'')


def test_a_job_on_a_terminal_ends_with_its_process(run):
    status, out, _ = run('tty; seq 30000; sleep 1000 & echo $!', tty=True).result()
    lines = out.split()
    assert status == 0
    assert lines[0].startswith(b'/dev/')
    assert lines[1:-1] == [b'%d' % number for number in range(1, 30001)]
    if is_running(int(lines[-1])):  # it may have died of the terminal's end
        os.kill(int(lines[-1]), signal.SIGKILL)


def test_a_killed_job_ends_with_all_it_started(router, run, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, 'KILL_AFTER_S', 0.5)
    running = run(f'sleep 1000 & echo $! > {tmp_path}/pid; wait')
    router.until(lambda: (tmp_path / 'pid').exists() and (tmp_path / 'pid').read_text(), 'the pid')
    running.job.kill()
    running.job.kill()
    router.until(lambda: not is_running(int((tmp_path / 'pid').read_text())), 'the end')
    running.wait()
    assert running.message.replies == []


def test_what_ignores_the_polite_signal_is_shown_the_other(router, run, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, 'KILL_AFTER_S', 0.05)
    # The shell dies of it at once, what it started does not.
    program = 'import os, signal; signal.signal(15, 1); print(os.getpid(), flush=True); signal.pause()'
    child = f'{sys.executable} -c "{program}"'
    running = run(f'{child} > {tmp_path}/pid; :')
    router.until(lambda: (tmp_path / 'pid').exists() and (tmp_path / 'pid').read_text(), 'the pid')
    running.job.kill()
    router.until(lambda: not is_running(int((tmp_path / 'pid').read_text())), 'the end')
    running.wait()


def test_a_job_that_is_killed_after_its_process_ended_is_over(router, run, tmp_path):
    running = run(f'sleep 1000 & echo $! > {tmp_path}/pid')
    router.until(lambda: running.job._status is not None, 'the exit of the shell')
    running.job.kill()
    os.kill(int((tmp_path / 'pid').read_text()), signal.SIGKILL)
    assert running.over == 1
    assert running.message.replies == []


def test_an_abandoned_job_says_why(run, commands):
    running = run('sleep 1000')
    (process,) = [process.pid for process in commands._running.values()]
    running.job.abandon('nobody knows\n')
    assert running.message.replies == [(ops.DONE, 137, b'', b'nobody knows\n')]
    assert running.over == 1
    os.killpg(process, signal.SIGKILL)
    running.router.until(lambda: not commands._running, 'the process to be reaped')


def test_nothing_is_left_open(router, run):
    def rounds():
        for _ in range(5):
            run('cat', b'x' * 100_000).result()
            run('echo', tty=True).result()
            killed = run('sleep 1000')
            killed.job.kill()
            killed.job.kill_now()
            killed.wait()
        return len(os.listdir('/proc/self/fd'))

    gc.collect()  # of other tests
    assert rounds() == rounds()


def test_a_killed_job_lets_go_of_its_terminal(router, run):
    running = run('trap "" TERM; sleep 1000; :', tty=True)
    before = len(os.listdir('/proc/self/fd'))
    running.job.kill()
    assert len(os.listdir('/proc/self/fd')) == before - 2
    running.job.kill_now()
    running.wait()


@pytest.mark.parametrize('kind', [ProcessJob, DownloadJob, CopyJob])
def test_each_job_does_what_the_agent_asks_of_any(kind):
    assert issubclass(kind, Job)
    for name in ('grant', 'kill', 'kill_now'):
        own, base = (list(inspect.signature(getattr(each, name)).parameters) for each in (kind, Job))
        assert own == base
