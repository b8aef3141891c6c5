import errno
import shutil
from pathlib import Path

import pytest

from svcfw.core.wire.errors import StartError
from svcfw.transport import openssh, ssh_config
from svcfw.transport.spec import Spec


@pytest.fixture(autouse=True)
def plain_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without ssh_config, and a client that knows how to prepend ciphers. Returns the user's ssh_config."""
    monkeypatch.setattr(ssh_config, '_SYSTEM_CONFIG', str(tmp_path / 'system'))
    monkeypatch.setattr(openssh, '_version', lambda program: (9, 2))

    class Account:
        pw_dir = str(tmp_path)

    monkeypatch.setattr(ssh_config.pwd, 'getpwuid', lambda uid: Account)
    (tmp_path / '.ssh').mkdir()
    return tmp_path / '.ssh' / 'config'


def argv(**fields: object) -> list[str]:
    return openssh.argv(Spec(transport='ssh', **{'host': 'web1', **fields}), 'COMMAND')


def test_the_least() -> None:
    assert argv() == [
        'ssh',
        *('-o', 'KbdInteractiveAuthentication=no'),
        *('-o', 'PreferredAuthentications=gssapi-with-mic,gssapi-keyex,hostbased,publickey'),
        *('-o', 'PasswordAuthentication=no'),
        *('-o', 'ConnectTimeout=10'),
        *('-o', 'ControlPath=none'),
        *('-o', 'Ciphers=^aes128-gcm@openssh.com'),
        *('-T', 'web1', 'COMMAND'),
    ]


def test_all_in_the_order_of_ansible() -> None:
    words = argv(
        ssh_executable='/opt/ssh',
        ssh_args=['-C', '-o', 'ControlPersist=9'],
        host_key_checking=False,
        port=2222,
        private_key_file='/keys/my key',
        password='secret',
        user='bob',
        timeout_s=7,
        ssh_common_args=['-o', 'ProxyCommand=nc %h %p'],
        ssh_extra_args=['-v'],
    )
    assert words == [
        *('/opt/ssh', '-C', '-o', 'ControlPersist=9'),
        *('-o', 'StrictHostKeyChecking=no'),
        *('-o', 'Port=2222'),
        *('-o', 'IdentityFile="/keys/my key"'),
        *('-o', 'User="bob"'),
        *('-o', 'ConnectTimeout=7'),
        *('-o', 'ProxyCommand=nc %h %p', '-v'),
        *('-o', 'NumberOfPasswordPrompts=1'),
        *('-o', 'ControlPath=none'),
        *('-o', 'Ciphers=^aes128-gcm@openssh.com'),
        *('-T', 'web1', 'COMMAND'),
    ]


def test_no_secret_is_in_it() -> None:
    assert 'sesame' not in ' '.join(argv(password='sesame', passphrase='sesame'))


def test_a_time_out_below_a_second_is_one() -> None:
    assert 'ConnectTimeout=1' in argv(timeout_s=0.3)


@pytest.mark.parametrize(
    ('fields', 'none'),
    [
        ({}, True),
        ({'ssh_args': []}, False),
        ({'ssh_args': ['-o', 'ControlPersist=60']}, True),
        ({'ssh_args': ['-M']}, False),
        ({'ssh_args': ['-S', '/run/me']}, False),
        ({'ssh_common_args': ['-oControlPath=/run/me']}, False),
    ],
)
def test_a_masters_socket_that_ansible_would_use_is_looked_at(fields: dict[str, object], none: bool) -> None:
    words = argv(**fields)
    assert ('ControlPath=none' in words) == none
    assert (words[0] == 'ssh') == none
    assert any('-O check' in word for word in words) != none


class TestCiphers:
    def test_arguments_decide(self) -> None:
        for words in (['-c', 'aes256-ctr'], ['-oCiphers=aes256-ctr'], ['-F', '/x'], ['-o', 'ciphers aes256-ctr']):
            assert not any('gcm' in word for word in argv(ssh_extra_args=words))

    @pytest.mark.parametrize('line', ['Ciphers aes256-ctr', '  ciphers=aes256-ctr', 'Include conf.d/*', 'INCLUDE x'])
    def test_configuration_decides(self, plain_configuration: Path, line: str) -> None:
        plain_configuration.write_text(f'Host *\n{line}\n')
        assert not any('gcm' in word for word in argv())

    def test_the_include_of_the_distribution_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / 'system').write_text(f'Include {tmp_path}/system.d/*.conf\n')
        assert any('gcm' in word for word in argv())
        (tmp_path / 'system.d').mkdir()
        (tmp_path / 'system.d' / '50-policy.conf').write_text('Match final all\n  Include /etc/crypto-policies/x\n')
        assert not any('gcm' in word for word in argv())

    def test_old_clients_are_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(openssh, '_version', lambda program: (7, 4))
        assert not any('gcm' in word for word in argv())


def test_version_of_what_is_not_openssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert openssh._version('/nonexistent/ssh') == (0, 0)
    assert openssh._version('true') == (0, 0)


def test_no_ssh_program() -> None:
    with pytest.raises(StartError) as raised:
        openssh.launch(Spec(transport='ssh', host='web1', ssh_executable='/nonexistent/ssh'), 10)
    assert raised.value.kind == 'option'
    assert '/nonexistent/ssh' in raised.value.cause


def test_a_program_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    program = tmp_path / 'ssh'
    program.write_text('')
    with pytest.raises(StartError) as raised:
        openssh.launch(Spec(transport='ssh', host='web1', ssh_executable=str(program)), 10)
    assert raised.value.cause == f'cannot run {program}: Permission denied'
    assert '`ssh_executable`' in raised.value.remedy


def test_the_program_is_looked_for_where_the_asker_has_it(tmp_path: Path) -> None:
    program = tmp_path / 'ssh'
    program.touch(0o755)
    assert openssh.find_program(Spec(host='web1', env={'PATH': str(tmp_path)})) == str(program)
    assert openssh.find_program(Spec(host='web1', env={'PATH': '/nonexistent'})) is None
    assert openssh.find_program(Spec(host='web1', ssh_executable='./ssh', cwd=str(tmp_path)))


def test_no_room_is_not_told_as_a_missing_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(errno.EMFILE, 'Too many open files')

    monkeypatch.setattr(openssh.process, 'spawn', full)
    with pytest.raises(StartError) as raised:
        openssh.launch(Spec(transport='ssh', host='web1', ssh_executable='true'), 10)
    assert raised.value.kind == 'busy'
    assert 'too many open files' in raised.value.cause
    assert 'ulimit -n' in raised.value.remedy


def test_the_environment_of_the_asker_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('SSH_AUTH_SOCK', '/mine')
    monkeypatch.setenv('KRB5CCNAME', '/mine')
    environ = openssh._environment(Spec(host='web1', env={'SSH_AUTH_SOCK': '/theirs'}))
    assert environ['SSH_AUTH_SOCK'] == '/theirs'
    assert 'KRB5CCNAME' not in environ
    # ssh sends some of what it finds on.
    assert set(environ) == {'SSH_AUTH_SOCK', 'SSH_ASKPASS_REQUIRE'}
    assert openssh._environment(Spec(host='web1'))['SSH_AUTH_SOCK'] == '/mine'


@pytest.mark.skipif(shutil.which('ssh') is None, reason='no ssh')
def test_names_by_which_ssh_asks_for_a_password(tmp_path: Path) -> None:
    config = tmp_path / 'config'
    config.write_text('Host web1\n  HostName web1.example.org\n  HostKeyAlias web\n  ProxyJump jump\n')
    spec = Spec(transport='ssh', host='web1', ssh_common_args=['-F', str(config)])
    assert set(openssh._names_of_host(spec)) == {'web1.example.org', 'web'}
    assert openssh._names_of_host(Spec(transport='ssh', host='web1', ssh_executable='/nowhere')) == []
