import subprocess
from pathlib import Path

import pytest

from svcfw.transport.paramiko.known_hosts import host_name, read_known
from tests.support.need import need_program


def known(tmp_path: Path, text: str, name: str) -> dict[str, str]:
    (tmp_path / 'known').write_text(text)
    found = read_known([str(tmp_path / 'absent'), str(tmp_path / 'known')], name)
    return {key: place.rpartition(':')[2] for key, place in found.keys.items()}


@pytest.mark.parametrize(
    ('patterns', 'name', 'matches'),
    [
        ('web1', 'web1', True),
        ('web1', 'web10', False),
        ('db,web1', 'web1', True),
        ('WEB1', 'web1', True),
        ('web?', 'web1', True),
        ('*.example.com', 'a.example.com', True),
        ('*.example.com,!a.example.com', 'a.example.com', False),
        ('!a.example.com,*.example.com', 'b.example.com', True),
        ('[web1]:2222', '[web1]:2222', True),
        ('[web1]:2222', 'w:2222', False),
        ('[*]:2222', '[web1]:2222', True),
        ('web1', '[web1]:2222', False),
    ],
)
def test_names(tmp_path: Path, patterns: str, name: str, matches: bool) -> None:
    assert bool(known(tmp_path, f'{patterns} ssh-ed25519 AAAA comment\n', name)) == matches


def test_what_is_no_entry_is_passed_over(tmp_path: Path) -> None:
    junk = [
        '',
        '# web1 ssh-rsa A',
        '#web1 ssh-rsa A',
        'web1',
        'web1 ssh-rsa',
        '|1|bad|worse ssh-rsa A',
        '|1| ssh-rsa A',
    ]
    text = '\n'.join([*junk, 'web1 ssh-rsa KEY', ''])
    assert known(tmp_path, text, 'web1') == {'KEY': '8'}


def test_several_keys_and_their_order(tmp_path: Path) -> None:
    path = tmp_path / 'known'
    path.write_text('web1 ecdsa-sha2-nistp256 A\nweb1 ssh-rsa B\nother ssh-dss X\nweb1 ssh-rsa C\n')
    found = read_known([str(path)], 'web1')
    assert list(found.keys) == ['A', 'B', 'C']
    assert found.types == ['ecdsa-sha2-nistp256', 'ssh-rsa']


def test_revoked_keys_are_known_as_such(tmp_path: Path) -> None:
    path = tmp_path / 'known'
    path.write_text('web1 ssh-rsa A\n@revoked * ssh-rsa A\n@cert-authority * ssh-rsa B\n')
    found = read_known([str(path)], 'web1')
    assert found.revoked == {'A'}
    assert 'B' not in found.keys


def test_names_hashed_by_ssh_keygen(tmp_path: Path) -> None:
    path = tmp_path / 'known'
    key = 'AAAAC3NzaC1lZDI1NTE5AAAAIMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl1'
    path.write_text(f'web1 ssh-ed25519 {key}\n[web2]:2222 ssh-ed25519 {key}\n')
    subprocess.run([need_program('sshd', 'ssh-keygen'), '-q', '-H', '-f', str(path)], check=True, capture_output=True)
    assert 'web1' not in path.read_text()
    assert list(read_known([str(path)], 'web1').keys) == [key]
    assert list(read_known([str(path)], host_name('WEB2', 2222)).keys) == [key]
    assert list(read_known([str(path)], 'web3').keys) == []
