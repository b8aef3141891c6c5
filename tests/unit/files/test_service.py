"""Which files a FileService opens for whom."""

import os
import types
from pathlib import Path
from typing import Any

import pytest

from svcfw.files import service as module
from svcfw.files.grants import Grants
from svcfw.files.service import FileService
from svcfw.service.errors import TransferError

CHILD = types.SimpleNamespace(src_id=7, auth_id=7)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Whose callers are no parents."""
    monkeypatch.setattr(module, 'has_parent_authority', lambda msg: False)
    made = FileService.__new__(FileService)
    made._grants = Grants()  # type: ignore[attr-defined]
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / 'file').write_text('content')
    return tmp_path / 'file'


def opened(service: Any, path: Path) -> bytes:
    with service._open(str(path), CHILD) as reader:
        return bytes(reader.whole())


def test_parents_have_any_file(service: Any, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'has_parent_authority', lambda msg: True)
    assert opened(service, file) == b'content'
    with pytest.raises(TransferError, match='No such file'):
        opened(service, file.with_name('missing'))


def test_others_have_what_was_granted_also_by_a_link(service: Any, file: Path) -> None:
    with pytest.raises(TransferError, match=r'file not granted to context 7\. Register it'):
        opened(service, file)
    service._grants.add(str(file), types.SimpleNamespace(id=7))
    (file.parent / 'link').symlink_to(file)
    assert [opened(service, path) for path in (file, file.parent / 'link')] == [b'content'] * 2


def test_a_link_that_changes_before_the_opening_leads_nowhere_else(
    service: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / 'granted').mkdir()
    (file.parent / 'other').mkdir()
    for folder, content in (('granted', 'mine'), ('other', 'a secret')):
        (file.parent / folder / 'file').write_text(content)
    service._grants.add(str(file.parent / 'granted'), types.SimpleNamespace(id=7), is_prefix=True)
    open_file = module._opened

    def swapped(path: str, follows: bool = True) -> Any:
        (file.parent / 'granted').rename(file.parent / 'before')
        (file.parent / 'granted').symlink_to(file.parent / 'other')
        return open_file(path, follows)

    monkeypatch.setattr(module, '_opened', swapped)
    descriptors = len(os.listdir('/proc/self/fd'))
    with pytest.raises(TransferError, match='not granted'):
        opened(service, file.parent / 'granted' / 'file')
    assert len(os.listdir('/proc/self/fd')) == descriptors


@pytest.mark.parametrize('paths', [[7], [b'/x'], ['/x', None]])
def test_what_is_no_list_of_paths_is_refused(service: Any, paths: Any) -> None:
    begin = FileService.begin_fetch_files
    with pytest.raises(TransferError, match='malformed request: expected paths'):
        getattr(begin, '__wrapped__', begin)(service, paths=paths, into=None, lacks_all=True, msg=CHILD)
