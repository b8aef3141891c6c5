"""Contents in a folder that outlives the process, and that several processes share."""

import hashlib
import os
from pathlib import Path

import pytest

from svcfw.files.store import cache_folder
from svcfw.files.store.store import Store
from svcfw.service.errors import CacheFolderError
from tests.unit.files.store.kept import HELLO, HELLO_DIGEST, digest_of, kept_files, without_memory


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
