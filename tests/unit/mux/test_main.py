"""How the multiplexer's process begins, with a server that only tells what it was given."""

import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from svcfw.mux import rundir
from tests.support.timing import seconds

IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD)
#: Serves until its input ends, and fails then.
SERVER = """
import importlib.util, json, sys
def serve(folder, listener, first):
    sys.stdin.read()
    is_beside = importlib.util.find_spec('offer') is not None
    listener.send(json.dumps([repr(folder), sys.path[0], is_beside, first.said]).encode() + b'\\n')
    raise SystemExit(1)
"""
#: Says whether the server was imported before, and which signals a program ignores that is started then.
FIRST_LOGIN = """
import subprocess, sys
class begin:
    def __init__(self, folder, listener):
        self.listener = listener
        self.said = look(folder, listener)
    def close(self):
        self.listener.send(b'closed')
def look(folder, listener):
    status = subprocess.run(['cat', '/proc/self/status'], stdout=subprocess.PIPE).stdout.decode()
    ignored = int(status.split('SigIgn:')[1].split()[0], 16)
    return [folder, type(listener).__name__, 'svcfw.mux.server.server' in sys.modules, ignored]
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of our name, somewhere else, that has the program and this server."""
    folder = tmp_path / 'elsewhere' / 'svcfw'
    (folder / 'mux' / 'server').mkdir(parents=True)
    for each in (folder, folder / 'mux', folder / 'mux' / 'server'):
        (each / '__init__.py').touch()
    shutil.copy(Path(rundir.__file__).with_name('__main__.py'), folder / 'mux')
    (folder / 'mux' / 'offer.py').touch()
    (folder / 'mux' / 'server' / 'server.py').write_text(SERVER)
    (folder / 'mux' / 'first_login.py').write_text(FIRST_LOGIN)
    return folder


def test_its_starter_does_not_wait_for_it_and_it_finds_its_own_package(package: Path, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    program = [sys.executable, str(package / 'mux' / '__main__.py'), str(tmp_path), str(theirs.fileno())]
    ignoring = ['/bin/sh', '-c', 'trap "" HUP INT TERM QUIT CHLD; exec "$@"', 'sh', *program]
    started = subprocess.Popen(ignoring, stdin=subprocess.PIPE, pass_fds=[theirs.fileno()], cwd='/')
    theirs.close()
    with ours, started:
        assert started.wait(seconds(20)) == 0, 'while the server still waits for the end of its input'
        assert started.stdin is not None
        started.stdin.close()
        said, closed = ours.makefile().read().split('\n')
        folder, path, is_beside, first = json.loads(said)
    assert folder == repr(tmp_path)
    assert path == str(package.parent)
    assert not is_beside, "the package's own modules are no top-level ones"
    assert first[:3] == [str(tmp_path), 'socket', False], 'the first login is begun before the server is imported'
    assert not [number for number in IGNORED if first[3] & 1 << number - 1]
    assert closed == 'closed', 'whatever ends the server'
