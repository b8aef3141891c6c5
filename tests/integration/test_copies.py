"""`svcfw put` and `svcfw get` against a real sshd, on a terminal."""

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

from tests.support.sshd import Sshd
from tests.support.timing import seconds

MAIN = 'import sys; from svcfw.cli.main import main; sys.exit(main())'


def run(server: Sshd, command: str, *arguments: str) -> tuple[int, str]:
    """(exit status, what it showed on the terminal)."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    place = f'{server.user}@{server.host}:{server.port}'
    process = subprocess.Popen(
        [sys.executable, '-c', MAIN, command, f'--ssh-args={" ".join(server.ssh_options())}', place, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b''
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the terminal's way to say that nobody has it open
            break
        shown += data
    os.close(ours)
    return process.wait(seconds(30)), shown.decode()


def test_files(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / 'file').write_bytes(os.urandom(2_000_000))
    status, shown = run(sshd, 'put', '-p', str(tmp_path / 'file'), str(tmp_path / 'copy'))
    assert status == 0, shown
    assert 'file: 100%' in shown
    assert '1.91M/1.91M' in shown
    status, shown = run(sshd, 'get', '-q', str(tmp_path / 'copy'), str(tmp_path / 'back'))
    assert (status, shown) == (0, '')
    assert (tmp_path / 'back').read_bytes() == (tmp_path / 'file').read_bytes()
    assert (tmp_path / 'copy').stat().st_mtime_ns == (tmp_path / 'file').stat().st_mtime_ns


def test_folders(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / 'folder' / 'sub').mkdir(parents=True)
    (tmp_path / 'folder' / 'sub' / 'file').write_bytes(b'content')
    os.mkfifo(tmp_path / 'folder' / 'fifo')
    status, shown = run(sshd, 'put', '-r', str(tmp_path / 'folder'), str(tmp_path / 'copy'))
    assert status == 0, shown
    assert "nor links: ['fifo']" in shown
    status, shown = run(sshd, 'get', '-r', str(tmp_path / 'copy'), str(tmp_path / 'back'))
    assert status == 0, shown
    assert (tmp_path / 'back' / 'sub' / 'file').read_bytes() == b'content'


def test_failures(sshd: Sshd, tmp_path: Path) -> None:
    status, shown = run(sshd, 'get', str(tmp_path / 'none'), str(tmp_path / 'back'))
    assert status == 1
    assert f'svcfw: {sshd.host}: {tmp_path}/none: No such file or directory' in shown
    status, shown = run(sshd, 'put', str(tmp_path), str(tmp_path / 'back'))
    assert status == 1
    assert 'Is a directory' in shown
