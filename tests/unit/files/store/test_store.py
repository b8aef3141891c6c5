"""Contents are found again wherever they are kept, and nothing that has changed is ever given out."""

import os
import threading
from pathlib import Path

import pytest

from svcfw.files.store import store
from svcfw.files.store.store import Store
from tests.unit.files.store.kept import HELLO, HELLO_DIGEST, digest_of, without_memory


class TestMemory:
    def test_what_was_put_is_there(self) -> None:
        held = Store()
        held.put(HELLO_DIGEST, HELLO)
        assert held.get(HELLO_DIGEST) == HELLO
        assert held.holds(HELLO_DIGEST)
        assert held.of_size(5) == {HELLO_DIGEST}
        assert held.of_size(4) == set()

    def test_what_was_not_put_is_not(self, out: int) -> None:
        held = Store()
        assert held.get(HELLO_DIGEST) is None
        assert not held.holds(HELLO_DIGEST)
        assert not held.copy_to(HELLO_DIGEST, out)

    @pytest.mark.parametrize('digest', [bytes(32), b'', HELLO_DIGEST[:-1]])
    def test_a_wrong_digest_is_refused(self, digest: bytes) -> None:
        held = Store()
        with pytest.raises(ValueError, match='checksum mismatch'):
            held.put(digest, HELLO)
        assert held.of_size(5) == set()

    def test_the_least_recently_used_goes_first(self) -> None:
        contents = [bytes([i]) * 10 for i in range(4)]
        held = Store(memory_bytes=30)
        for content in contents[:3]:
            held.put(digest_of(content), content)
        held.get(digest_of(contents[0]))
        held.put(digest_of(contents[3]), contents[3])
        assert [held.holds(digest_of(content)) for content in contents] == [True, False, True, True]

    def test_what_is_too_large_pushes_nothing_out(self) -> None:
        held = Store(memory_bytes=10)
        held.put(HELLO_DIGEST, HELLO)
        large = bytes(11)
        held.put(digest_of(large), large)
        assert held.of_size(11) == set()
        assert held.of_size(5) == {HELLO_DIGEST}

    def test_the_number_is_bounded_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(store, 'MAX_ENTRIES', 2)
        held = Store()
        for i in range(5):
            held.put(digest_of(bytes([i])), bytes([i]))
        assert held.of_size(1) == {digest_of(b'\3'), digest_of(b'\4')}

    def test_a_copy_goes_where_it_is_wanted(self, out: int) -> None:
        held = Store()
        held.put(HELLO_DIGEST, HELLO)
        assert held.copy_to(HELLO_DIGEST, out, 3)
        assert os.pread(out, 100, 0) == b'\0\0\0hello'
        assert os.lseek(out, 0, os.SEEK_CUR) == 0


class TestReferences:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / 'file'
        path.write_bytes(HELLO)
        return path

    def test_a_file_is_read_when_it_is_wanted(self, path: Path, out: int) -> None:
        held = Store()
        held.refer(HELLO_DIGEST, path)
        assert held.holds(HELLO_DIGEST)
        assert held.of_size(5) == {HELLO_DIGEST}
        assert held.copy_to(HELLO_DIGEST, out)
        assert os.pread(out, 100, 0) == HELLO
        assert held.get(HELLO_DIGEST) == HELLO

    @pytest.mark.parametrize(
        'change',
        [
            lambda path: path.unlink(),
            lambda path: path.write_bytes(b'other content'),
            lambda path: os.truncate(path, 2),
            lambda path: os.utime(path, (1, 1)),
            lambda path: (path.unlink(), path.mkdir()),
            lambda path: (path.rename(path.parent / 'elsewhere'), path.symlink_to(path.parent / 'elsewhere')),
        ],
        ids=['removed', 'overwritten', 'truncated', 'touched', 'a folder', 'a link'],
    )
    def test_a_file_that_has_changed_is_not_offered(self, path: Path, out: int, change: object) -> None:
        held = Store()
        held.refer(HELLO_DIGEST, path)
        change(path)  # type: ignore[operator]
        assert not held.copy_to(HELLO_DIGEST, out)
        assert held.of_size(5) == set()
        assert not held.holds(HELLO_DIGEST)

    def test_a_reference_that_was_never_true_is_found_out(self, path: Path, out: int) -> None:
        held = Store()
        held.refer(digest_of(b'world'), path)
        assert held.holds(digest_of(b'world'))
        assert not held.copy_to(digest_of(b'world'), out)
        assert not held.holds(digest_of(b'world'))
        held.refer(digest_of(b'world'), path)
        assert held.get(digest_of(b'world')) is None
        assert held.of_size(path.stat().st_size) == set()

    def test_what_is_no_file_is_not_remembered(self, tmp_path: Path) -> None:
        held = Store()
        os.mkfifo(tmp_path / 'fifo')
        for name in ('fifo', 'missing', 'nul\0'):
            held.refer(HELLO_DIGEST, tmp_path / name)
        assert not held.holds(HELLO_DIGEST)

    def test_a_file_larger_than_memory_is_copied_only(self, path: Path, out: int) -> None:
        held = Store(memory_bytes=4)
        held.refer(HELLO_DIGEST, path)
        assert held.get(HELLO_DIGEST) is None
        assert held.copy_to(HELLO_DIGEST, out)

    def test_a_file_may_be_copied_onto_its_own_end(self, path: Path) -> None:
        held = Store()
        held.refer(HELLO_DIGEST, path)
        with path.open('r+b') as file:
            assert held.copy_to(HELLO_DIGEST, file.fileno(), 5)
        assert path.read_bytes() == HELLO * 2


def test_no_descriptor_stays_open(folder: Path, tmp_path: Path, out: int) -> None:
    before = sorted(os.listdir('/proc/self/fd'))
    held = without_memory(folder)
    for content in (b'a', b'b'):
        held.put(digest_of(content), content)
    (tmp_path / 'file').write_bytes(b'c')
    held.refer(digest_of(b'c'), tmp_path / 'file')
    (folder / digest_of(b'a').hex()).write_bytes(b'x')
    for content in (b'a', b'b', b'c', b'd'):
        held.get(digest_of(content))
        held.copy_to(digest_of(content), out)
    assert sorted(os.listdir('/proc/self/fd')) == before


def test_threads_share_it(folder: Path) -> None:
    held = Store(memory_bytes=1000, folder=folder, folder_bytes=100_000)
    contents = [bytes([i]) * 100 for i in range(50)]
    wrong = []

    def use(start: int) -> None:
        for i in range(200):
            content = contents[(start + i * 7) % len(contents)]
            held.put(digest_of(content), content)
            if held.get(digest_of(content)) not in (content, None):
                wrong.append(content)

    threads = [threading.Thread(target=use, args=(i * 11,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert held.of_size(100)
