"""Where a module may write on the controller, and how much."""

import os
from pathlib import Path

import pytest

from svcfw.mux.server.services.uploads import MAX_PARTS, MIN_FILE_BYTES, Quota, Uploads
from svcfw.service.errors import TransferError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / 'real' / 'reports'
    (folder / 'deep').mkdir(parents=True)
    (folder / 'there').write_text('x')
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'secret').write_text('x')
    (folder / 'out').symlink_to(tmp_path / 'elsewhere')
    (folder / 'link').symlink_to(tmp_path / 'secret')
    (tmp_path / 'alias').symlink_to('real')
    return tmp_path


def uploads(folders: list[Path], files: list[Path] | None = None, most: int = 1 << 20) -> Uploads:
    return Uploads(list(map(str, folders)), list(map(str, files or [])), Quota(), 'web1', most)


@pytest.mark.parametrize('name', ['new', 'there', 'deep/new', 'deep/../new', './new'])
@pytest.mark.parametrize('way', ['real', 'alias'])
def test_files_in_a_named_folder(place: Path, way: str, name: str) -> None:
    found = uploads([place / way / 'reports']).place(f'{place}/{way}/reports/{name}')
    assert found == os.path.normpath(f'{place}/real/reports/{name}')


@pytest.mark.parametrize(
    ('path', 'why'),
    [
        ('real/reports', 'may not'),
        ('real/reports/../../secret', 'may not'),
        ('real/reports2/new', 'may not'),
        ('secret', 'may not'),
        ('real/reports/out/new', 'no folder, or a link'),
        ('real/reports/nowhere/new', 'no folder'),
        ('real/reports/there/new', 'no folder'),
        ('real/reports/link', 'is a link'),
        ('real/reports/.svcfw-0-0', 'kept for transfers'),
        ('real/reports/' + 'x/' * MAX_PARTS + 'x', 'may not'),
        ('real/reports/\0', 'may not'),
    ],
)
def test_what_may_not_be_written(place: Path, path: str, why: str) -> None:
    with pytest.raises(TransferError, match=why):
        uploads([place / 'real' / 'reports']).place(f'{place}/{path}')


def test_a_named_folder_is_made_for_the_first_file_and_none_above_it(place: Path) -> None:
    found = uploads([place / 'web1']).place(f'{place}/web1/new')
    assert found == f'{place}/web1/new'
    assert (place / 'web1').stat().st_mode & 0o777 == 0o700
    with pytest.raises(TransferError, match='No such file'):
        uploads([place / 'nowhere' / 'web1']).place(f'{place}/nowhere/web1/new')


def test_a_service_names_one_file_and_nothing_below_it(place: Path) -> None:
    named = uploads([], [place / 'elsewhere' / 'report'])
    assert named.place(f'{place}/elsewhere/report') == f'{place}/elsewhere/report'
    for path in ('elsewhere/other', 'elsewhere/report/x'):
        with pytest.raises(TransferError, match='may not write it'):
            named.place(f'{place}/{path}')


def test_what_a_host_puts_in_a_run_is_bounded(place: Path) -> None:
    quota = Quota()
    first, second = (Uploads([str(place)], [], quota, host, 3 * MIN_FILE_BYTES) for host in ('web1', 'web2'))
    first.charge(0, 0)
    first.charge(2 * MIN_FILE_BYTES, 0)
    with pytest.raises(TransferError, match='web1 has put 12288 bytes in this run, and may put 12288'):
        first.charge(1, 0)
    second.charge(100 * MIN_FILE_BYTES, 98 * MIN_FILE_BYTES)  # what is there of an interrupted one counts once
    with pytest.raises(TransferError, match='a file of -1 bytes'):
        second.charge(-1, 0)


def test_what_comes_from_a_host_is_not_to_be_executed(place: Path) -> None:
    script = place / 'script'
    script.write_text('x')
    script.chmod(0o4755)
    assert Uploads.mode(str(script), {'default_mode': 0o777}) == 0o644
    assert Uploads.mode(str(script), {'mode': 0o6777}) == 0o666
    assert Uploads.mode(str(place / 'new'), {'default_mode': 0o700}) == 0o600
    assert Uploads.mode(str(place / 'new'), {'mode': 'odd', 'default_mode': 'odd'}) & 0o111 == 0


def test_a_folder_that_was_replaced_is_noticed(place: Path) -> None:
    with (place / 'secret').open() as file:
        Uploads.require_there(file.fileno(), f'{place}/other')
        with pytest.raises(TransferError, match='replaced'):
            Uploads.require_there(file.fileno(), f'{place}/real/other')
