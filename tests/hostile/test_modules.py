"""Which of this process's modules a hostile context gets: by asking for all that there are."""

import pkgutil
import sys
from pathlib import Path

import pytest

from svcfw.boot import public
from svcfw.program.router import Router
from tests.support.children import LONG
from tests.support.timing import wait_until

ROOT = Path(__file__).parents[2]


def names_here() -> list[str]:
    """All modules of ours, and those that are loaded."""
    import svcfw

    all_of_us = [module.name for module in pkgutil.walk_packages(svcfw.__path__, 'svcfw.')]
    return sorted({'svcfw', '__main__', *all_of_us, *sys.modules})


def test_a_context_gets_what_is_called_there_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = tmp_path / 'here' / 'hostapp'
    app.mkdir(parents=True)
    (tmp_path / 'here' / 'plain').mkdir()
    (tmp_path / 'here' / 'plain' / 'setup.py').write_text('TOKEN = 1')
    (app / '__init__.py').write_text('')
    (app / 'tasks.py').write_text('import __main__\nfrom hostapp.names import N\n\ndef work():\n    import plain\n')
    (app / 'names.py').write_text('N = 1')
    (app / 'settings.py').write_text('PASSWORD = 1')
    monkeypatch.syspath_prepend(tmp_path / 'here')
    asks, got = tmp_path / 'asks', tmp_path / 'got'
    more = 'hostapp hostapp.tasks hostapp.names hostapp.settings plain plain.setup ansible.cli.vault'
    asks.write_text('\n'.join(names_here()) + '\n' + more.replace(' ', '\n'))
    monkeypatch.setenv('PEER_ASKS', str(asks))
    monkeypatch.setenv('PEER_GOT', str(got))
    python = tmp_path / 'python'
    peer = f'exec {sys.executable} {ROOT}/tests/hostile/peer.py asks_for_modules {sys.executable}'
    python.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} {peer} "$@"\n')
    python.chmod(0o755)
    import hostapp.tasks  # type: ignore[import-not-found]

    with Router() as router:
        child = router.local(python=str(python), timeout_s=LONG)
        child.call_async(hostapp.tasks.work)
        wait_until(got.exists, LONG, 'the answers')
        child.disconnect(LONG)
    names = set(got.read_text().split())
    ours = {name for name in names if name.startswith('svcfw')}
    assert {name.partition('/')[0] for name in ours} <= public.names()
    assert names - ours == {'hostapp', 'hostapp.tasks', 'hostapp.names', 'hostapp/__init__.py'}
