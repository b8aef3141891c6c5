"""Keys to offer: the configured ones in their order, each read when its turn comes."""

import subprocess
from pathlib import Path

import pytest

from svcfw.core.wire.values import Secret
from svcfw.transport.paramiko.keys import Keys
from svcfw.transport.paramiko.settings import Settings
from svcfw.transport.spec import Spec
from tests.support.need import need_program
from tests.support.sshd import make_key


@pytest.fixture
def sshd() -> Path:
    return Path(need_program('sshd', 'ssh-keygen'))


def settings(*files: Path | str, agent: str | None = None, named_only: bool = False) -> Settings:
    names = tuple(map(str, files))
    return Settings('web1', 22, 'me', names, named_only, (), None, True, None, (), agent)


def offered(found: Settings, spec: Spec | None = None) -> tuple[list[bytes], list[str]]:
    notes: list[str] = []
    with Keys(found, spec or Spec(host='web1', env={}), notes) as keys:
        return [key.asbytes() for key in keys], notes


def public(path: Path) -> bytes:
    import base64

    return base64.b64decode(Path(f'{path}.pub').read_text().split()[1])


def test_configured_keys_in_their_order(tmp_path: Path) -> None:
    sshd = need_program('sshd', 'ssh-keygen')
    for name in ('one', 'two'):
        make_key(sshd, tmp_path / name)
    found, notes = offered(settings(tmp_path / 'two', tmp_path / 'no', tmp_path / 'one'))
    assert found == [public(tmp_path / 'two'), public(tmp_path / 'one')]
    assert notes == [], 'a default key that is not there is no matter'


def test_the_users_own_key_that_is_not_there_is_noted(tmp_path: Path) -> None:
    path = str(tmp_path / 'no')
    assert offered(settings(path), Spec(host='web1', private_key_file=path, env={})) == ([], [f'{path} does not exist'])


def test_what_is_no_key_is_noted(tmp_path: Path) -> None:
    (tmp_path / 'key').write_text('no key\n')
    found, (note,) = offered(settings(tmp_path / 'key'))
    assert found == []
    assert note.startswith(f'{tmp_path}/key cannot be used (')


@pytest.mark.parametrize(
    ('passphrase', 'is_offered', 'note'),
    [('right', True, None), (None, False, 'needs a passphrase'), ('wrong one', False, 'cannot be used')],
)
def test_a_passphrase(tmp_path: Path, passphrase: str | None, is_offered: bool, note: str | None) -> None:
    need_program('sshd', 'ssh-keygen')
    path = tmp_path / 'key'
    subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', 'right', '-f', path], check=True)
    spec = Spec(host='web1', passphrase=None if passphrase is None else Secret(passphrase), env={})
    found, notes = offered(settings(path), spec)
    assert bool(found) == is_offered
    assert [note in each for each in notes] == ([] if note is None else [True])
    assert not any('right' in each or 'wrong one' in each for each in notes)


def test_an_agent_that_does_not_answer_has_no_keys(tmp_path: Path) -> None:
    assert offered(settings(agent=str(tmp_path / 'no socket'))) == ([], [])
