"""Whole folders between real contexts: what arrives is what was there, and nothing outside is touched when it fails."""

import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import svcfw
import svcfw.service
from svcfw.core.context import Context, Sender
from svcfw.core.wire.errors import ChannelError
from svcfw.files import manifest
from svcfw.files.messages.tree_parts import FILES, MANIFEST
from svcfw.files.sending import START
from svcfw.files.service import FileService
from svcfw.program.router import Router
from svcfw.service.errors import TransferError
from tests.integration import remote_files as there
from tests.integration.test_files import end, made, settled, written
from tests.support.timing import seconds, wait_until

MIB = 1024 * 1024


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Files of all sizes, odd names, links, modes, an empty folder, a fifo, a hole."""
    root = tmp_path / 'source'
    (root / 'deep' / 'deeper').mkdir(parents=True)
    (root / 'empty').mkdir(mode=0o750)
    for i in range(700):
        made(root / 'deep' / f'{i}', i)
    made(root / 'big', 3 * MIB).chmod(0o6755)
    made(root / 'deep' / 'deeper' / 'line\nbreak', 100_000)
    made(Path(os.fsdecode(os.fsencode(root) + b'/\xff')), 10)
    made(root / ('n' * 255), 10).chmod(0o400)
    with open(root / 'hole', 'wb') as hole:
        hole.truncate(50 * MIB)
    (root / 'link').symlink_to('big')
    (root / 'nowhere').symlink_to('/no/such/thing')
    os.mkfifo(root / 'fifo')
    os.utime(root / 'deep', (10**9, 10**9))
    return root


def picture(root: Path, *, with_modes: bool = True) -> dict[str, Any]:
    """All that is in a folder: {name: (kind, mode, mtime, content or target)}."""
    found: dict[str, Any] = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder) / name
            status = path.lstat()
            if stat.S_ISFIFO(status.st_mode):
                continue
            content: Any = None
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                content = path.read_bytes()
            shown = (stat.S_IFMT(status.st_mode), content)
            if with_modes and not stat.S_ISLNK(status.st_mode):
                shown += (stat.S_IMODE(status.st_mode), status.st_mtime_ns)  # type: ignore[assignment]
            found[str(path.relative_to(root))] = shown
    return found


class TestThereAndBack:
    def test_a_new_folder(self, child: Context, source: Path, tmp_path: Path) -> None:
        result = FileService.put_tree(child, str(source), str(tmp_path / 'copy'))
        assert result == {'files': 705, 'written': 705, 'skipped': ['fifo']}
        assert picture(tmp_path / 'copy') == picture(source)
        assert (tmp_path / 'copy' / 'hole').stat().st_blocks * 512 < MIB
        os.chmod(source / 'big', 0o755)
        os.chmod(tmp_path / 'copy' / 'big', 0o755)  # which are not taken over from a child
        assert FileService.get_tree(child, str(tmp_path / 'copy'), str(tmp_path / 'back'))['written'] == 705
        back = picture(tmp_path / 'back')
        back['big'], expected = (*back['big'][:3], 0), picture(source)
        expected['big'] = (*expected['big'][:3], 0)
        assert back == expected

    def test_only_what_is_new_travels(self, child: Context, source: Path, tmp_path: Path) -> None:
        FileService.put_tree(child, str(source), str(tmp_path / 'copy'))
        before = written()
        assert FileService.put_tree(child, str(source), str(tmp_path / 'copy'))['written'] == 0
        assert written() - before < 100_000
        made(source / 'deep' / 'new', 20_000)
        (tmp_path / 'copy' / 'big').write_bytes(b'changed there')
        (tmp_path / 'copy' / 'kept').write_bytes(b'not in the source')
        (source / 'link').unlink()
        (source / 'link').symlink_to('hole')
        assert FileService.put_tree(child, str(source), str(tmp_path / 'copy'))['written'] == 2
        copy = picture(tmp_path / 'copy')
        assert copy.pop('kept')
        assert copy == picture(source)

    def test_each_content_travels_once(self, child: Context, source: Path, tmp_path: Path) -> None:
        for i in range(5):
            (source / f'same {i}').write_bytes((source / 'big').read_bytes())
        before = written()
        assert FileService.put_tree(child, str(source), str(tmp_path / 'copy'))['written'] < 706
        assert written() - before < 4 * MIB
        before = written()
        assert FileService.put_tree(child, str(source), str(tmp_path / 'other'))['written'] < 5  # those without content
        assert written() - before < MIB
        assert picture(tmp_path / 'other') == picture(tmp_path / 'copy') == picture(source)
        FileService.put(child, str(source / 'big'), str(tmp_path / 'file'))
        assert written() - before < MIB

    def test_as_files_are_made_there(self, child: Context, source: Path, tmp_path: Path) -> None:
        FileService.put_tree(child, str(source), str(tmp_path / 'copy'), preserves=False)
        assert picture(tmp_path / 'copy', with_modes=False) == picture(source, with_modes=False)
        assert (tmp_path / 'copy' / 'big').stat().st_mode & 0o7777 == 0o644
        assert (tmp_path / 'copy' / 'empty').stat().st_mode & 0o7777 == 0o755

    def test_links_followed(self, child: Context, source: Path, tmp_path: Path) -> None:
        FileService.put_tree(child, str(source), str(tmp_path / 'copy'), follow=True)
        assert (tmp_path / 'copy' / 'link').read_bytes() == (source / 'big').read_bytes()
        assert not (tmp_path / 'copy' / 'link').is_symlink()

    def test_an_empty_folder(self, child: Context, tmp_path: Path) -> None:
        (tmp_path / 'source').mkdir()
        assert FileService.put_tree(child, str(tmp_path / 'source'), str(tmp_path / 'copy'))['files'] == 0
        assert (tmp_path / 'copy').is_dir()

    def test_progress(self, child: Context, source: Path, tmp_path: Path) -> None:
        seen: list[tuple[int, int]] = []
        FileService.put_tree(child, str(source), str(tmp_path / 'copy'), on_progress=lambda *each: seen.append(each))
        size = sum(path.lstat().st_size for path in source.rglob('*') if path.is_file() and not path.is_symlink())
        assert seen[-1] == (size, size)
        seen.clear()
        FileService.get_tree(child, str(source), str(tmp_path / 'back'), on_progress=lambda *each: seen.append(each))
        assert seen[-1] == (size, size)


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder of a file system that is quick with many files."""
    folder = Path(tempfile.mkdtemp(dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else tmp_path))
    yield folder
    shutil.rmtree(folder)


def test_a_hundred_thousand_files(router: Router, in_memory: Path) -> None:
    (in_memory / 'source').mkdir()
    for i in range(100_000):
        os.close(os.open(in_memory / 'source' / str(i), os.O_CREAT | os.O_WRONLY))
    child = router.local()
    assert FileService.put_tree(child, str(in_memory / 'source'), str(in_memory / 'copy'))['files'] == 100_000
    assert len(os.listdir(in_memory / 'copy')) == 100_000
    assert child.call(there.peak_memory) < 200 * 1024


class TestFilesAtOnce:
    def test_they_come_in_their_order_from_wherever_they_are(
        self, child: Context, source: Path, tmp_path: Path
    ) -> None:
        names = ['big', 'deep/7', 'deep/deeper/line\nbreak', 'hole', 'big', 'link', 'deep/0']
        paths = [str(source / name) for name in names]
        found = FileService.fetch_files(child, paths, str(tmp_path / 'copy'))
        assert [Path(path).read_bytes() for path in found] == [Path(path).read_bytes() for path in paths]
        assert sorted(os.listdir(tmp_path / 'copy')) == [os.path.basename(path) for path in found]
        assert FileService.fetch_files(child, [], str(tmp_path / 'none')) == []

    def test_one_that_is_not_there_is_named_and_nothing_is_left(
        self, child: Context, source: Path, tmp_path: Path
    ) -> None:
        paths = [str(source / 'big'), str(source / 'missing')]
        with pytest.raises(TransferError, match=r'2 files: .*/missing: No such file'):
            FileService.fetch_files(child, paths, str(tmp_path / 'copy'))
        into = Sender(child.router.myself(), 1)
        with pytest.raises(svcfw.CallError, match=r'malformed request: expected paths'):
            child.call_service(FileService, 'begin_fetch_files', paths=[7], into=into, lacks_all=True)
        assert os.listdir(tmp_path) == ['source']

    def test_a_link_in_the_place_of_a_file_is_refused(self, child: Context, tmp_path: Path) -> None:
        """A hostile sender would have the caller take a file of its own host for what came."""
        child.call(there.send_links)
        with pytest.raises(TransferError, match='malformed answer of a FileService'):
            FileService.fetch_files(child, ['/etc/passwd'], str(tmp_path / 'copy'))

    def test_only_files_that_were_granted(self, router: Router, source: Path, tmp_path: Path) -> None:
        child = router.local()
        service = FileService(router)
        with svcfw.service.Pool(router, [service]):
            service.register_prefix(str(source / 'deep'), child)
            me, to = router.myself(), str(tmp_path / 'copy')
            for other in ('big', 'deep/../big'):
                paths = [str(source / 'deep' / '7'), str(source / other)]
                assert 'not granted' in child.call(there.files_outcome, me, paths, to)
            assert not os.path.exists(to)
            assert child.call(there.files_outcome, me, paths[:1], to) == [f'{to}/0000000']


class TestWhenItFails:
    @pytest.fixture
    def child(self, router: Router) -> Context:
        return router.local()

    @pytest.fixture
    def before(self, child: Context, tmp_path: Path) -> list[str]:
        FileService.put(child, str(made(tmp_path / 'file', 10)), str(tmp_path / 'other'))
        return child.call(there.descriptors)  # type: ignore[no-any-return]

    def test_a_receiver_that_is_killed(self, router: Router, source: Path, tmp_path: Path) -> None:
        child = router.local()
        pid = child.call(there.process_id)
        with pytest.raises(ChannelError):
            FileService.put_tree(child, str(source), str(tmp_path / 'copy'), on_progress=lambda *each: end(pid))
        assert not (tmp_path / 'copy').exists()
        FileService.put_tree(router.local(), str(source), str(tmp_path / 'copy'))
        assert picture(tmp_path / 'copy') == picture(source)

    def test_a_caller_that_gives_up(self, child: Context, before: list[str], source: Path, tmp_path: Path) -> None:
        def interrupt(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            FileService.put_tree(child, str(source), str(tmp_path / 'copy'), on_progress=interrupt)
        with pytest.raises(KeyboardInterrupt):
            FileService.get_tree(child, str(source), str(tmp_path / 'copy'), on_progress=interrupt)
        names = ['file', 'other', 'source']
        wait_until(lambda: sorted(os.listdir(tmp_path)) == names, seconds(10), 'nothing is left of it')
        settled(child, before)

    def test_places_that_cannot_be_a_folder(self, child: Context, source: Path, tmp_path: Path) -> None:
        (tmp_path / 'file').write_bytes(b'')
        for place, reason in (('file', 'Not a directory'), ('no/such', 'No such file or directory')):
            with pytest.raises(TransferError, match=f'localhost: .*{place}.*: {reason}'):
                FileService.put_tree(child, str(source), str(tmp_path / place))
        with pytest.raises(FileNotFoundError):
            FileService.put_tree(child, str(tmp_path / 'nothing'), str(tmp_path / 'copy'))
        with pytest.raises(TransferError, match='No such file or directory'):
            FileService.get_tree(child, str(tmp_path / 'nothing'), str(tmp_path / 'copy'))
        assert not (tmp_path / 'copy').exists()

    def test_a_hostile_sender_stays_inside(self, router: Router, child: Context, tmp_path: Path) -> None:
        """What `Unpacker` refuses is refused on this way too."""
        entries = [
            manifest.Entry('', manifest.DIRECTORY, 0, 0o755, 0, 0),
            manifest.Entry('ab', manifest.FILE, 1, 0o644, 0, 0),
        ]
        entries[1].digest = bytes(32)
        (part,) = manifest.pack(entries)
        for bad in (b'..', b'a/', b'/a'):
            hostile = part.replace(b'ab', bad)
            assert hostile != part
            answer = child.call_service(
                FileService, 'begin_put_tree', path=str(tmp_path / 'copy'), preserves=True, owner=False
            )
            into: Sender = answer['into']
            child.send(into.handle, (START, Sender(router.myself(), 1)))
            with pytest.raises(Exception, match='invalid file name'):
                child.request(into.handle, (MANIFEST, hostile), seconds(10))
        wait_until(lambda: os.listdir(tmp_path) == [], seconds(10), 'nothing is left of it')

    @pytest.mark.parametrize(
        'message',
        [
            (FILES, struct.pack('>I', 7), struct.pack('>I', 1), b'x'),
            (FILES, b'123', b'', b''),
            ('data', b'x'),
            ('file', 0),
            ('file end',),
            ('nonsense',),
            7,
        ],
    )
    def test_nonsense_ends_the_transfer(
        self, router: Router, child: Context, before: list[str], tmp_path: Path, message: Any
    ) -> None:
        answer = child.call_service(
            FileService, 'begin_put_tree', path=str(tmp_path / 'copy'), preserves=True, owner=False
        )
        child.send(answer['into'].handle, (START, Sender(router.myself(), 1)))
        child.send(answer['into'].handle, message)
        with pytest.raises(ChannelError, match=r'no handle|the transfer has ended'):
            child.request(answer['into'].handle, ('end',), seconds(10))
        settled(child, before)
        assert sorted(os.listdir(tmp_path)) == ['file', 'other']


class TestWhoMay:
    def test_a_folder_that_was_granted(self, router: Router, source: Path, tmp_path: Path) -> None:
        child = router.local()
        service = FileService(router)
        with svcfw.service.Pool(router, [service]):
            refused = child.call(there.tree_outcome, router.myself(), str(source), str(tmp_path / 'copy'), False)
            assert 'not granted' in refused
            service.register_prefix(str(source), child)
            for path, follow in ((source, True), (tmp_path, False)):
                assert 'not granted' in child.call(
                    there.tree_outcome, router.myself(), str(path), str(tmp_path / 'copy'), follow
                )
            assert (
                child.call(there.tree_outcome, router.myself(), str(source), str(tmp_path / 'copy'), False)
                == 'no error'
            )
        assert picture(tmp_path / 'copy', with_modes=False) == picture(source, with_modes=False)
