import os
import select
import signal
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

import svcfw
from svcfw.transport.process import SpawnedProcess, spawn
from tests.support.interpreters import need_python
from tests.support.routers import open_fds
from tests.support.timing import seconds, wait_until


@pytest.fixture
def run():
    """spawn(), with everything ended afterwards."""
    started: list[SpawnedProcess] = []

    def start(*argv: str, **options: object) -> SpawnedProcess:
        started.append(spawn(list(argv), **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.close()
        wait_until(lambda process=process: process.poll() is not None, seconds(10), f'{process} ends')


def python(code: str) -> tuple[str, ...]:
    return sys.executable, '-c', code


def read(fd: int, until: bytes = b'\n') -> bytes:
    """What comes, up to and with `until`, or the end."""
    data = b''
    while not data.endswith(until):
        ready, _, _ = select.select([fd], [], [], seconds(10))
        assert ready, f'only {data!r} came'
        chunk = os.read(fd, 65536)
        if not chunk:
            break
        data += chunk
    return data


@pytest.mark.parametrize('pipes_in', [False, True])
def test_streams_are_apart(run, pipes_in) -> None:
    process = run('/bin/sh', '-c', 'read line; echo "out $line"; echo "err $line" >&2; exit 5', pipes_in=pipes_in)
    os.write(process.in_fd, b'word\n')
    assert read(process.out_fd) == b'out word\n'
    assert read(process.err_fd) == b'err word\n'
    wait_until(lambda: process.poll() is not None, seconds(10), 'it ends')
    assert process.poll() == 5


@pytest.mark.parametrize('pipes_in', [False, True])
def test_descriptors_block_nobody_and_are_not_inherited(run, pipes_in) -> None:
    process = run('cat', tty=True, pipes_in=pipes_in)
    for fd in (process.in_fd, process.out_fd, process.err_fd, process.tty_fd):
        assert not os.get_blocking(fd)
        assert not os.get_inheritable(fd)


@pytest.mark.parametrize('pipes_in', [False, True])
def test_the_program_gets_no_other_descriptor(run, pipes_in) -> None:
    process = run('ls', '/proc/self/fd', tty=True, pipes_in=pipes_in)
    assert read(process.out_fd, b'never').split() == [b'0', b'1', b'2', b'3']


def test_it_leads_a_session_and_the_terminal_is_its_own(run) -> None:
    code = 'import os; t = os.open("/dev/tty", os.O_RDWR); os.write(t, b"%d %d" % (os.getsid(0), os.isatty(0)))'
    process = run(*python(code), tty=True)
    assert read(process.tty_fd, b' 0') == b'%d 0' % process.pid


def test_without_a_terminal_there_is_none(run) -> None:
    process = run(*python('open("/dev/tty")'))
    assert b'No such device' in read(process.err_fd, b'never')


def test_what_is_typed_is_not_echoed_and_what_is_shown_is_not_changed(run) -> None:
    process = run('/bin/sh', '-c', 'exec <>/dev/tty >&0; read line; echo "got $line"', tty=True)
    os.write(process.tty_fd, b'secret\n')
    assert read(process.tty_fd) == b'got secret\n'


@pytest.mark.parametrize('outlives', [True, False])
def test_the_link_goes_on_without_the_terminal(run, outlives: bool) -> None:
    process = run('/bin/sh', '-c', 'echo ready; read line; echo "$line"; read line', tty=True, outlives_tty=outlives)
    assert read(process.out_fd) == b'ready\n'
    process.close_tty()
    assert (process.tty_fd is None) == outlives
    os.write(process.in_fd, b'alive\n')
    assert read(process.out_fd) == b'alive\n'
    process.kill()
    process.close_tty()
    assert process.tty_fd is None


def test_without_its_terminal_it_gets_a_signal(run) -> None:
    # One that does not read: the end of its input would end it too.
    process = run('/bin/sh', '-c', 'echo ready; exec sleep 1000', tty=True)
    assert read(process.out_fd) == b'ready\n'
    process.close()
    wait_until(lambda: process.poll() is not None, seconds(10), 'it ends')
    assert process.poll() == -signal.SIGHUP


@pytest.mark.parametrize('tty', [True, False])
def test_a_missing_program_raises_and_leaves_nothing_open(tty: bool) -> None:
    before = os.listdir('/proc/self/fd')
    with pytest.raises(FileNotFoundError, match='no-such-program'):
        spawn(['no-such-program'], tty=tty)
    assert os.listdir('/proc/self/fd') == before


def test_kill_takes_children_along(run) -> None:
    process = run('/bin/sh', '-c', 'sleep 600 & echo $!; wait')
    child = int(read(process.out_fd))
    process.kill()
    wait_until(lambda: process.poll() == -signal.SIGKILL, seconds(10), 'it is killed')
    wait_until(lambda: not is_alive(child), seconds(10), 'its child is killed')


def test_kill_and_close_may_come_twice(run) -> None:
    process = run('true')
    wait_until(lambda: process.poll() is not None, seconds(10), 'it ends')
    for _ in range(2):
        process.kill()
        process.close()
    assert process.poll() == 0


@pytest.mark.parametrize('pipes_in', [False, True])
def test_released_descriptors_stay_open(run, pipes_in) -> None:
    process = run('cat', pipes_in=pipes_in)
    in_fd, out_fd, err_fd = process.release()
    process.close()
    os.write(in_fd, b'x\n')
    assert read(out_fd) == b'x\n'
    for fd in {in_fd, out_fd, err_fd}:
        os.close(fd)


def test_a_shell_takes_itself_for_no_remote_one(run, tmp_path) -> None:
    # bash does that at the top (no SHLVL), with a socket for its stdin.
    (tmp_path / '.bashrc').write_text('echo remote\n')
    process = run('bash', '-c', 'echo done', env={'HOME': str(tmp_path)}, pipes_in=True)
    assert read(process.out_fd, b'never') == b'done\n'


def test_the_end_of_its_input(run) -> None:
    process = run('cat', pipes_in=True)
    process.close()
    wait_until(lambda: process.poll() is not None, seconds(10), 'it ends')


def test_environment_and_directory(run, tmp_path) -> None:
    process = run('/bin/sh', '-c', 'echo "$WORD"; pwd', env={'WORD': 'one'}, cwd=str(tmp_path))
    assert read(process.out_fd, b'never').decode().split() == ['one', str(tmp_path)]


def test_from_many_threads_at_once(run) -> None:
    found = []

    def start(number: int) -> None:
        found.append(read(run('/bin/sh', '-c', f'echo {number}', tty=number % 2 == 0).out_fd))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, found)) == list(range(12))


def test_a_terminal_that_cannot_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another lack of the machine's, and nothing is left of it."""

    def refuse(*arguments: object) -> None:
        raise termios.error(5, 'Input/output error')

    monkeypatch.setattr(termios, 'tcsetattr', refuse)
    before = open_fds()
    with pytest.raises(OSError, match='Input/output error'):
        spawn(['true'], tty=True)
    assert open_fds() == before


CHAT = """
import os, select, sys
sys.path.insert(0, sys.argv[1])
from svcfw.transport import messages, openssh, process
from svcfw.transport.dialogue import LoginDialogue, Send
from svcfw.transport.spec import Spec
openssh.argv(Spec(host='web1', password='x'), 'text')
child = process.spawn(['/bin/sh', '-c', 'exec <>/dev/tty; printf "Password: " >&0; read x; echo "$x" >&2'], tty=True)
talk = LoginDialogue('web1', messages.SSH, {messages.PASSWORD: 'open sesame'})
select.select([child.tty_fd], [], [])
for action in talk.receive('tty', os.read(child.tty_fd, 100)):
    assert isinstance(action, Send)
    os.write(child.tty_fd, action.data)
select.select([child.err_fd], [], [])
print(os.read(child.err_fd, 100))
"""


@pytest.mark.parametrize('version', ['3.6', '3.13'])
def test_intermediate_contexts_can_do_all_this(version: str) -> None:
    command = [need_python(version), '-I', '-S', '-c', CHAT, str(Path(svcfw.__file__).parents[1])]
    result = subprocess.run(command, capture_output=True, timeout=seconds(20))
    assert result.stdout == b"b'open sesame\\n'\n", result.stderr


def is_alive(pid: int) -> bool:
    try:
        with open(f'/proc/{pid}/stat') as stat:
            return stat.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False
