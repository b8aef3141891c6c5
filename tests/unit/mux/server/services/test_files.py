"""Which files of the controller a module may have."""

import os
from pathlib import Path

import pytest

from svcfw.mux.server.services.files import MAX_PARTS, _Granted


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / 'real' / 'artifacts'
    (folder / 'deep').mkdir(parents=True)
    for name in ('app', 'deep/app'):
        (folder / name).write_text('x')
    (tmp_path / 'secret').write_text('x')
    (tmp_path / 'artifacts2').write_text('x')
    (folder / 'out').symlink_to(tmp_path / 'secret')
    (folder / 'in').symlink_to('deep/app')
    (tmp_path / 'alias').symlink_to('real')
    return tmp_path


def found(granted: list[Path], path: object) -> str | None:
    real = _Granted(lambda context_id: list(map(str, granted))).find(str(path), 5)
    return None if real is None else os.fsdecode(real)


@pytest.mark.parametrize('name', ['app', 'deep/app', 'in', 'deep/../app', './app', ''])
@pytest.mark.parametrize('way', ['real', 'alias'])
def test_what_is_in_a_granted_folder(place: Path, way: str, name: str) -> None:
    for granted in ('real', 'alias'):
        path = f'{place}/{way}/artifacts/{name}'
        expected = os.path.realpath(path) if granted == way or way == 'real' else None
        assert found([place / granted / 'artifacts'], path) == expected


@pytest.mark.parametrize(
    'path', ['real/artifacts/out', 'secret', 'real/artifacts/../../secret', 'artifacts2', 'real', 'real/artifacts2', '']
)
def test_what_is_not(place: Path, path: str) -> None:
    assert found([place / 'real' / 'artifacts'], place / path) is None


def test_one_file_is_granted_alone(place: Path) -> None:
    granted = place / 'real' / 'artifacts' / 'app'
    assert found([granted], granted) == str(granted)
    assert found([granted], granted.parent / 'deep' / 'app') is None
    assert found([], granted) is None


def test_a_path_has_a_bounded_number_of_parts(place: Path) -> None:
    granted = place / 'real' / 'artifacts'
    assert found([granted], f'{granted}/{"x/" * 20}x') is not None
    assert found([granted], f'{granted}/{"x/" * MAX_PARTS}x') is None


def test_an_open_file_is_where_it_leads(place: Path) -> None:
    granted = place / 'real' / 'artifacts'
    for path, is_granted in ((granted / 'app', True), (place / 'secret', False)):
        with path.open() as file:
            assert found([granted], f'/proc/self/fd/{file.fileno()}') == (str(path) if is_granted else None)
