from pathlib import Path

import pytest

from svcfw.transport import ssh_config
from svcfw.transport.ssh_config import option_settings


@pytest.fixture(autouse=True)
def user_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without ssh_config; where it would be."""
    monkeypatch.setattr(ssh_config, '_SYSTEM_CONFIG', str(tmp_path / 'system'))

    class Account:
        pw_dir = str(tmp_path)

    monkeypatch.setattr(ssh_config.pwd, 'getpwuid', lambda uid: Account)
    (tmp_path / '.ssh').mkdir()
    return tmp_path / '.ssh' / 'config'


def test_a_number_without_an_account_has_the_files_of_its_home(
    user_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(uid: int) -> None:
        raise KeyError('getpwuid(): uid not found')

    monkeypatch.setattr(ssh_config.pwd, 'getpwuid', unknown)
    monkeypatch.setenv('HOME', str(tmp_path))
    assert not ssh_config.may_set('forwardagent', [])
    user_config.write_text('ForwardAgent yes')
    assert ssh_config.may_set('forwardagent', [])


@pytest.mark.parametrize('words', [['-A'], ['-oForwardAgent=yes'], ['-F', '/x'], ['-4vA']])
def test_arguments_that_may_set_an_option(words: list[str]) -> None:
    assert ssh_config.may_set('forwardagent', words)


def test_a_file_that_is_named_counts_alone(user_config: Path, tmp_path: Path) -> None:
    user_config.write_text('ForwardAgent yes')
    (tmp_path / 'other').write_text('User bob')
    assert not ssh_config.may_set('forwardagent', ['-F', '/dev/null'])
    assert not ssh_config.may_set('forwardagent', ['-F', 'none'])
    assert not ssh_config.may_set('forwardagent', ['-F', 'other'], str(tmp_path))
    assert ssh_config.may_set('user', ['-F', 'other'], str(tmp_path))


@pytest.mark.parametrize('line', ['ForwardAgent yes', ' forwardagent=no', 'Include conf.d/*'])
def test_files_that_may_set_an_option(user_config: Path, line: str) -> None:
    assert not ssh_config.may_set('forwardagent', ['-o', 'User=bob'])
    user_config.write_text(f'Host *\n{line}\n')
    assert ssh_config.may_set('forwardagent', [])


@pytest.mark.parametrize(
    ('words', 'expected'),
    [
        (['-o', 'User=bob'], [('user', 'bob')]),
        (['-oUser=bob'], [('user', 'bob')]),
        (['-o', 'User bob'], [('user', 'bob')]),
        (['-o', 'ProxyCommand = nc -X 5 a=b %h'], [('proxycommand', 'nc -X 5 a=b %h')]),
        (['-o', 'ProxyCommand nc a=b'], [('proxycommand', 'nc a=b')]),
        (['-4C'], [('compression', '')]),
        (['-4CJ', 'jump'], [('compression', ''), ('proxyjump', 'jump')]),
        (['-Jjump', '-S', '-C'], [('proxyjump', 'jump'), ('controlpath', '-C')]),
        (['-L', '-oUser=x', '-v'], []),
        (['-o'], [('', '')]),
        (['word', '-'], []),
    ],
)
def test_option_settings(words: list[str], expected: list[tuple[str, str]]) -> None:
    assert option_settings(words) == expected
