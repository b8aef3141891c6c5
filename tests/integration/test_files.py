"""Files between real contexts: over `local` and ssh, down to Python 3.6, through other contexts, and when it fails."""

import contextlib
import hashlib
import io
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import svcfw.service
from svcfw.core.context import Context
from svcfw.core.wire.errors import ChannelError
from svcfw.files.disk.reader import Reader
from svcfw.files.disk.writer import MIN_RESUMED_BYTES
from svcfw.files.service import FileService
from svcfw.files.transfers import Transfers
from svcfw.program.router import Router
from svcfw.service.errors import TransferError
from tests.integration import remote_files as there
from tests.integration import remote_services
from tests.support.need import is_long, need_root
from tests.support.timing import seconds, wait_until

MIB = 1024 * 1024
#: How often a receiver is killed.
KILLS = 200 if is_long() else 25


def made(path: Path, size: int) -> Path:
    """A file of random bytes that has not been written to for a while."""
    path.write_bytes(os.urandom(size))
    os.utime(path, (10**9, 10**9))
    return path


def left(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def settled(child: Context, before: list[str]) -> None:
    """Nothing of a transfer is open there any more."""
    wait_until(lambda: child.call(there.descriptors) == before, seconds(10), 'all descriptors are closed')


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    need_root()
    folder = tmp_path / 'disk'
    folder.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', folder], check=True)
    yield folder
    subprocess.run(['umount', folder], check=True)


class TestThereAndBack:
    @pytest.mark.parametrize('size', [0, 1, 64 * 1024, 64 * 1024 + 1, 5 * MIB + 7])
    def test_a_file(self, child: Context, tmp_path: Path, size: int) -> None:
        file = made(tmp_path / 'file', size)
        file.chmod(0o751)
        FileService.put(child, str(file), str(tmp_path / 'copy'))
        FileService.fetch(child, str(tmp_path / 'copy'), str(tmp_path / 'back'), preserves=True)
        assert (tmp_path / 'copy').read_bytes() == (tmp_path / 'back').read_bytes() == file.read_bytes()
        umask = 0o022
        assert (tmp_path / 'copy').stat().st_mode & 0o777 == 0o751 & ~umask
        assert left(tmp_path) == ['back', 'copy', 'file']

    def test_metadata(self, child: Context, tmp_path: Path) -> None:
        file = made(tmp_path / 'file', 1000)
        file.chmod(0o4710)
        FileService.put(child, str(file), str(tmp_path / 'copy'), preserves=True, is_durable=True)
        status = (tmp_path / 'copy').stat()
        assert (status.st_mode & 0o7777, status.st_mtime) == (0o4710, 10**9)
        content = io.BytesIO()
        meta = FileService.get(child, str(tmp_path / 'copy'), content)
        assert (meta['size'], meta['mode'], meta['mtime_ns']) == (1000, 0o4710, 10**18)
        assert content.getvalue() == file.read_bytes()

    @pytest.mark.parametrize('name', [b'line\nbreak', b'\xff\xfe not text', b'n' * 255])
    def test_names(self, child: Context, tmp_path: Path, name: bytes) -> None:
        made(tmp_path / 'file', 100_000)
        place = os.fsencode(tmp_path) + b'/' + name
        FileService.put(child, str(tmp_path / 'file'), place)
        FileService.fetch(child, place, str(tmp_path / 'back'))
        assert (tmp_path / 'back').read_bytes() == (tmp_path / 'file').read_bytes()

    def test_zeros_are_neither_sent_nor_written(self, child: Context, tmp_path: Path) -> None:
        with open(tmp_path / 'file', 'wb') as file:
            file.seek(200 * MIB)
            file.write(b'end')
        before = written()
        FileService.put(child, str(tmp_path / 'file'), str(tmp_path / 'copy'))
        assert written() - before < 2 * MIB
        assert (tmp_path / 'copy').stat().st_blocks * 512 < MIB
        assert subprocess.run(['cmp', tmp_path / 'file', tmp_path / 'copy'], check=False).returncode == 0

    def test_packed(self, child: Context, tmp_path: Path) -> None:
        (tmp_path / 'file').write_bytes(b'the same line again and again\n' * 200_000)
        FileService.put(child, str(tmp_path / 'file'), str(tmp_path / 'copy'), packs=True)
        assert (tmp_path / 'copy').read_bytes() == (tmp_path / 'file').read_bytes()

    def test_progress(self, child: Context, tmp_path: Path) -> None:
        file = made(tmp_path / 'file', 3 * MIB)
        seen: list[tuple[int, int]] = []
        FileService.put(child, str(file), str(tmp_path / 'copy'), on_progress=lambda *args: seen.append(args))
        assert seen == sorted(seen)
        assert seen[-1] == (3 * MIB, 3 * MIB)
        assert len(seen) > 3
        seen.clear()
        FileService.fetch(
            child, str(tmp_path / 'copy'), str(tmp_path / 'b'), on_progress=lambda *args: seen.append(args)
        )
        assert seen[-1] == (3 * MIB, 3 * MIB)

    def test_many_at_a_time(self, child: Context, tmp_path: Path) -> None:
        files = [made(tmp_path / f'file {i}', 2 * MIB + i) for i in range(12)]

        def there_and_back(file: Path) -> None:
            FileService.put(child, str(file), f'{file} copy')
            FileService.fetch(child, f'{file} copy', f'{file} back')

        threads = [threading.Thread(target=there_and_back, args=[file]) for file in files]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for file in files:
            assert Path(f'{file} back').read_bytes() == file.read_bytes()


class TestOnce:
    """No content crosses a link twice."""

    def test_a_known_content_costs_less_than_a_kilobyte(self, child: Context, tmp_path: Path) -> None:
        file = made(tmp_path / 'file', 3 * MIB)
        FileService.put(child, str(file), str(tmp_path / 'first'))
        before = written()
        FileService.put(child, str(file), str(tmp_path / 'second'))
        assert written() - before < 1024
        assert (tmp_path / 'second').read_bytes() == file.read_bytes()

    def test_by_whatever_name(self, child: Context, tmp_path: Path) -> None:
        file = made(tmp_path / 'file', 3 * MIB)
        (tmp_path / 'same').write_bytes(file.read_bytes())
        FileService.put(child, str(file), str(tmp_path / 'first'))
        before = written()
        FileService.put(child, str(tmp_path / 'same'), str(tmp_path / 'second'))
        assert written() - before < 2048
        assert (tmp_path / 'second').read_bytes() == file.read_bytes()

    @pytest.mark.parametrize('size', [30_000, 3 * MIB])
    def test_many_callers_at_a_time(self, child: Context, tmp_path: Path, size: int) -> None:
        file = made(tmp_path / 'file', size)
        FileService.put(child, str(made(tmp_path / 'other', 10)), str(tmp_path / 'other copy'))
        before = written()
        threads = [
            threading.Thread(target=FileService.put, args=[child, str(file), str(tmp_path / f'copy {i}')])
            for i in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert written() - before < size + 20_000 + size // 10
        assert {(tmp_path / f'copy {i}').read_bytes() for i in range(8)} == {file.read_bytes()}

    @pytest.mark.parametrize('size', [30_000, 300_000, 3 * MIB])
    def test_what_is_fetched(self, child: Context, tmp_path: Path, size: int) -> None:
        file = made(tmp_path / 'file', size)
        before = child.call(there.bytes_written)
        FileService.fetch(child, str(file), str(tmp_path / 'first'))
        FileService.fetch(child, str(file), str(tmp_path / 'second'))
        assert child.call(there.bytes_written) - before < size + size // 10 + 4096
        assert (tmp_path / 'second').read_bytes() == file.read_bytes()
        if size <= MIB:
            content = io.BytesIO()
            FileService.get(child, str(file), content)
            FileService.get(child, str(file), content)
            assert child.call(there.bytes_written) - before < 2 * size + size // 10 + 4096
            assert content.getvalue() == 2 * file.read_bytes()

    def test_what_is_not_what_it_was_is_sent_again(self, child: Context, tmp_path: Path) -> None:
        file = made(tmp_path / 'file', 3 * MIB)
        FileService.put(child, str(file), str(tmp_path / 'first'))
        with open(tmp_path / 'first', 'r+b') as first:
            first.write(b'changed')
        FileService.put(child, str(file), str(tmp_path / 'second'))
        assert (tmp_path / 'second').read_bytes() == file.read_bytes()

    def test_of_a_changed_file_only_what_is_new(self, child: Context, tmp_path: Path) -> None:
        file = made(tmp_path / 'file', 16 * MIB)
        FileService.put(child, str(file), str(tmp_path / 'copy'))
        data = bytearray(file.read_bytes())
        data[5 * MIB : 5 * MIB] = b'inserted'
        data[9 * MIB : 9 * MIB + 10] = b'0123456789'
        file.write_bytes(data)
        before = written()
        FileService.put(child, str(file), str(tmp_path / 'copy'))
        assert written() - before < MIB
        assert (tmp_path / 'copy').read_bytes() == data

    def test_a_folder_keeps_contents_for_contexts_to_come(self, router: Router, tmp_path: Path) -> None:
        cache = tmp_path / 'cache'
        file = made(tmp_path / 'file', 3 * MIB)
        for copy in ('first', 'second'):
            child = router.local()
            child.call_service(FileService, 'keep_in', path=str(cache), max_bytes=100 * MIB)
            before = written()
            FileService.put(child, str(file), str(tmp_path / copy))
            (tmp_path / copy).unlink()
        assert written() - before < 2048
        assert cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures('files_are_copied')
class TestOnTheSameMachine:
    """A child that can reach the file itself is not sent it."""

    @pytest.mark.parametrize('size', [1 * MIB + 1, 5 * MIB])
    def test_nothing_crosses_the_link(self, child: Context, tmp_path: Path, size: int) -> None:
        file = made(tmp_path / 'file', size)
        file.chmod(0o751)
        FileService.put(child, str(made(tmp_path / 'first', 1)), str(tmp_path / 'copy'))  # what it imports for that
        before = written()
        FileService.put(child, str(file), str(tmp_path / 'copy'), preserves=True)
        assert written() - before < 2048
        assert (tmp_path / 'copy').read_bytes() == file.read_bytes()
        assert (tmp_path / 'copy').stat().st_mode & 0o777 == 0o751
        assert (tmp_path / 'copy').stat().st_mtime_ns == file.stat().st_mtime_ns
        assert left(tmp_path) == ['copy', 'file', 'first']

    def test_a_child_that_may_not_read_it_is_sent_it(self, child: Context, tmp_path: Path) -> None:
        need_root()
        file = made(tmp_path / 'file', 3 * MIB)
        file.chmod(0o600)
        for path in (tmp_path, *tmp_path.parents):
            if path.stat().st_uid == 0 and path != Path('/'):
                path.chmod(path.stat().st_mode | 0o055)
        (tmp_path / 'theirs').mkdir()
        os.chown(tmp_path / 'theirs', 65534, 65534)
        child.call(there.become, 65534)
        before = written()
        FileService.put(child, str(file), str(tmp_path / 'theirs' / 'copy'))
        assert written() - before > 3 * MIB
        assert (tmp_path / 'theirs' / 'copy').read_bytes() == file.read_bytes()

    def test_over_itself(self, child: Context, tmp_path: Path) -> None:
        file = made(tmp_path / 'file', 3 * MIB)
        content = file.read_bytes()
        FileService.put(child, str(file), str(file))
        assert file.read_bytes() == content

    def test_a_full_disk(self, child: Context, tmp_path: Path, small_disk: Path) -> None:
        file = made(tmp_path / 'file', 4 * MIB)
        with pytest.raises(TransferError, match=f': {small_disk}/new: No space left on device'):
            FileService.put(child, str(file), str(small_disk / 'new'))
        assert left(small_disk) == []


class TestThroughAContextBetween:
    def test_a_content_crosses_the_long_link_once(self, router: Router, tmp_path: Path) -> None:
        between = router.local()
        targets = [between.call(remote_services.start_child, None) for _ in range(20)]
        file = made(tmp_path / 'file', 8 * MIB)
        before = written()
        threads = [
            threading.Thread(target=FileService.put, args=[target, str(file), str(tmp_path / f'copy {i}')])
            for i, target in enumerate(targets)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert written() - before < 8.5 * MIB
        for i in range(20):
            assert (tmp_path / f'copy {i}').read_bytes() == file.read_bytes()

    def test_errors_of_the_target_arrive(self, router: Router, tmp_path: Path) -> None:
        target = router.local().call(remote_services.start_child, None)
        file = made(tmp_path / 'file', MIB)
        with pytest.raises(TransferError, match='no/such/folder: No such file or directory'):
            FileService.put(target, str(file), '/no/such/folder')


class TestWhoMay:
    @pytest.fixture
    def service(self, router: Router) -> Iterator[FileService]:
        service = FileService(router)
        with svcfw.service.Pool(router, [service]):
            yield service

    def test_a_child_gets_what_was_granted_to_it(
        self, router: Router, service: FileService, child: Context, tmp_path: Path
    ) -> None:
        file = made(tmp_path / 'file', 2 * MIB)
        grant = service.register(str(file), child)
        content, meta = child.call(there.get, router.myself(), str(file))
        assert (content, meta['size']) == (file.read_bytes(), 2 * MIB)
        other = router.local()
        refused = f'TransferError: master: {file}: file not granted to context {other.id}'
        assert refused in other.call(there.outcome, router.myself(), str(file))
        grant.revoke()
        assert 'not granted' in child.call(there.outcome, router.myself(), str(file))

    def test_folders(self, router: Router, service: FileService, child: Context, tmp_path: Path) -> None:
        (tmp_path / 'public').mkdir()
        made(tmp_path / 'public' / 'file', 10)
        made(tmp_path / 'secret', 10)
        (tmp_path / 'public' / 'escape').symlink_to(tmp_path / 'secret')
        service.register_prefix(str(tmp_path / 'public'), child)
        assert child.call(there.get, router.myself(), str(tmp_path / 'public' / 'file'))[1]['size'] == 10
        for path in ('public/escape', 'public/../secret', 'secret', 'none'):
            assert 'not granted' in child.call(there.outcome, router.myself(), str(tmp_path / path))

    def test_a_child_cannot_put(self, router: Router, service: FileService, child: Context, tmp_path: Path) -> None:
        arguments: dict[str, Any] = {'size': 1, 'token': b'', 'digest': None, 'data': b'x', 'wanted': {}}
        outcome = child.call(
            remote_services.outcome,
            router.myself(),
            FileService.name(),
            'begin_put',
            path=str(tmp_path / 'x'),
            **arguments,
        )
        assert 'AllowParents' in outcome[1]
        assert left(tmp_path) == []

    def test_it_cannot_have_it_sent_to_others(self, router: Router, service: FileService, tmp_path: Path) -> None:
        child, victim = router.local(), router.local()
        service.register(made(tmp_path / 'file', 10).as_posix(), child)
        arguments = {'path': str(tmp_path / 'file'), 'token': None, 'offset': 0}
        into = svcfw.Sender(victim, 1234)
        outcome = child.call(
            remote_services.outcome, router.myself(), FileService.name(), 'begin_fetch', into=into, **arguments
        )
        assert 'must be the caller' in outcome[1]

    def test_nobody_is_served_too_much_at_a_time(self, router: Router, service: FileService, tmp_path: Path) -> None:
        child = router.local()
        service.register(made(tmp_path / 'file', 20 * MIB).as_posix(), child)
        errors = child.call(there.begin_many, router.myself(), str(tmp_path / 'file'), 100)
        assert len(errors) == 100 - 64
        assert 'Start fewer at a time' in errors[0]


def written() -> int:
    """What this process, with its children that have ended, has written to anywhere."""
    lines = Path('/proc/self/io').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('wchar'))


class TestWhenItFails:
    """What was there stays, nothing half-written is seen, nothing stays open, and the next transfer goes through."""

    @pytest.fixture
    def child(self, router: Router) -> Context:
        return router.local()

    @pytest.fixture
    def before(self, child: Context, tmp_path: Path) -> list[str]:
        FileService.put(child, str(made(tmp_path / 'first', 2 * MIB)), str(tmp_path / 'copy'))
        return child.call(there.descriptors)

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return made(tmp_path / 'file', 4 * MIB)

    def check(self, child: Context, before: list[str], tmp_path: Path, also_left: Any = ()) -> None:
        """All is as it was, and goes on."""
        assert (tmp_path / 'copy').read_bytes() == (tmp_path / 'first').read_bytes()
        names = sorted({'copy', 'file', 'first', *also_left})
        wait_until(lambda: left(tmp_path) == names, seconds(10), 'what had come is gone')
        settled(child, before)
        assert router_is_idle(child.router)
        FileService.put(child, str(made(tmp_path / 'first', 3 * MIB)), str(tmp_path / 'copy'))
        assert (tmp_path / 'copy').read_bytes() == (tmp_path / 'first').read_bytes()

    @pytest.mark.parametrize('change', ['truncated', 'grown', 'rewritten'])
    def test_a_file_that_is_written_to_underway(
        self, child: Context, before: list[str], file: Path, tmp_path: Path, change: str
    ) -> None:
        def meddle(done: int, total: int) -> None:
            with open(file, 'r+b') as open_file:
                if change == 'truncated':
                    open_file.truncate(done)
                else:
                    open_file.seek(0, os.SEEK_END if change == 'grown' else os.SEEK_SET)
                    open_file.write(b'more')

        with pytest.raises(TransferError, match='file was modified during the transfer'):
            FileService.put(child, str(file), str(tmp_path / 'copy'), on_progress=meddle)
        self.check(child, before, tmp_path)

    def test_a_file_of_the_other_side_that_is_written_to_underway(
        self, child: Context, before: list[str], file: Path, tmp_path: Path
    ) -> None:
        def meddle(done: int, total: int) -> None:
            with open(file, 'ab') as open_file:
                open_file.write(b'more')

        big = made(file, 80 * MIB)  # more than can be under way
        with pytest.raises(TransferError, match='was modified during the transfer'):
            FileService.fetch(child, str(big), str(tmp_path / 'copy'), on_progress=meddle)
        self.check(child, before, tmp_path)

    def test_no_permission(self, child: Context, before: list[str], file: Path, tmp_path: Path) -> None:
        need_root()
        for path in (tmp_path, *tmp_path.parents):
            if path.stat().st_uid == 0 and path != Path('/'):
                path.chmod(path.stat().st_mode | 0o055)
        child.call(there.become, 65534)
        with pytest.raises(TransferError, match=f'localhost: {tmp_path}/copy: Permission denied'):
            FileService.put(child, str(file), str(tmp_path / 'copy'))
        file.chmod(0o600)
        with pytest.raises(TransferError, match='Permission denied'):
            FileService.fetch(child, str(file), str(tmp_path / 'new'))
        assert (tmp_path / 'copy').read_bytes() == (tmp_path / 'first').read_bytes()
        assert left(tmp_path) == ['copy', 'file', 'first']

    def test_a_full_disk(self, child: Context, before: list[str], file: Path, tmp_path: Path, small_disk: Path) -> None:
        (small_disk / 'old').write_bytes(b'old')
        big = made(file, 4 * MIB)
        with pytest.raises(TransferError, match=f'localhost: {small_disk}/old: No space left on device'):
            FileService.put(child, str(big), str(small_disk / 'old'))
        assert left(small_disk) == ['old']
        assert (small_disk / 'old').read_bytes() == b'old'
        with pytest.raises(OSError, match='No space left on device'):
            FileService.fetch(child, str(big), str(small_disk / 'old'))
        assert left(small_disk) == ['old']
        self.check(child, before, tmp_path, ['disk'])

    def test_what_the_caller_raises_underway(
        self, child: Context, before: list[str], file: Path, tmp_path: Path
    ) -> None:
        def interrupt(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            FileService.put(child, str(file), str(tmp_path / 'copy'), on_progress=interrupt)
        with pytest.raises(KeyboardInterrupt):
            FileService.get(child, str(file), io.BytesIO(), on_progress=interrupt)
        self.check(child, before, tmp_path)

    def test_a_receiver_that_is_killed(self, router: Router, tmp_path: Path) -> None:
        chance = random.Random(4711)
        file = made(tmp_path / 'file', 3 * MIB)
        (tmp_path / 'copy').write_bytes(b'old')
        open_before = len(os.listdir('/proc/self/fd'))
        for _ in range(KILLS):
            child = router.local()
            pid = child.call(there.process_id)
            limit = chance.randrange(file.stat().st_size + MIB)

            def kill(done: int, total: int, pid: int = pid, limit: int = limit) -> None:
                if done >= limit:
                    end(pid)

            try:
                FileService.put(child, str(file), str(tmp_path / 'copy'), on_progress=kill)
            except ChannelError:
                assert (tmp_path / 'copy').read_bytes() in (b'old', file.read_bytes())
            else:
                assert (tmp_path / 'copy').read_bytes() == file.read_bytes()
                (tmp_path / 'copy').write_bytes(b'old')
                end(pid)
        FileService.put(router.local(), str(file), str(tmp_path / 'copy'))
        assert (tmp_path / 'copy').read_bytes() == file.read_bytes()
        assert left(tmp_path) == ['copy', 'file']
        wait_until(lambda: len(os.listdir('/proc/self/fd')) <= open_before + 6, seconds(10), 'no descriptor is left')

    def test_a_sender_that_is_killed(self, router: Router, file: Path, tmp_path: Path) -> None:
        (tmp_path / 'copy').write_bytes(b'old')
        child = router.local()
        pid = child.call(there.process_id)
        with pytest.raises(ChannelError):
            FileService.fetch(
                child, str(made(file, 50 * MIB)), str(tmp_path / 'copy'),
                on_progress=lambda done, total: end(pid),
            )  # fmt: skip
        assert (tmp_path / 'copy').read_bytes() == b'old'


class TestGoingOn:
    def test_a_put_goes_on_from_what_had_come(self, router: Router, tmp_path: Path) -> None:
        file = made(tmp_path / 'file', 64 * MIB)
        self.cut_off(router, lambda child, meddle: FileService.put(
            child, str(file), str(tmp_path / 'copy'), on_progress=meddle
        ))  # fmt: skip
        (partial,) = [tmp_path / name for name in left(tmp_path) if name != 'file']
        came = partial.stat().st_size
        assert came >= MIN_RESUMED_BYTES
        seen: list[int] = []
        FileService.put(
            router.local(), str(file), str(tmp_path / 'copy'), on_progress=lambda done, total: seen.append(done)
        )
        assert seen[0] > came
        assert (tmp_path / 'copy').read_bytes() == file.read_bytes()
        assert left(tmp_path) == ['copy', 'file']

    def test_a_fetch_too(self, router: Router, tmp_path: Path) -> None:
        file = made(tmp_path / 'file', 64 * MIB)
        self.cut_off(router, lambda child, meddle: FileService.fetch(
            child, str(file), str(tmp_path / 'copy'), on_progress=meddle
        ))  # fmt: skip
        seen: list[int] = []
        FileService.fetch(
            router.local(), str(file), str(tmp_path / 'copy'), on_progress=lambda done, total: seen.append(done)
        )
        assert seen[0] > MIN_RESUMED_BYTES
        assert (tmp_path / 'copy').read_bytes() == file.read_bytes()
        assert left(tmp_path) == ['copy', 'file']

    def test_not_when_the_file_is_another_by_now(self, router: Router, tmp_path: Path) -> None:
        file = made(tmp_path / 'file', 64 * MIB)
        self.cut_off(router, lambda child, meddle: FileService.put(
            child, str(file), str(tmp_path / 'copy'), on_progress=meddle
        ))  # fmt: skip
        made(file, 64 * MIB)
        FileService.put(router.local(), str(file), str(tmp_path / 'copy'))
        assert (tmp_path / 'copy').read_bytes() == file.read_bytes()

    def cut_off(self, router: Router, transfer: Any) -> None:
        """Kill the other side when half has been sent."""
        child = router.local()
        pid = child.call(there.process_id)

        def kill(done: int, total: int) -> None:
            if done > total / 2:
                end(pid)

        with pytest.raises(ChannelError):
            transfer(child, kill)
        wait_until(lambda: not router.has_route(child), seconds(10), 'the child is gone')


class TestBounds:
    def test_memory_does_not_depend_on_the_size(self, router: Router, tmp_path: Path) -> None:
        child = router.local()
        FileService.put(child, str(made(tmp_path / 'small', MIB)), str(tmp_path / 'copy'))
        base = child.call(there.peak_memory), there.peak_memory()
        there.reset_peak()
        big = tmp_path / 'big'
        with open(big, 'wb') as file:
            for _ in range(20):
                file.write(os.urandom(16 * MIB))
        FileService.put(child, str(big), str(tmp_path / 'copy'))
        FileService.fetch(child, str(big), str(tmp_path / 'back'))
        # What may be under way, and what the allocator keeps of it for each thread that worked on it: 40 to 120 MiB.
        bound = 200 * 1024
        assert child.call(there.peak_memory) - base[0] < bound
        assert there.peak_memory() - base[1] < bound


def end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def router_is_idle(router: Router) -> bool:
    """No transfer to any context counts as under way."""
    paces = Transfers.of(router)._paces.values()
    return all(pace._flows == 0 and pace._under_way == 0 for pace in paces)


class TestALyingTarget:
    """It gets what it was sent, and nothing else happens."""

    META: dict[str, Any] = {'size': 5, 'mode': 0o4755, 'owner': 'root', 'group': 'root', 'mtime_ns': 1, 'atime_ns': 1}

    @pytest.mark.parametrize(
        'answer',
        [
            None,
            {},
            {'is_done': 1},
            {'is_done': False, 'into': 7, 'offset': 0},
            {'is_done': False, 'into': 'elsewhere', 'offset': 0},
            {'is_done': False, 'into': 'here', 'offset': -1},
            {'is_done': False, 'into': 'here', 'offset': 1 << 40},
            {'is_done': False, 'into': 'here', 'offset': 0, 'same_size': 7},
        ],
    )
    def test_answers_to_put(self, router: Router, tmp_path: Path, answer: Any) -> None:
        child, other = router.local(), router.local()
        senders = {'here': svcfw.Sender(child, 1), 'elsewhere': svcfw.Sender(other, 1)}
        if answer and answer.get('into') in senders:
            answer = {**answer, 'into': senders[answer['into']]}
        child.call(there.lie, {'begin_put': answer, 'begin_put_tree': {**(answer or {}), 'lacks_all': 1}})
        with pytest.raises(TransferError, match=r'localhost: /copy: malformed answer of a FileService'):
            FileService.put(child, str(made(tmp_path / 'file', 2 * MIB)), '/copy')
        with pytest.raises(TransferError, match=r'localhost: /copy: malformed answer of a FileService'):
            FileService.put_tree(child, str(tmp_path), '/copy')

    @pytest.mark.parametrize(
        ('stat', 'begun'),
        [
            (None, None),
            ({**META, 'token': 7, 'digest': None, 'content': None}, None),
            ({**META, 'token': b'', 'digest': None, 'content': None}, None),
            ({**META, 'token': b'', 'digest': None}, None),
            ({**META, 'token': b'', 'digest': None, 'content': None, 'size': 'large'}, None),
            ({**META, 'token': b'', 'digest': bytes(32), 'content': b'12345'}, None),
            ({**META, 'token': b'', 'digest': None, 'content': b'12345'}, None),
            ({**META, 'token': b'', 'digest': None, 'content': None}, {**META, 'offset': 3}),
            ({**META, 'token': b'', 'digest': None, 'content': None}, {**META, 'mode': None, 'offset': 0}),
        ],
    )
    def test_answers_to_fetch(self, router: Router, tmp_path: Path, stat: Any, begun: Any) -> None:
        child = router.local()
        child.call(there.lie, {'look': stat, 'begin_fetch': begun})
        with pytest.raises(TransferError, match='malformed answer of a FileService'):
            FileService.fetch(child, '/file', str(tmp_path / 'copy'))
        assert left(tmp_path) == []

    @pytest.mark.parametrize('is_larger_when_it_comes', [False, True])
    def test_a_file_that_is_larger_than_it_may_be(
        self, router: Router, tmp_path: Path, is_larger_when_it_comes: bool
    ) -> None:
        child = router.local()
        huge = {**self.META, 'size': 8 << 40}
        look = {**(self.META if is_larger_when_it_comes else huge), 'token': b'', 'digest': None, 'content': None}
        child.call(there.lie, {'look': look, 'begin_fetch': {**huge, 'offset': 0}})
        with pytest.raises(OSError, match='No space left on device'):
            FileService.fetch(child, '/file', str(tmp_path / 'copy'))
        with pytest.raises(TransferError, match=r'/file: it has 8796093022208 bytes, and there may be 5: raise max'):
            FileService.fetch(child, '/file', str(tmp_path / 'copy'), max_bytes=5)
        with pytest.raises(TransferError, match=r'and there may be 268435456:'):
            FileService.get(child, '/file', io.BytesIO())
        with pytest.raises(TransferError, match=r'and there may be 4:'):
            FileService.get(child, '/file', io.BytesIO(), max_bytes=4)
        assert left(tmp_path) == []

    def test_a_folder_that_is_larger_than_it_may_be(self, router: Router, tmp_path: Path) -> None:
        (tmp_path / 'folder').mkdir()
        for name in ('one', 'two'):
            made(tmp_path / 'folder' / name, 1000)
        child = router.local()
        with pytest.raises(TransferError, match='it has more than 1999 bytes'):
            FileService.get_tree(child, str(tmp_path / 'folder'), str(tmp_path / 'copy'), max_bytes=1999)
        FileService.get_tree(child, str(tmp_path / 'folder'), str(tmp_path / 'copy'), max_bytes=2000)

    def test_what_it_says_of_a_file_of_ours_is_not_believed(self, router: Router, tmp_path: Path) -> None:
        """Else it could have another host take some other content for that file's."""
        file = made(tmp_path / 'file', 30_000)
        os.utime(file, ns=(10**18 + 1, 10**18 + 1))  # no whole second: as where time stamps are exact
        wait_until(lambda: time.time() - file.stat().st_ctime > 0.2, seconds(5), 'it has been left alone for a while')
        service = FileService(router)
        with svcfw.service.Pool(router, [service]):
            child = router.local()
            service.register(str(file), child)
            child.call(there.fetch_and_lie, router.myself(), str(file), bytes(32))
            known = hashlib.sha256(file.read_bytes()).digest()
            with Reader(str(file)) as source:
                transfers = Transfers.of(router)
                wait_until(lambda: transfers.known_digest(source) is not None, seconds(10), 'it is known')
                assert transfers.known_digest(source) == known

    def test_set_id_bits_are_not_taken_over(self, router: Router, tmp_path: Path) -> None:
        file = made(tmp_path / 'file', 10)
        file.chmod(0o6755)
        FileService.fetch(router.local(), str(file), str(tmp_path / 'copy'), preserves=True)
        assert (tmp_path / 'copy').stat().st_mode & 0o7777 == 0o755
