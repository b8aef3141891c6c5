from pathlib import Path

import pytest

from svcfw.core.wire.errors import StartError
from svcfw.transport.paramiko import settings
from svcfw.transport.paramiko.settings import settle
from svcfw.transport.spec import Spec


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's ssh_config, absent yet; there is none of the system."""
    monkeypatch.setattr(settings, '_USER_CONFIG', str(tmp_path / 'config'))
    monkeypatch.setattr(settings, '_SYSTEM_CONFIG', str(tmp_path / 'system'))
    monkeypatch.setenv('HOME', '/home/me')
    monkeypatch.setenv('LOGNAME', 'me')
    return tmp_path / 'config'


def test_defaults() -> None:
    found = settle(Spec(host='web1', env={}))
    assert (found.host, found.port, found.user) == ('web1', 22, 'me')
    assert found.key_files == ('/home/me/.ssh/id_rsa', '/home/me/.ssh/id_ecdsa', '/home/me/.ssh/id_ed25519')
    assert found.known_hosts_files[0] == '/home/me/.ssh/known_hosts'
    assert found.known_hosts_files[-1] == '/etc/ssh/ssh_known_hosts2'
    assert found.checks_host_key
    assert not found.named_keys_only
    assert (found.proxy_command, found.jumps, found.agent_socket, found.known_hosts_name) == (None, (), None, None)


def test_the_users_configuration(config: Path) -> None:
    config.write_text(
        'Host web1\n  HostName 192.0.2.1\n  Port 2222\n  User bob\n  IdentityFile ~/k1\n  HostKeyAlias alias\n'
        '  ProxyJump alice@jump:2200,inner\nHost *\n  IdentityFile ~/k2\n  UserKnownHostsFile ~/a /b\n'
        '  StrictHostKeyChecking no\n  IdentitiesOnly yes\n'
    )
    found = settle(Spec(host='web1'))
    assert (found.host, found.port, found.user) == ('192.0.2.1', 2222, 'bob')
    assert found.key_files == ('/home/me/k1', '/home/me/k2')
    assert found.known_hosts_files[:2] == ('/home/me/a', '/b')
    assert found.known_hosts_name == 'alias'
    assert found.jumps == ('alice@jump:2200', 'inner')
    assert not found.checks_host_key
    assert found.named_keys_only


def test_the_system_comes_after_the_user(config: Path, tmp_path: Path) -> None:
    config.write_text('Host other\n  Port 1\nHost web1\n  Port 2222\n')
    (tmp_path / 'system').write_text('Port 3333\nUser sys\n')
    found = settle(Spec(host='web1'))
    assert (found.port, found.user) == (2222, 'sys')


def test_arguments_and_variables_come_before_both(config: Path) -> None:
    config.write_text('Host *\n  Port 2222\n  User bob\n')
    words = ['-o', 'Port=3333', '-o', 'ProxyCommand="nc %h %p"', '-oUserKnownHostsFile=/x', '-i', '/k3']
    found = settle(Spec(host='web1', user='eve', ssh_common_args=words, private_key_file='/k0'))
    assert (found.port, found.user) == (3333, 'eve')
    assert found.proxy_command == 'nc web1 3333'
    assert found.known_hosts_files[0] == '/x'
    assert found.key_files == ('/k0', '/k3')
    assert settle(Spec(host='web1', port=4444)).port == 4444


def test_another_configuration_file(config: Path, tmp_path: Path) -> None:
    config.write_text('Port 2222\n')
    (tmp_path / 'own').write_text('Port 3333\n')
    assert settle(Spec(host='web1', ssh_extra_args=['-F', str(tmp_path / 'own')])).port == 3333
    assert settle(Spec(host='web1', ssh_extra_args=['-F', '/dev/null'])).port == 22


def test_what_it_includes_does_not_count(config: Path, tmp_path: Path) -> None:
    (tmp_path / 'more').write_text('Port 2222\n')
    config.write_text(f'Include {tmp_path}/more\nUser bob\n')
    found = settle(Spec(host='web1'))
    assert (found.port, found.user) == (22, 'bob')


def test_a_configuration_that_cannot_be_read(config: Path, tmp_path: Path) -> None:
    config.write_text('Host *\n  one-word\n')
    for fields in ({}, {'ssh_extra_args': ['-F', str(tmp_path / 'absent')]}):
        with pytest.raises(StartError) as raised:
            settle(Spec(host='web1', **fields))
        assert raised.value.kind == 'config'


def test_no_checking_of_host_keys() -> None:
    assert not settle(Spec(host='web1', host_key_checking=False)).checks_host_key


def test_the_agent_is_the_askers() -> None:
    assert settle(Spec(host='web1', env={'SSH_AUTH_SOCK': '/run/agent'})).agent_socket == '/run/agent'
