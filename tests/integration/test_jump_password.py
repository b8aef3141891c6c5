"""Which host a password goes to, with real ones: a jump host that asks, and one that ssh knows by another name."""

from pathlib import Path

from tests.support.ansible import Controller, connection_vars
from tests.support.hosts import PASSWORD, PORT, Farm

PING = [{'name': 'ping', 'raw': 'echo here'}]
#: The other way in, which asks nothing.
_BY_PASSWORD = '-o PubkeyAuthentication=no -o PreferredAuthentications=password'


def variables(config: Path) -> dict[str, object]:
    args = f'-F {config} {_BY_PASSWORD}'
    common = {'ansible_user': 'plain', 'ansible_password': PASSWORD, 'ansible_ssh_common_args': args}
    return {**connection_vars('svcfw-ssh'), **common}


def test_a_jump_host_with_the_same_user_is_given_nothing(farm: Farm, controller: Controller, tmp_path: Path) -> None:
    jump, target = farm.host('jump'), farm.host('web1')
    config = tmp_path / 'config'
    known = tmp_path / 'known'
    known.write_text(jump.known_hosts.read_text() + target.known_hosts.read_text())
    config.write_text(
        f'Host jump\n  HostName {jump.address}\n  User plain\n  PreferredAuthentications password\n'
        f'Host web1\n  HostName {target.address}\n  ProxyJump jump\n'
        f'Host *\n  Port {PORT}\n  UserKnownHostsFile {known}\n'
    )
    run = controller.play({'web1': {'ansible_host': 'web1', **variables(config)}}, PING)
    assert run.rc != 0
    assert 'asks for a password, which is not the one given for plain@web1' in run.output
    assert PASSWORD not in run.output
    assert 'password for plain' not in jump.log()  # accepted, or failed


def test_a_host_by_its_name_in_ssh_config_is_given_it(farm: Farm, controller: Controller, tmp_path: Path) -> None:
    target = farm.host('web1')
    config = tmp_path / 'config'
    config.write_text(
        f'Host web1\n  HostName {target.address}\n  Port {PORT}\n  UserKnownHostsFile {target.known_hosts}\n'
    )
    run = controller.play({'web1': {'ansible_host': 'web1', **variables(config)}}, PING)
    assert run.rc == 0, run.output
    assert 'Accepted password for plain' in target.log()
