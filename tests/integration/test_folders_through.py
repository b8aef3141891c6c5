"""Folders, and small files, through a context between: each content crosses the long link once."""

import concurrent.futures
import contextlib
import os
import random
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.core.context import Context
from svcfw.core.wire.errors import ChannelError
from svcfw.files.relay import through
from svcfw.files.service import FileService
from svcfw.files.transfers import INLINE_BYTES
from svcfw.program.router import Router
from svcfw.service.errors import TransferError
from tests.integration import remote_files as there
from tests.integration.test_files_through import at_once, below, end, same, written
from tests.support.interpreters import need_python
from tests.support.need import need_long
from tests.support.sshd import Sshd
from tests.support.timing import seconds, wait_until

MIB = 1024 * 1024
#: In these tests what comes to more than this does not pass through memory.
LIMIT = MIB
#: What crosses beside the contents: manifest, requests, acknowledgements.
BESIDE = 500_000


def made_folder(path: Path, small: int = 1500, large: int = 3, size: int = 2 * MIB) -> int:
    """A folder of many small files and some large ones; how many bytes it has, contents that come twice once."""
    numbers = random.Random(7)
    path.mkdir()
    total = 0
    for i in range(small):
        folder = path / f'sub {i % 20}'
        folder.mkdir(exist_ok=True)
        content = numbers.randbytes(numbers.randrange(3000))
        (folder / f'small {i}').write_bytes(content)
        if i % 10 == 0:
            (folder / f'copy of {i}').write_bytes(content)
        total += len(content)
    for i in range(large):
        (path / f'large {i}').write_bytes(numbers.randbytes(size))
        total += size
    (path / 'empty').touch()
    (path / 'zeros').write_bytes(bytes(MIB))
    (path / 'link').symlink_to('empty')
    for each in path.rglob('*'):
        os.utime(each, (10**9, 10**9), follow_symlinks=False)
    return total


def alike(one: Path, other: Path) -> bool:
    return subprocess.run(['diff', '-r', '--no-dereference', one, other], check=False).returncode == 0


def put_all(targets: list[Context], folder: Path) -> list[Any]:
    def put(i: int) -> Callable[[], Any]:
        return lambda: FileService.put_tree(targets[i], str(folder), str(folder.parent / f'copy {i}'))

    return at_once(*[put(i) for i in range(len(targets))])


@contextlib.contextmanager
def late_receivers(targets: list[Context], folder: Path, file: Path) -> Iterator[None]:
    """Put both to `targets`, which are stopped until the end; then all has to arrive, as `late N` and `late file N`."""
    pids = [target.call(there.process_id) for target in targets]
    with concurrent.futures.ThreadPoolExecutor(2 * len(targets)) as threads:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            late = [
                threads.submit(put, target, str(source), str(folder.parent / f'{name} {i}'))
                for put, source, name in ((FileService.put_tree, folder, 'late'), (FileService.put, file, 'late file'))
                for i, target in enumerate(targets)
            ]
            yield
            assert not any(each.done() for each in late)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        for each in late:
            each.result()


@pytest.fixture(params=['local', '3.6', '3.13', 'ssh'])
def between(request: pytest.FixtureRequest, router: Router, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A context with a small memory for what passes through it."""
    if request.param == 'ssh':
        server: Sshd = request.getfixturevalue('sshd')
        between = router.ssh(server.host, server.user, server.port, ssh_common_args=server.ssh_options())
    else:
        between = router.local(python=None if request.param == 'local' else need_python(request.param))
    between.call(there.limit_held_bytes, LIMIT)
    monkeypatch.setattr(through, 'MAX_HELD_BYTES', LIMIT)
    return between


@pytest.fixture
def local(router: Router, monkeypatch: pytest.MonkeyPatch) -> Context:
    between = router.local()
    between.call(there.limit_held_bytes, LIMIT)
    return between


class TestOnce:
    def test_at_the_same_time(self, between: Context, tmp_path: Path) -> None:
        folder = tmp_path / 'folder'
        total, targets = made_folder(folder), below(between)
        before = written()
        for outcome in put_all(targets, folder):
            assert outcome['files'] == 1500 + 150 + 3 + 2, outcome
        assert written() - before < total + BESIDE
        assert all(alike(folder, tmp_path / f'copy {i}') for i in range(4))

    def test_one_after_the_other(self, between: Context, tmp_path: Path) -> None:
        folder = tmp_path / 'folder'
        total, targets = made_folder(folder), below(between)
        before = written()
        for i, target in enumerate(targets):
            FileService.put_tree(target, str(folder), str(tmp_path / f'copy {i}'))
        assert written() - before < total + BESIDE
        assert all(alike(folder, tmp_path / f'copy {i}') for i in range(4))

    def test_in_memory(self, between: Context, tmp_path: Path) -> None:
        folder = tmp_path / 'folder'
        total, targets = made_folder(folder, 200, 0), below(between)
        before = written()
        assert [outcome['files'] for outcome in put_all(targets, folder)] == [222] * 4
        for i, target in enumerate(below(between)):
            FileService.put_tree(target, str(folder), str(tmp_path / f'late {i}'))
        assert written() - before < total + 100_000
        assert alike(folder, tmp_path / 'copy 3')
        assert alike(folder, tmp_path / 'late 3')

    def test_small_files(self, between: Context, tmp_path: Path) -> None:
        targets = below(between)
        files = [tmp_path / f'file {i}' for i in range(8)]
        for i, file in enumerate(files):
            file.write_bytes(os.urandom(60_000 - i))
        FileService.put(targets[0], str(files[0]), str(tmp_path / 'warm'))
        before = written()
        puts = [
            lambda target=target, file=file, to=f'{file} {i}': FileService.put(target, str(file), to)
            for file in files
            for i, target in enumerate(targets)
        ]
        assert at_once(*puts) == [None] * 32
        assert written() - before < 7 * 60_000 + 60_000
        assert all(same(file, Path(f'{file} {i}')) for file in files for i in range(4))

    def test_behind_one_more(self, between: Context, tmp_path: Path) -> None:
        (nearer,) = below(between, 1)
        nearer.call(there.limit_held_bytes, LIMIT)
        folder, small = tmp_path / 'folder', tmp_path / 'small'
        small.write_bytes(os.urandom(50_000))
        total, targets = made_folder(folder), below(nearer)
        before, before_there = written(), between.call(there.bytes_written)
        assert [outcome['files'] for outcome in put_all(targets, folder)] == [1655] * 4
        for i, target in enumerate(targets):
            FileService.put(target, str(small), str(tmp_path / f'small {i}'))
        assert written() - before < total + 50_000 + BESIDE
        # Once to its own disk, once over the next link.
        assert between.call(there.bytes_written) - before_there < 2 * (total + 50_000 + BESIDE) + MIB
        assert all(alike(folder, tmp_path / f'copy {i}') for i in range(4))
        assert same(small, tmp_path / 'small 3')


class TestWhatIsThere:
    def test_only_what_somebody_lacks_travels(self, local: Context, tmp_path: Path) -> None:
        folder = tmp_path / 'folder'
        made_folder(folder)
        targets = below(local)
        put_all(targets[:2], folder)
        local.call(there.forget_held)
        (folder / 'large 1').write_bytes(os.urandom(MIB))
        before = written()
        assert [outcome['written'] for outcome in put_all(targets[:2], folder)] == [1, 1]
        assert written() - before < MIB + BESIDE
        assert all(alike(folder, tmp_path / f'copy {i}') for i in range(2))

    def test_of_targets_that_lack_different_things_each_travels_once(self, local: Context, tmp_path: Path) -> None:
        folder = tmp_path / 'folder'
        total, targets = made_folder(folder, large=4), below(local)
        for i in range(4):
            subprocess.run(['cp', '-a', folder, tmp_path / f'copy {i}'], check=True)
            for k in range(4):
                if k != i:
                    (tmp_path / f'copy {i}' / f'large {k}').unlink()
        before = written()
        assert [outcome['written'] for outcome in put_all(targets, folder)] == [3] * 4
        assert written() - before < 4 * 2 * MIB + BESIDE < total
        assert all(alike(folder, tmp_path / f'copy {i}') for i in range(4))

    def test_what_the_one_between_has_itself(self, router: Router, tmp_path: Path) -> None:
        between = router.local()
        folder = tmp_path / 'folder'
        made_folder(folder)
        FileService.put_tree(between, str(folder), str(tmp_path / 'its own'))
        before = written()
        put_all(below(between, 2), folder)
        assert written() - before < BESIDE
        assert alike(folder, tmp_path / 'copy 1')

    def test_modes_and_progress(self, local: Context, tmp_path: Path) -> None:
        folder = tmp_path / 'folder'
        made_folder(folder, 100, 2)
        (folder / 'large 1').chmod(0o4750)
        seen: list[tuple[int, int]] = []
        (target,) = below(local, 1)
        FileService.put_tree(target, str(folder), str(tmp_path / 'copy'), on_progress=lambda *args: seen.append(args))
        assert (tmp_path / 'copy' / 'large 1').stat().st_mode & 0o7777 == 0o4750
        assert (tmp_path / 'copy' / 'large 0').stat().st_mtime == 10**9
        assert seen == sorted(seen)
        assert len(seen) > 3

    def test_links_that_are_followed(self, local: Context, tmp_path: Path) -> None:
        folder = tmp_path / 'folder'
        made_folder(folder, 10, 1)
        (tmp_path / 'outside').write_text('outside')
        (folder / 'leads out').symlink_to('../outside')
        (target,) = below(local, 1)
        FileService.put_tree(target, str(folder), str(tmp_path / 'copy'), follow=True)
        assert (tmp_path / 'copy' / 'leads out').read_text() == 'outside'
        assert not (tmp_path / 'copy' / 'leads out').is_symlink()


class TestWhenItFails:
    def nothing_is_left(self, between: Context, tmp_path: Path) -> None:
        wait_until(lambda: between.call(there.passing)[1:] == (0, 0), seconds(10), 'nobody reads or fills it any more')
        between.call(there.forget_held)
        assert not [name for name in between.call(there.descriptors) if 'svcfw-' in name]
        wait_until(lambda: not list(tmp_path.glob('.svcfw-*')), seconds(10), 'the targets have cleaned up')

    def test_slow_receivers_hold_up_nobody(self, local: Context, tmp_path: Path) -> None:
        """However many: each waits without a thread."""
        folder = tmp_path / 'folder'
        total, targets = made_folder(folder), below(local, 22)
        small = tmp_path / 'small'
        small.write_bytes(b'small')
        before = written()
        with late_receivers(targets[2:], folder, small):
            assert [outcome['files'] for outcome in put_all(targets[:2], folder)] == [1655] * 2
        assert written() - before < total + 22 * 100_000
        assert alike(folder, tmp_path / 'copy 1')
        assert alike(folder, tmp_path / 'late 19')
        self.nothing_is_left(local, tmp_path)

    def test_nor_do_those_behind_one_more(self, local: Context, tmp_path: Path) -> None:
        (nearer,) = below(local, 1)
        folder, targets = tmp_path / 'folder', below(nearer, 20)
        made_folder(folder, 50, 1)
        large = tmp_path / 'large'
        large.write_bytes(os.urandom(INLINE_BYTES + 1))
        with late_receivers(targets[2:], folder, large):
            wait_until(lambda: local.call(there.passing)[1] >= 18, seconds(20), 'all of them are served')
            assert [outcome['files'] for outcome in put_all(targets[:2], folder)] == [58] * 2
        assert alike(folder, tmp_path / 'late 17')
        assert same(large, tmp_path / 'late file 17')

    @pytest.mark.parametrize('victim', [0, 2])
    def test_a_receiver_that_is_killed(self, local: Context, tmp_path: Path, victim: int) -> None:
        folder = tmp_path / 'folder'
        total, targets = made_folder(folder, 200, 4, 4 * MIB), below(local)
        pid = targets[victim].call(there.process_id)
        before = written()

        has_begun = threading.Event()  # the victim, by whom the others get what passes

        def put(i: int) -> Any:
            def kill(done: int, total: int) -> None:
                has_begun.set()
                if done and not has_ended:
                    has_ended.append(True)
                    os.kill(pid, signal.SIGSTOP)  # what has been sent to it by now must not reach its end
                    wait_until(lambda: local.call(there.passing)[1] >= 3, seconds(20), 'the others wait for it')
                    end(pid)

            assert i == victim or has_begun.wait(seconds(20))
            to = str(tmp_path / f'copy {i}')
            return FileService.put_tree(targets[i], str(folder), to, on_progress=kill if i == victim else None)

        has_ended: list[bool] = []

        outcome = at_once(*[lambda i=i: put(i) for i in range(4)])
        assert isinstance(outcome.pop(victim), ChannelError)
        assert [each['files'] for each in outcome] == [226] * 3
        # What the victim's sender had under way is sent from its beginning by the next: a file or two.
        assert written() - before < total + 2 * 4 * MIB + BESIDE
        assert all(alike(folder, tmp_path / f'copy {i}') for i in range(4) if i != victim)
        wait_until(lambda: local.call(there.passing)[1:] == (0, 0), seconds(10), 'nobody reads any more')

    def test_who_sends_it_gives_up(self, local: Context, tmp_path: Path) -> None:
        class EnoughError(Exception):
            pass

        folder = tmp_path / 'folder'
        total, targets = made_folder(folder, 200, 4, 4 * MIB), below(local)
        before = written()

        def put(i: int) -> Any:
            def give_up(done: int, total: int) -> None:
                if done > total // 3:
                    raise EnoughError

            to = str(tmp_path / f'copy {i}')
            return FileService.put_tree(targets[i], str(folder), to, on_progress=give_up if i == 0 else None)

        outcome = at_once(*[lambda i=i: put(i) for i in range(4)])
        assert isinstance(outcome[0], EnoughError)
        assert all(alike(folder, tmp_path / f'copy {i}') for i in range(1, 4))
        assert written() - before < 2 * total + BESIDE
        self.nothing_is_left(local, tmp_path)

    def test_a_source_that_changes(self, local: Context, tmp_path: Path) -> None:
        folder = tmp_path / 'folder'
        made_folder(folder, 10, 4, 4 * MIB)
        (target,) = below(local, 1)

        def change(done: int, total: int) -> None:
            with open(folder / 'large 3', 'r+b') as changed:
                changed.write(os.urandom(10))

        with pytest.raises(TransferError, match='large 3 was modified during the transfer'):
            FileService.put_tree(target, str(folder), str(tmp_path / 'copy'), on_progress=change)
        wait_until(lambda: not (tmp_path / 'copy').exists(), seconds(10), 'nothing is there')
        self.nothing_is_left(local, tmp_path)

    def test_a_target_that_cannot_take_it(self, local: Context, tmp_path: Path) -> None:
        folder = tmp_path / 'folder'
        made_folder(folder)
        (target,) = below(local, 1)
        before = written()
        with pytest.raises(TransferError, match='no/such/folder cannot be written: No such file or directory'):
            FileService.put_tree(target, str(folder), '/no/such/folder')
        assert written() - before < BESIDE
        self.nothing_is_left(local, tmp_path)

    def test_no_room(self, local: Context, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        folder = tmp_path / 'folder'
        made_folder(folder, 100)
        local.call(there.keep_spools_in, '/no/such/folder', 2)
        assert all(put_all(below(local, 2), folder))
        assert 'which gets it straight: it cannot keep it' in caplog.text
        assert all(alike(folder, tmp_path / f'copy {i}') for i in range(2))

    def test_the_one_between_is_killed(self, local: Context, tmp_path: Path) -> None:
        folder = tmp_path / 'folder'
        made_folder(folder, 10, 4, 4 * MIB)
        targets = below(local, 2)
        pid = local.call(there.process_id)

        def put(i: int) -> Any:
            def kill(done: int, total: int) -> None:
                end(pid)

            return FileService.put_tree(targets[i], str(folder), str(tmp_path / f'copy {i}'), on_progress=kill)

        assert all(isinstance(each, ChannelError) for each in at_once(*[lambda i=i: put(i) for i in range(2)]))
        wait_until(lambda: not list(tmp_path.glob('.svcfw-*')), seconds(10), 'the targets have cleaned up')

    @pytest.mark.parametrize('answer', ['nonsense', 7, {'files': 1}, None, False])
    def test_one_between_that_lies(self, local: Context, tmp_path: Path, answer: Any) -> None:
        folder = tmp_path / 'folder'
        made_folder(folder, 10, 0)
        (target,) = below(local, 1)
        local.call(there.lie, {'begin_hold': {'is_done': True}, 'relay_tree': answer})
        if answer in (None, False):
            FileService.put_tree(target, str(folder), str(tmp_path / 'copy'))
            assert alike(folder, tmp_path / 'copy')
        else:
            with pytest.raises(TransferError, match='malformed answer of a FileService'):
                FileService.put_tree(target, str(folder), str(tmp_path / 'copy'))

    def test_a_context_below_has_no_use_of_it(self, local: Context, tmp_path: Path) -> None:
        first, target = below(local, 2)
        (tmp_path / 'file').touch()
        FileService.put(first, str(tmp_path / 'file'), str(tmp_path / 'copy'))
        arguments = {'target': first, 'path': '/x', 'digest': bytes(32), 'options': {}}
        outcome = target.call(there.ask_to_relay_tree, local, arguments)
        assert 'AllowParents' in outcome


@pytest.mark.slow
def test_memory_between_is_bounded(router: Router, tmp_path: Path) -> None:
    need_long('20,000 files and 512 MiB to four contexts below one')
    between = router.local()
    folder = tmp_path / 'folder'
    total = made_folder(folder, 20_000, 4, 128 * MIB)
    targets = below(between)
    base = between.call(there.peak_memory)
    between.call(there.reset_peak)
    before = written()
    for outcome in put_all(targets, folder):
        assert outcome['files'] == 22_006
    assert written() - before < total * 1.01 + 20_000 * 200
    assert between.call(there.peak_memory) - base < 300 * 1024
    print(f'memory between: +{(between.call(there.peak_memory) - base) // 1024} MiB')
