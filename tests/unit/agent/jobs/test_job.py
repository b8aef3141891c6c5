"""Jobs with real processes: their output, their input, their end."""

import gc
import inspect
import os
import signal
import sys

import pytest

from svcfw.agent import ops, start_folder
from svcfw.agent.jobs import job as jobs
from svcfw.agent.jobs.commands import Commands
from svcfw.agent.jobs.download import DownloadJob
from svcfw.agent.jobs.job import Job, ProcessJob
from svcfw.agent.puts import CopyJob
from svcfw.core.wire.limits import WINDOW_BYTES
from tests.support.mux import is_running
from tests.unit.agent.fakes import FakeMessage, FakeRouter


@pytest.fixture
def router():
    made = FakeRouter()
    yield made
    made.loop.close()


@pytest.fixture(params=[False, True], ids=['login', 'lent'])
def commands(router, request):
    before = signal.getsignal(signal.SIGCHLD)
    made = Commands(router.loop, is_lent=request.param)
    yield made
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, before)


class Run:
    """A command under way."""

    def __init__(self, router, commands, text, stdin=b'', tty=False, argv=None, program=None, term=''):
        self.router = router
        self.message = FakeMessage()
        self.over = 0
        self.job = ProcessJob(router.loop, self.message, 7, commands.send_signal, self.on_over, ends_at_exit=tty)
        commands.start(self.job, argv or ['/bin/sh', '-c', text], stdin, term if tty else None, program)

    def on_over(self, job):
        self.over += 1

    def wait(self):
        self.router.until(lambda: self.over, 'its end')
        assert self.over == 1
        return self

    def result(self):
        """(status, stdout, stderr), granting credit as it goes."""
        granted = 0

        def grant():
            nonlocal granted
            taken = sum(len(part[1]) for part in self.message.replies if part[0] == ops.PART)
            if taken > granted:
                granted, credit = taken, taken - granted
                self.job.grant(credit)
            return self.over

        self.router.until(grant, 'its end')
        parts = self.message.replies[:-1]
        kind, status, out, err = self.message.replies[-1]
        assert kind == ops.DONE
        return status, b''.join(part[1] for part in parts) + out, b''.join(part[2] for part in parts) + err


@pytest.fixture
def run(router, commands):
    return lambda *args, **kwargs: Run(router, commands, *args, **kwargs)


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


@pytest.mark.parametrize('size', [1, 65536, 65537, 10_000_000])
def test_input_reaches_the_process_and_ends(run, size):
    data = os.urandom(size)
    assert run('cat', data).result() == (0, data, b'')


def test_a_process_that_does_not_read_its_input(run):
    assert run('exec <&-; echo on', bytes(1_000_000)).result() == (0, b'on\n', b'')
    assert run('exit 4', bytes(1_000_000)).result() == (4, b'', b'')


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


@pytest.mark.parametrize('tty', [False, True])
def test_what_cannot_be_run(router, commands, tty):
    job = ProcessJob(router.loop, FakeMessage(), 7, commands.send_signal, print)
    before = len(os.listdir('/proc/self/fd'))
    with pytest.raises(ValueError, match='null'):
        commands.start(job, ['/bin/sh', '-c', 'a\0b'], b'', '' if tty else None)
    assert len(os.listdir('/proc/self/fd')) == before


def test_a_folder_that_is_gone_keeps_nobody_out(run, monkeypatch):
    monkeypatch.setattr(start_folder, '_START', '/nonexistent')
    assert run('pwd').result() == (0, b'/\n', b'')


def test_looking_finds_groups_that_are_left(router, commands, run):
    assert not commands.still_running()
    running = run('sleep 1000')
    assert commands.still_running()
    running.job.kill()
    router.until(lambda: not commands.still_running(), 'the end')


def test_the_terminal_is_the_controlling_one(run):
    status, out, _ = run('exec 2>&1; : > /dev/tty && echo has one', tty=True).result()
    assert (status, out) == (0, b'has one\r\n')


def test_a_program_that_closes_its_streams_before_it_ends_keeps_its_terminal(router, run, tmp_path):
    os.mkfifo(tmp_path / 'gate')
    os.mkfifo(tmp_path / 'closed')
    text = f'exec <&- >&- 2>&-; echo >{tmp_path}/closed; read x <{tmp_path}/gate; echo late >/dev/tty; exit 6'
    running = run(f'echo out; {text}', tty=True)
    assert (tmp_path / 'closed').read_text() == '\n'
    # In this time the end of the terminal would be seen, were it one.
    looked = []
    router.until(lambda: looked.append(1) or len(looked) > 3)
    gate = os.open(tmp_path / 'gate', os.O_RDWR)  # which does not wait for a reader that died
    os.write(gate, b'\n')
    status, out, err = running.result()
    os.close(gate)
    assert (status, out, err) == (6, b'out\r\nlate\r\n', b'')


def test_a_killed_job_lets_go_of_its_terminal(router, run):
    running = run('trap "" TERM; sleep 1000; :', tty=True)
    before = len(os.listdir('/proc/self/fd'))
    running.job.kill()
    assert len(os.listdir('/proc/self/fd')) == before - 2
    running.job.kill_now()
    running.wait()


@pytest.mark.parametrize('tty', [False, True])
def test_a_program_may_go_by_another_name(run, tty):
    status, out, _ = run('', tty=tty, argv=['name', '-c', 'echo $0'], program='/bin/sh').result()
    assert (status, out.strip()) == (0, b'name')


def test_a_terminal_has_the_name_that_was_given_and_says_which_it_is_to_who_came_by_ssh(run, monkeypatch):
    monkeypatch.setenv('TERM', 'before')
    monkeypatch.delenv('SSH_CONNECTION', raising=False)
    monkeypatch.delenv('SSH_TTY', raising=False)
    text = 'test "$SSH_TTY" = "$(tty)"; echo $? $SSH_TTY $TERM'
    assert run(text, tty=True, term='xterm').result()[1] == b'1 xterm\r\n'
    assert run(text, tty=True).result()[1] == b'1 before\r\n'
    monkeypatch.setenv('SSH_CONNECTION', '::1 1 ::1 2')
    _, out, _ = run(text, tty=True, term='xterm').result()
    assert out.split()[::2] == [b'0', b'xterm']
    assert run('echo "$SSH_TTY" $TERM', term='xterm').result()[1] == b' before\n'


@pytest.mark.parametrize('kind', [ProcessJob, DownloadJob, CopyJob])
def test_each_job_does_what_the_agent_asks_of_any(kind):
    assert issubclass(kind, Job)
    for name in ('grant', 'kill', 'kill_now'):
        own, base = (list(inspect.signature(getattr(each, name)).parameters) for each in (kind, Job))
        assert own == base
