from pathlib import Path

import pytest

import svcfw
from svcfw.cli import main
from tests.support.hosts import CHECKOUT


@pytest.fixture(autouse=True)
def home(tmp_path: Path, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('ANSIBLE_HOME', str(tmp_path / 'ansible'))
    monkeypatch.setenv('XDG_RUNTIME_DIR', str(short_path))
    return tmp_path / 'ansible'


def test_enable_and_disable(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = home / 'plugins' / 'connection' / 'svcfw.py'
    assert main.main(['enable']) == 0
    assert link.is_symlink()
    assert main.main(['disable']) == 0
    assert not link.is_symlink()
    assert f'removed {link}' in capsys.readouterr().out


def test_what_is_in_the_way_is_named_and_the_status_is_1(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = home / 'plugins' / 'connection' / 'svcfw.py'
    link.parent.mkdir(parents=True)
    link.write_text('mine')
    assert main.main(['enable']) == 1
    assert str(link) in capsys.readouterr().err


def test_stop_without_a_multiplexer_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(['stop']) == 0
    assert capsys.readouterr().out == 'no multiplexer is running\n'


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(['--version'])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f'svcfw {svcfw.__version__}\n'
    assert f'version = "{svcfw.__version__}"' in (CHECKOUT / 'pyproject.toml').read_text()


def test_a_command_is_needed() -> None:
    with pytest.raises(SystemExit) as ended:
        main.main([])
    assert ended.value.code == 2
