"""Commands as processes: their input, their folder, their terminal."""

import os
import signal

import pytest

from svcfw.agent import start_folder
from svcfw.agent.jobs.job import ProcessJob
from tests.unit.agent.fakes import FakeMessage


@pytest.mark.parametrize('size', [1, 65536, 65537, 10_000_000])
def test_input_reaches_the_process_and_ends(run, size):
    data = os.urandom(size)
    assert run('cat', data).result() == (0, data, b'')


def test_a_process_that_does_not_read_its_input(run):
    assert run('exec <&-; echo on', bytes(1_000_000)).result() == (0, b'on\n', b'')
    assert run('exit 4', bytes(1_000_000)).result() == (4, b'', b'')


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


def test_asking_whether_there_are_any_takes_no_end_from_its_job(commands, run):
    """What has ended and was not told yet is still one."""
    assert not commands.is_busy()
    running = run('exec sleep 1000')
    (process,) = commands._running.values()
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert commands.is_busy()
    assert running.result()[0] == -signal.SIGKILL
    assert not commands.is_busy()


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
