"""Which of its ways ssh is called in, told by a program that stands in for it."""

import subprocess
from pathlib import Path

import pytest

from svcfw.transport import sharing

# Writes down how it is called, one line a call; has a master, and gets in by itself, if there is such a file beside it.
SSH = """#!/bin/sh
folder=${0%/*}
echo "$*" >>"$folder/calls"
case " $* " in
*" -O check "*) test -e "$folder/master";;
*" BatchMode=yes "*) test -e "$folder/key";;
esac
"""


@pytest.fixture
def ssh(tmp_path: Path) -> Path:
    program = tmp_path / 'ssh'
    program.write_text(SSH)
    program.chmod(0o755)
    return program


def last_call(ssh: Path) -> str:
    words = sharing.argv(str(ssh), ['-o', 'ControlPath=/run/%h'], 'web1', 'a  command', 10)
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    return (ssh.parent / 'calls').read_text().splitlines()[-1]


def test_without_a_master_it_has_a_connection_of_its_own(ssh: Path) -> None:
    assert last_call(ssh) == '-o ControlPath=/run/%h -S none -T web1 a  command'


def test_beside_a_master_it_has_one_too(ssh: Path) -> None:
    (ssh.parent / 'master').touch()
    (ssh.parent / 'key').touch()
    assert last_call(ssh) == '-o ControlPath=/run/%h -S none -T web1 a  command'


def test_where_only_a_master_gets_there_that_is_used_and_none_is_made(ssh: Path) -> None:
    (ssh.parent / 'master').touch()
    assert last_call(ssh) == '-o ControlMaster=no -o ControlPath=/run/%h -T web1 a  command'


def test_the_trial_asks_nobody_and_leaves_time_for_the_rest(ssh: Path) -> None:
    (ssh.parent / 'master').touch()
    last_call(ssh)
    trial = (ssh.parent / 'calls').read_text().splitlines()[1]
    assert trial == '-o BatchMode=yes -o ConnectTimeout=3 -o ControlPath=/run/%h -S none -T web1 true'
