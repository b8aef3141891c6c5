"""What is said of a multiplexer that does not answer."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcfw.mux.client import peer
from tests.support.timing import seconds, wait_until


@pytest.fixture
def process() -> Iterator['subprocess.Popen[bytes]']:
    with subprocess.Popen(['sleep', '1000']) as made:
        yield made
        made.kill()


def test_one_that_is_stopped(process: 'subprocess.Popen[bytes]') -> None:
    assert not peer.is_stopped(process.pid)
    assert f'process {process.pid} hangs: kill -USR1' in peer.described(process.pid)
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: peer.is_stopped(process.pid), seconds(10), 'the stop')
    assert f'process {process.pid} is stopped: continue it (kill -CONT {process.pid})' in peer.described(process.pid)


def test_one_that_is_gone_or_unknown(process: 'subprocess.Popen[bytes]') -> None:
    process.kill()
    process.wait()
    assert not peer.is_stopped(process.pid)
    assert peer.described(0) == 'it hangs: see its log'


@pytest.mark.parametrize(('name', 'is_one'), [('mux/__main__.py', True), ('other.py', False)])
def test_the_process_behind_a_socket_counts_if_it_is_a_multiplexer(tmp_path: Path, name: str, is_one: bool) -> None:
    program = tmp_path / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(
        'import socket, sys\n'
        f'with socket.socket(socket.AF_UNIX) as sock:\n    sock.bind({str(tmp_path / "socket")!r})\n'
        '    sock.listen()\n    print("up", flush=True)\n    sys.stdin.read()\n'
    )
    with subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b'up\n'
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(tmp_path / 'socket'))
            assert peer.pid_of(sock) == (server.pid if is_one else 0)
    assert os.path.exists(tmp_path / 'socket')
