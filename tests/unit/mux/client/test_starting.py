"""The start of a multiplexer: one at a time, with little of the starter's environment."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from svcfw.mux import rundir
from svcfw.mux.client import starting
from svcfw.mux.client.starting import MuxError
from tests.support.timing import seconds


def test_the_lock_is_one_holders_at_a_time(tmp_path: Path) -> None:
    entered: list[int] = []
    first_in, may_leave = threading.Event(), threading.Event()

    def hold(number: int) -> None:
        with starting.locked(tmp_path / 'lock'):
            entered.append(number)
            first_in.set()
            assert may_leave.wait(seconds(10))

    threads = [threading.Thread(target=hold, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    assert first_in.wait(seconds(10))
    assert len(entered) == 1
    may_leave.set()
    for thread in threads:
        thread.join()
    assert sorted(entered) == [0, 1]


def test_whoever_keeps_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, 'START_S', 0.0)
    with (
        starting.locked(tmp_path / 'lock'),
        pytest.raises(MuxError, match=rf'lock stays locked: process {os.getpid()} is starting'),
        starting.locked(tmp_path / 'lock'),
    ):
        pass


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / 'lock').symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(MuxError, match='cannot create'), starting.locked(tmp_path / 'lock'):
        pass
    assert not (tmp_path / 'elsewhere').exists()


def test_a_multiplexer_keeps_no_secret_of_its_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('AWS_SECRET_ACCESS_KEY', 'ANSIBLE_VAULT_PASSWORD_FILE', 'SSH_AUTH_SOCK', 'PYTHONMALLOC'):
        monkeypatch.setenv(name, 'secret')
    monkeypatch.setenv('LC_TIME', 'C')
    monkeypatch.setenv('PATH', '/bin')
    kept = starting._environment()
    assert 'secret' not in kept.values()
    assert (kept['LC_TIME'], kept['PATH'], kept['PYTHONMALLOC']) == ('C', '/bin', 'malloc')


def test_a_note_is_a_line_of_the_log(tmp_path: Path) -> None:
    rundir.prepare(tmp_path / 'run')
    starting.note(tmp_path / 'run', 'process 7 does not answer')
    assert rundir.log_path(tmp_path / 'run').read_text().endswith('WARNING svcfw.mux: process 7 does not answer\n')
    starting.note(tmp_path / 'no' / 'where', 'what matters is the one that is started')


def test_one_that_cannot_be_started_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MuxError, match='cannot write'):
        starting.spawn(tmp_path / 'no')
    rundir.prepare(tmp_path / 'run')
    monkeypatch.setattr(sys, 'executable', '/nonexistent/python')
    before = len(os.listdir('/proc/self/fd'))
    with pytest.raises(MuxError, match=r'cannot start the multiplexer: .*/nonexistent/python'):
        starting.spawn(tmp_path / 'run')
    assert len(os.listdir('/proc/self/fd')) == before


def test_what_is_about_to_end_is_waited_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, '_ending', [])
    with subprocess.Popen(['cat'], stdin=subprocess.PIPE) as process:
        starting.let_end(process)
        assert starting._ending == [process]
    with subprocess.Popen(['true']) as other:
        other.wait()
        starting.let_end(other)
    assert starting._ending == []
