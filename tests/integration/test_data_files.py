"""Data files of packages that the program has, in children over ssh. All Pythons, by every way: tests/unit/core."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.program.router import Router
from tests.support.interpreters import need_python
from tests.support.sshd import Sshd

MODULE = """
import pkgutil

import dfpkg


def by_pkgutil(path):
    try:
        return pkgutil.get_data('dfpkg', path)
    except OSError as e:
        return type(e).__name__


def by_files(path):
    from importlib import resources

    return resources.files(dfpkg).joinpath(path).read_bytes()
"""


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / 'dfpkg').mkdir()
    (tmp_path / 'dfpkg' / '__init__.py').touch()
    (tmp_path / 'dfpkg' / 'data').write_bytes(bytes(range(256)) * 4000)
    (tmp_path / 'dfpkg' / 'out').symlink_to('/etc/passwd')
    (tmp_path / 'dffunctions.py').write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import dffunctions  # type: ignore[import-not-found]

    yield dffunctions
    for name in ('dfpkg', 'dffunctions'):
        sys.modules.pop(name, None)


@pytest.mark.parametrize('version', ['3.6', '3.13'])
def test_over_ssh_and_below(router: Router, sshd: Sshd, functions: Any, version: str) -> None:
    child = router.ssh(
        sshd.host,
        username=sshd.user,
        port=sshd.port,
        ssh_common_args=sshd.ssh_options(),
        python=need_python(version),
    )
    ways: list[Callable[[str], bytes]] = [functions.by_pkgutil]
    if version != '3.6':
        ways.append(functions.by_files)
    for context in (child, router.local(via=child)):
        for way in ways:
            assert context.call(way, 'data') == bytes(range(256)) * 4000
        for path in ('out', '../dffunctions.py', 'none'):
            assert context.call(functions.by_pkgutil, path) in ('FileNotFoundError', 'ValueError')
