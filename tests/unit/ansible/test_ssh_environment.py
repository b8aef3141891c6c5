"""Which variables ssh sends, from its arguments and configuration files."""

import shutil
import subprocess

import pytest

from svcfw.ansible.ssh_environment import sending


@pytest.fixture
def files(tmp_path):
    system, home = tmp_path / 'etc', tmp_path / 'home'
    system.mkdir()
    (home / '.ssh').mkdir(parents=True)
    return system, home


def test_without_configuration_nothing_is_sent(files):
    found = sending([], *files)
    assert found == ((), ())
    assert found.of({'LANG': 'C', 'SECRET': 'x'}) == {}


def test_debian_sends_the_locale(files):
    system, home = files
    (system / 'ssh_config').write_text(
        'Include /nowhere/*.conf\n\nHost *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n'
    )
    found = sending([], system, home)
    assert found.of({'LC_TIME': 'C', 'LANG': 'de', 'LANGUAGE': 'x', 'SECRET': 'x'}) == {'LANG': 'de', 'LC_TIME': 'C'}


def test_files_and_arguments_add_up(files):
    system, home = files
    (system / 'ssh_config').write_text('sendenv=A?\n')
    (home / '.ssh' / 'config').write_text('Include more\nMatch host x\n  SetEnv  FOO="a b"\n')
    (home / '.ssh' / 'more').write_text('Host y\n  SendEnv -A1 "B"\n')
    found = sending(['-o', 'SendEnv=C D', '-oSendEnv E'], system, home)
    assert sorted(found.patterns) == ['A?', 'B', 'C', 'D', 'E']
    assert found.assignments == ('SetEnv  FOO="a b"',)


def test_another_file_takes_the_place_of_both(files, tmp_path):
    system, home = files
    (system / 'ssh_config').write_text('SendEnv A\n')
    (tmp_path / 'own').write_text('SendEnv B\n')
    assert sending(['-F', str(tmp_path / 'own')], system, home).patterns == ('B',)
    assert sending(['-F', 'none'], system, home).patterns == ()


def test_files_that_include_each_other_come_to_an_end(files):
    system, home = files
    (home / '.ssh' / 'config').write_text('SendEnv A\nInclude config\n')
    assert sending([], system, home).patterns == ('A',)


@pytest.mark.skipif(not shutil.which('ssh'), reason='needs ssh')
def test_ssh_reads_it_the_same_way(tmp_path):
    (tmp_path / 'config').write_text(f'SendEnv=A B*\nInclude {tmp_path}/more\nHost other\nSendEnv "C"\n')
    (tmp_path / 'more').write_text('  sendenv\tD\n')
    words = ['-F', str(tmp_path / 'config'), '-o', 'SendEnv E']
    text = subprocess.run(['ssh', *words, '-G', 'other'], capture_output=True, text=True, check=True).stdout
    theirs = {line.split()[1] for line in text.splitlines() if line.startswith('sendenv ')}
    assert theirs == set(sending(words).patterns)
