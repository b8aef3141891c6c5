"""Contents are found again wherever they are kept, and nothing that has changed is ever given out."""

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcfw.files.store import cache_folder, store
from svcfw.files.store.store import Store
from svcfw.service.errors import CacheFolderError


def digest_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


HELLO = b'hello'
HELLO_DIGEST = digest_of(HELLO)


@pytest.fixture
def out(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / 'out', os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'cache'


def without_memory(folder: Path, folder_bytes: int = 1 << 24) -> Store:
    """A store whose contents are read from the folder each time."""
    held = Store(memory_bytes=10, folder=folder, folder_bytes=folder_bytes)
    held._memory.put = lambda *args: None  # type: ignore[method-assign]
    return held


def kept_files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


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


class TestFolder:
    def test_it_outlives_the_store(self, folder: Path, out: int) -> None:
        Store(folder=folder).put(HELLO_DIGEST, HELLO)
        assert folder.stat().st_mode & 0o777 == 0o700
        held = Store(folder=folder)
        assert held.holds(HELLO_DIGEST)
        assert held.of_size(5) == {HELLO_DIGEST}
        assert held.copy_to(HELLO_DIGEST, out)
        assert os.pread(out, 100, 0) == HELLO
        assert held.get(HELLO_DIGEST) == HELLO

    @pytest.mark.parametrize('content', [b'hullo', b'hell', b'', b'hello!'])
    def test_a_damaged_file_is_removed(self, folder: Path, out: int, content: bytes) -> None:
        Store(folder=folder).put(HELLO_DIGEST, HELLO)
        (folder / HELLO_DIGEST.hex()).write_bytes(content)
        held = Store(folder=folder)
        assert not held.copy_to(HELLO_DIGEST, out)
        assert kept_files(folder) == []
        held.put(HELLO_DIGEST, HELLO)
        (folder / HELLO_DIGEST.hex()).write_bytes(content)
        assert Store(folder=folder).get(HELLO_DIGEST) is None
        assert kept_files(folder) == []

    def test_a_folder_that_others_can_use_is_refused(self, folder: Path) -> None:
        folder.mkdir(mode=0o750)
        with pytest.raises(CacheFolderError, match='0750'):
            Store(folder=folder)

    @pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
    def test_a_folder_of_somebody_else_is_refused(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        os.chown(folder, 12345, -1)
        with pytest.raises(CacheFolderError, match='uid 12345'):
            Store(folder=folder)

    def test_a_link_to_a_folder_is_refused(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / 'real').mkdir(mode=0o700)
        folder.symlink_to(tmp_path / 'real')
        with pytest.raises(CacheFolderError):
            Store(folder=folder)

    @pytest.mark.parametrize('make', [lambda path: path.write_bytes(b''), lambda path: None])
    def test_a_file_or_missing_parents_are_refused(self, tmp_path: Path, make: object) -> None:
        make(tmp_path / 'x')  # type: ignore[operator]
        with pytest.raises(CacheFolderError):
            Store(folder=tmp_path / 'x' / 'y')

    def test_a_folder_opened_to_others_later_is_not_used(self, folder: Path) -> None:
        held = without_memory(folder)
        held.put(HELLO_DIGEST, HELLO)
        folder.chmod(0o755)
        assert held.get(HELLO_DIGEST) is None
        assert not held.holds(HELLO_DIGEST)
        other = b'other'
        held.put(digest_of(other), other)
        assert kept_files(folder) == [HELLO_DIGEST.hex()]

    def test_a_folder_removed_underway_is_made_again(self, folder: Path, out: int) -> None:
        held = without_memory(folder)
        held.put(HELLO_DIGEST, HELLO)
        (folder / HELLO_DIGEST.hex()).unlink()
        folder.rmdir()
        assert not held.holds(HELLO_DIGEST)
        assert not held.copy_to(HELLO_DIGEST, out)
        held.put(HELLO_DIGEST, HELLO)
        assert held.get(HELLO_DIGEST) == HELLO

    def test_links_in_it_are_not_followed(self, folder: Path, tmp_path: Path, out: int) -> None:
        (tmp_path / 'secret').write_bytes(HELLO)
        held = without_memory(folder)
        place = folder / HELLO_DIGEST.hex()
        place.symlink_to(tmp_path / 'secret')
        assert not held.holds(HELLO_DIGEST)
        assert not held.copy_to(HELLO_DIGEST, out)
        held.put(HELLO_DIGEST, HELLO)
        assert not place.is_symlink()
        assert held.get(HELLO_DIGEST) == HELLO

    def test_foreign_things_are_left_alone(self, folder: Path) -> None:
        held = without_memory(folder, 8192)
        (folder / 'README').write_bytes(bytes(100_000))
        (folder / digest_of(b'folder').hex()).mkdir()
        os.mkfifo(folder / digest_of(b'fifo').hex())
        for i in range(8):
            held.put(digest_of(bytes([i])), bytes([i]))
        assert held.get(digest_of(b'\7')) == b'\7'
        assert held.get(digest_of(b'fifo')) is None
        held.put(digest_of(b'folder'), b'folder')
        assert held.get(digest_of(b'folder')) is None
        assert {'README', digest_of(b'folder').hex(), digest_of(b'fifo').hex()} < set(kept_files(folder))

    def test_the_least_recently_used_goes_first(self, folder: Path) -> None:
        contents = [bytes([i]) * 4096 for i in range(9)]
        held = without_memory(folder, 8 * 4096)
        for i, content in enumerate(contents[:6]):
            held.put(digest_of(content), content)
            os.utime(folder / digest_of(content).hex(), (i, i))
        held.get(digest_of(contents[0]))
        for content in contents[6:]:
            held.put(digest_of(content), content)
        assert held.holds(digest_of(contents[0]))
        assert not held.holds(digest_of(contents[1]))
        assert held.holds(digest_of(contents[8]))

    def test_the_bound_is_kept(self, folder: Path) -> None:
        held = without_memory(folder, 100_000)
        for i in range(60):
            content = bytes([i]) * (i * 400)
            held.put(digest_of(content), content)
            assert sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.iterdir()) <= 100_000
        assert len(kept_files(folder)) > 2

    def test_the_number_is_bounded_too(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cache_folder, 'MAX_FILES', 8)
        held = without_memory(folder)
        for i in range(30):
            held.put(digest_of(bytes([i])), bytes([i]))
            assert len(kept_files(folder)) <= 8

    def test_what_is_too_large_pushes_nothing_out(self, folder: Path) -> None:
        held = without_memory(folder, 8192)
        held.put(HELLO_DIGEST, HELLO)
        held.put(digest_of(bytes(8193)), bytes(8193))
        assert kept_files(folder) == [HELLO_DIGEST.hex()]

    def test_what_a_killed_process_left_is_removed_one_day(self, folder: Path) -> None:
        Store(folder=folder)
        for name, age in (('.new-old', 1), ('.new-young', None)):
            (folder / name).write_bytes(b'half')
            if age:
                os.utime(folder / name, (age, age))
        Store(folder=folder)
        assert kept_files(folder) == ['.new-young']

    def test_two_stores_share_it(self, folder: Path) -> None:
        one, two = (without_memory(folder) for _ in range(2))
        one.put(HELLO_DIGEST, HELLO)
        assert two.get(HELLO_DIGEST) == HELLO
        (folder / HELLO_DIGEST.hex()).unlink()
        assert one.get(HELLO_DIGEST) is None

    def test_a_file_is_kept_without_being_in_memory(self, folder: Path, tmp_path: Path, out: int) -> None:
        content = bytes(range(256)) * 4096
        (tmp_path / 'large').write_bytes(content)
        held = without_memory(folder)
        with open(tmp_path / 'large', 'rb') as file:
            assert held.put_file(digest_of(content), file.fileno())
            with pytest.raises(ValueError, match='checksum mismatch'):
                held.put_file(HELLO_DIGEST, file.fileno())
            assert not Store().put_file(digest_of(content), file.fileno())
        assert kept_files(folder) == [digest_of(content).hex()]
        assert held.copy_to(digest_of(content), out)
        assert os.pread(out, len(content) + 1, 0) == content

    def test_a_disk_that_is_full_keeps_nothing_half(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def write(fd: int, data: bytes) -> int:
            raise OSError(28, 'No space left on device')

        held = without_memory(folder)
        monkeypatch.setattr(os, 'write', write)
        held.put(HELLO_DIGEST, HELLO)
        assert kept_files(folder) == []


def test_a_failure_to_write_is_the_callers(tmp_path: Path) -> None:
    held = Store()
    held.put(HELLO_DIGEST, HELLO)
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(OSError, match='Bad file descriptor'):
            held.copy_to(HELLO_DIGEST, fd)
    finally:
        os.close(fd)
    assert held.holds(HELLO_DIGEST)


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


def test_processes_share_a_folder(folder: Path) -> None:
    contents = [bytes([i]) * 5000 for i in range(30)]

    def use(start: int) -> bool:
        held = without_memory(folder, 10 * 8192)
        for i in range(200):
            content = contents[(start + i * 7) % len(contents)]
            held.put(digest_of(content), content)
            if held.get(digest_of(content)) not in (content, None):
                return False
        return True

    children = []
    for start in range(4):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                status = 0 if use(start * 11) else 2
            finally:
                os._exit(status)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in folder.iterdir())
    # Each may add an eighth of the bound, and one file, before it sees what the others did.
    assert 0 < len(kept_files(folder)) * 8192 <= 10 * 8192 + 4 * 2 * 8192
