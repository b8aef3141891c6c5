"""How the multiplexer's process begins, with a server that only tells what it was given."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from svcfw.mux import rundir
from tests.support.timing import seconds

#: Serves until its input ends.
SERVER = """
import importlib.util, json, os, sys
def serve(folder, fd):
    sys.stdin.read()
    is_beside = importlib.util.find_spec('offer') is not None
    os.write(fd, json.dumps([repr(folder), sys.path[0], is_beside]).encode())
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
    return folder


def test_its_starter_does_not_wait_for_it_and_it_finds_its_own_package(package: Path, tmp_path: Path) -> None:
    read_fd, write_fd = os.pipe()
    program = [sys.executable, str(package / 'mux' / '__main__.py'), str(tmp_path), str(write_fd)]
    started = subprocess.Popen(program, stdin=subprocess.PIPE, pass_fds=[write_fd], cwd='/')
    os.close(write_fd)
    with open(read_fd) as said, started:
        assert started.wait(seconds(20)) == 0, 'while the server still waits for the end of its input'
        assert started.stdin is not None
        started.stdin.close()
        folder, first, is_beside = json.loads(said.read())
    assert folder == repr(tmp_path)
    assert first == str(package.parent)
    assert not is_beside, "the package's own modules are no top-level ones"
