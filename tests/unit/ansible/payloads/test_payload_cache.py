"""What ansible-core has built is offered to the next run, and only as long as core would build the same."""

import os
import re
from pathlib import Path

import pytest

pytest.importorskip('ansible', reason='ansible-core is not installed')

from svcfw.ansible.payloads import payload_cache
from svcfw.ansible.payloads.payload_cache import PayloadCache

FQN = 'ansible.modules.ping'
NAME = f'{FQN}-ZIP_DEFLATED-none'


@pytest.fixture(autouse=True)
def core(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that is new enough, with no module_utils but its own."""
    monkeypatch.setattr(payload_cache, 'core_version', '2.19.3')
    own = str(payload_cache._CORE / 'module_utils')
    monkeypatch.setattr(
        payload_cache.loader.module_utils_loader, 'print_paths', lambda: f'/nonexistent{os.pathsep}{own}'
    )


def run(tmp_path: Path, number: int) -> PayloadCache:
    """The cache as a run of ansible sees it; core's folder of this run exists."""
    folder = tmp_path / f'run{number}' / 'ansiballz_cache'
    folder.mkdir(parents=True, exist_ok=True)
    return PayloadCache(folder, tmp_path / 'home' / 'svcfw' / 'payloads', tmp_path / 'state' / 'svcfw' / 'key')


def build(tmp_path: Path, number: int, name: str = NAME, content: bytes = b'built') -> None:
    """What core does when a module is used that it does not find in its folder."""
    (tmp_path / f'run{number}' / 'ansiballz_cache' / name).write_bytes(content)


def found(tmp_path: Path, number: int, name: str = NAME) -> bytes | None:
    path = tmp_path / f'run{number}' / 'ansiballz_cache' / name
    return path.read_bytes() if path.exists() else None


def first_run(tmp_path: Path, name: str = NAME, fqn: str = FQN) -> None:
    cache = run(tmp_path, 1)
    cache.offer()
    build(tmp_path, 1, name)
    cache.keep(fqn)


def test_the_next_run_finds_what_this_one_built(tmp_path: Path) -> None:
    first_run(tmp_path)
    run(tmp_path, 2).offer()
    assert found(tmp_path, 2) == b'built'


def test_only_its_owner_can_enter_the_folder(tmp_path: Path) -> None:
    first_run(tmp_path)
    assert (tmp_path / 'home' / 'svcfw' / 'payloads').stat().st_mode & 0o777 == 0o700


def test_the_end_of_a_run_takes_nothing_with_it(tmp_path: Path) -> None:
    first_run(tmp_path)
    run(tmp_path, 2).offer()
    (tmp_path / 'run2' / 'ansiballz_cache' / NAME).unlink()
    run(tmp_path, 3).offer()
    assert found(tmp_path, 3) == b'built'


@pytest.mark.parametrize('fqn', ['ansible.legacy.ping', 'ansible_collections.a.b.plugins.modules.ping'])
def test_modules_that_are_not_cores_own_are_not_kept(tmp_path: Path, fqn: str) -> None:
    first_run(tmp_path, f'{fqn}-ZIP_DEFLATED-none', fqn)
    run(tmp_path, 2).offer()
    assert found(tmp_path, 2, f'{fqn}-ZIP_DEFLATED-none') is None


def test_payloads_with_extensions_are_not_kept(tmp_path: Path) -> None:
    first_run(tmp_path, f'{FQN}-ZIP_DEFLATED-debugger')
    run(tmp_path, 2).offer()
    assert found(tmp_path, 2, f'{FQN}-ZIP_DEFLATED-debugger') is None


def test_another_state_of_core_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first_run(tmp_path)
    monkeypatch.setattr(payload_cache, 'fingerprint', lambda: 'other')
    run(tmp_path, 2).offer()
    assert found(tmp_path, 2) is None


def test_the_fingerprint_is_that_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'modules').mkdir()
    module = tmp_path / 'modules' / 'ping.py'
    module.write_text('1')
    monkeypatch.setattr(payload_cache, '_CORE', tmp_path)
    before = payload_cache.fingerprint()
    assert payload_cache.fingerprint() == before
    os.utime(module, ns=(1, 1))
    assert payload_cache.fingerprint() != before


def test_other_module_utils_end_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first_run(tmp_path)
    cache = run(tmp_path, 2)
    cache.offer()
    utils = tmp_path / 'module_utils'
    (utils / 'Basic').mkdir(parents=True)
    other_utils(monkeypatch, utils)
    cache.offer()  # a role with module_utils was loaded meanwhile
    assert found(tmp_path, 2) is None
    build(tmp_path, 2, content=b'with the utils of the role')
    cache.keep(FQN)
    monkeypatch.undo()
    monkeypatch.setattr(payload_cache, 'core_version', '2.19.3')
    run(tmp_path, 3).offer()
    assert found(tmp_path, 3) == b'built'


def other_utils(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(payload_cache.loader.module_utils_loader, 'print_paths', lambda: str(folder))


def test_module_utils_by_names_that_core_has_not_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that which `svcfw enable` puts there."""
    for name in ('services.py', '__init__.py', '__pycache__/basic.pyc', 'ours/basic.py'):
        (tmp_path / 'module_utils' / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'module_utils' / name).touch()
    other_utils(monkeypatch, tmp_path / 'module_utils')
    first_run(tmp_path)
    run(tmp_path, 2).offer()
    assert found(tmp_path, 2) == b'built'


@pytest.mark.parametrize('name', ['basic.py', 'basic.cpython-313-x86_64-linux-gnu.so', 'facts', 'URLS.py'])
def test_a_name_of_cores_does(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'module_utils').mkdir()
    (tmp_path / 'module_utils' / name).touch()
    other_utils(monkeypatch, tmp_path / 'module_utils')
    first_run(tmp_path)
    run(tmp_path, 2).offer()
    assert found(tmp_path, 2) is None


def test_core_imports_no_module_utils_that_it_has_not() -> None:
    """Not even if they are there: otherwise any name in another folder could matter."""
    core = payload_cache._CORE
    own = payload_cache._names(str(core / 'module_utils'))
    imported = re.compile(r'^ *(?:from|import) ansible\.module_utils(?:\.(\w+)| import (\w+))', re.MULTILINE)
    names = set()
    for folder in ('modules', 'module_utils'):
        for path in (core / folder).rglob('*.py'):
            names |= {first or second for first, second in imported.findall(path.read_text())}
    assert 'basic' in names
    assert names <= own


def test_before_2_19_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload_cache, 'core_version', '2.18.19')
    first_run(tmp_path)
    assert not (tmp_path / 'home').exists()


def test_a_damaged_payload_is_removed_not_offered(tmp_path: Path) -> None:
    first_run(tmp_path)
    (kept,) = (tmp_path / 'home' / 'svcfw' / 'payloads').glob(f'*/{NAME}')
    kept.write_bytes(b'bui')
    run(tmp_path, 2).offer()
    assert found(tmp_path, 2) is None
    assert not kept.exists()


def test_what_others_put_there_is_not_offered(tmp_path: Path) -> None:
    """A cache that a CI system restores, or that is shared, with digests that were right elsewhere."""
    first_run(tmp_path)
    (kept,) = (tmp_path / 'home' / 'svcfw' / 'payloads').glob(f'*/{NAME}')
    elsewhere = tmp_path / 'elsewhere'
    first_run(elsewhere)
    (foreign,) = (elsewhere / 'home' / 'svcfw' / 'payloads').glob(f'*/{NAME}')
    for path in (foreign, foreign.with_name(NAME + '.hmac')):
        path.rename(kept.with_name(path.name))
    run(tmp_path, 2).offer()
    assert found(tmp_path, 2) is None
    assert not kept.exists()


def test_one_payload_is_not_good_for_another(tmp_path: Path) -> None:
    first_run(tmp_path)
    (kept,) = (tmp_path / 'home' / 'svcfw' / 'payloads').glob(f'*/{NAME}')
    other = NAME.replace('ping', 'command')
    for suffix in ('', '.hmac'):
        kept.with_name(other + suffix).write_bytes(kept.with_name(NAME + suffix).read_bytes())
    run(tmp_path, 2).offer()
    assert found(tmp_path, 2, other) is None
    assert found(tmp_path, 2) == b'built'


def test_what_is_offered_is_what_was_checked(tmp_path: Path) -> None:
    first_run(tmp_path)
    (kept,) = (tmp_path / 'home' / 'svcfw' / 'payloads').glob(f'*/{NAME}')
    run(tmp_path, 2).offer()
    kept.write_bytes(b'other')
    assert found(tmp_path, 2) == b'built'


@pytest.mark.parametrize('damage', ['readable', 'short', 'link'])
def test_a_key_that_is_not_secret_is_not_used(tmp_path: Path, damage: str) -> None:
    first_run(tmp_path)
    key = tmp_path / 'state' / 'svcfw' / 'key'
    assert key.stat().st_mode & 0o777 == 0o600
    if damage == 'readable':
        key.chmod(0o644)
    elif damage == 'short':
        key.write_bytes(b'')
    else:
        key.rename(tmp_path / 'key')
        key.symlink_to(tmp_path / 'key')
    run(tmp_path, 2).offer()
    assert found(tmp_path, 2) is None
    build(tmp_path, 2)
    run(tmp_path, 2).keep(FQN)


def test_a_folder_that_others_can_enter_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / 'home' / 'svcfw' / 'payloads'
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    first_run(tmp_path)
    assert list(folder.iterdir()) == []


def test_old_states_of_core_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(payload_cache.MAX_STATES + 3):
        monkeypatch.setattr(payload_cache, 'fingerprint', lambda number=number: f'state{number}')
        run(tmp_path, number).offer()
        state = tmp_path / 'home' / 'svcfw' / 'payloads' / f'state{number}'
        os.utime(state, (number, number))
    assert len(list(state.parent.iterdir())) == payload_cache.MAX_STATES
    assert state.exists()
