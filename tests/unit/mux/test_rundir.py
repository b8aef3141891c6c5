"""The folder of the socket: nobody else's, whatever is there already."""

import os
import stat
from pathlib import Path

import pytest

from svcfw.mux import protocol, rundir
from svcfw.mux.rundir import RundirError


def test_it_is_made_for_this_user_alone(short_path):
    previous = os.umask(0)
    try:
        rundir.prepare(short_path / 'svcfw')
        rundir.prepare(short_path / 'svcfw')
    finally:
        os.umask(previous)
    assert stat.S_IMODE((short_path / 'svcfw').stat().st_mode) == 0o700


@pytest.mark.parametrize('mode', [0o701, 0o710, 0o777, 0o704])
def test_one_that_others_can_enter_is_refused(short_path, mode):
    (short_path / 'svcfw').mkdir()
    (short_path / 'svcfw').chmod(mode)
    with pytest.raises(RundirError, match='not a private folder of this user'):
        rundir.prepare(short_path / 'svcfw')


def test_a_link_is_refused(short_path):
    (short_path / 'real').mkdir(mode=0o700)
    (short_path / 'svcfw').symlink_to(short_path / 'real')
    with pytest.raises(RundirError):
        rundir.prepare(short_path / 'svcfw')


def test_a_file_is_refused(short_path):
    (short_path / 'svcfw').touch(0o600)
    with pytest.raises(RundirError):
        rundir.prepare(short_path / 'svcfw')


def test_that_of_another_user_is_refused(short_path, monkeypatch):
    (short_path / 'svcfw').mkdir(mode=0o700)
    uid = os.getuid()
    monkeypatch.setattr(os, 'getuid', lambda: uid + 1)
    with pytest.raises(RundirError):
        rundir.prepare(short_path / 'svcfw')


def test_no_place(short_path):
    with pytest.raises(RundirError, match='No such file or directory'):
        rundir.prepare(short_path / 'no' / 'svcfw')


def test_a_name_that_no_socket_can_have(short_path):
    with pytest.raises(RundirError, match='too long'):
        rundir.prepare(short_path / ('x' * 100))


def test_the_usual_place(short_path, monkeypatch):
    monkeypatch.setenv('XDG_RUNTIME_DIR', str(short_path))
    assert rundir.default() == short_path / 'svcfw'
    monkeypatch.setenv('XDG_RUNTIME_DIR', str(short_path / 'missing'))
    monkeypatch.setattr('tempfile.tempdir', '/tmp')
    assert rundir.default() == Path(f'/tmp/svcfw-{os.getuid()}')


def test_versions_have_sockets_of_their_own(short_path, monkeypatch):
    first = rundir.socket_path(short_path)
    assert rundir.socket_path(short_path) == first
    assert rundir.lock_path(short_path).stem == first.stem
    monkeypatch.setattr(protocol, 'VERSION', protocol.VERSION + 1)
    assert rundir.socket_path(short_path) != first


def test_another_account_may_take_the_usual_place_first(short_path, monkeypatch):
    monkeypatch.delenv('XDG_RUNTIME_DIR', raising=False)
    monkeypatch.setattr(rundir.tempfile, 'gettempdir', lambda: str(short_path))
    monkeypatch.setenv('HOME', str(short_path / 'home'))
    (short_path / 'home').mkdir()
    usual = rundir.default()
    assert usual.parent == short_path
    assert rundir.displaced(usual) == ''
    usual.mkdir()
    uid = os.getuid()
    taken = usual.with_name(f'svcfw-{uid + 1}')
    usual.rename(taken)
    monkeypatch.setattr(os, 'getuid', lambda: uid + 1)
    assert rundir.default() == short_path / 'home' / '.svcfw-run'
    assert f'{taken} belongs to account {uid}' in rundir.displaced(rundir.default())
