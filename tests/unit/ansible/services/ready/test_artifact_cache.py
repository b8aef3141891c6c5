"""What is kept of earlier downloads."""

import hashlib
from pathlib import Path

import pytest

from svcfw.ansible.services.ready.artifact_cache import ArtifactCache, Known
from svcfw.ansible.services.ready.download import Validators

URL = 'https://me:secret@example.org/a'


def put(cache: ArtifactCache, folder: Path, content: bytes, url: str = URL) -> Known:
    known = Known(hashlib.sha256(content).hexdigest(), Validators('"tag"', None))
    (folder / 'fresh').write_bytes(content)
    cache.keep(url, known, str(folder / 'fresh'))
    return known


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'cache'


def test_what_was_kept_is_known_and_there_for_the_next_run(folder: Path, tmp_path: Path) -> None:
    known = put(ArtifactCache(folder), tmp_path, b'content')
    later = ArtifactCache(folder)
    assert later.known(URL) == known
    assert later.take(known.sha256, str(tmp_path / 'taken'))
    assert (tmp_path / 'taken').read_bytes() == b'content'
    assert later.known('https://example.org/a') is None
    assert not [path for path in folder.rglob('*') if path.is_file() and b'secret' in path.read_bytes()]


def test_what_was_changed_meanwhile_is_not_used(folder: Path, tmp_path: Path) -> None:
    cache = ArtifactCache(folder)
    known = put(cache, tmp_path, b'content')
    (kept,) = (folder / 'contents').iterdir()
    kept.chmod(0o600)
    kept.write_bytes(b'another')
    assert not cache.take(known.sha256, str(tmp_path / 'taken'))
    assert cache.known(URL) is None


def test_it_is_bounded(folder: Path, tmp_path: Path) -> None:
    cache = ArtifactCache(folder, max_bytes=20000)
    for number in range(10):
        put(cache, tmp_path, bytes([number]) * 8192, f'https://example.org/{number}')
    assert sum(path.stat().st_size for path in (folder / 'contents').iterdir()) <= 20000
    assert cache.known('https://example.org/9') is not None
    assert cache.known('https://example.org/0') is None


def test_a_folder_that_others_can_write_to_is_not_used(folder: Path, tmp_path: Path) -> None:
    for name in ('contents', 'urls'):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name).chmod(0o777)
    cache = ArtifactCache(folder)
    known = put(cache, tmp_path, b'content')
    assert cache.known(URL) is None
    assert not cache.take(known.sha256, str(tmp_path / 'taken'))
