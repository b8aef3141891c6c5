"""Files through a context between: each content crosses the long link once, and who fails harms nobody else."""

import concurrent.futures
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.core.context import Context
from svcfw.core.wire.errors import ChannelError
from svcfw.files.relay import through
from svcfw.files.service import FileService
from svcfw.program.router import Router
from svcfw.service.errors import TransferError
from tests.integration import remote_files as there
from tests.integration import remote_services
from tests.support.interpreters import need_python
from tests.support.need import need_long, need_root
from tests.support.timing import seconds, wait_until

MIB = 1024 * 1024
#: In these tests what is larger than this does not pass through memory.
LIMIT = MIB
SIZE = 12 * MIB


def made(path: Path, size: int = SIZE) -> Path:
    """A file of random bytes that has not been written to for a while."""
    with open(path, 'wb') as file:
        while file.tell() < size:
            file.write(os.urandom(min(16 * MIB, size - file.tell())))
    os.utime(path, (10**9, 10**9))
    return path


def written() -> int:
    """What this process has written to anywhere: of what it sends, what crosses the long link."""
    lines = Path('/proc/self/io').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('wchar'))


@pytest.fixture
def between(router: Router, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A context with a small memory for what passes through it."""
    between = router.local()
    between.call(there.limit_held_bytes, LIMIT)
    monkeypatch.setattr(through, 'MAX_HELD_BYTES', LIMIT)
    return between


def below(between: Context, count: int = 4) -> list[Context]:
    return [between.call(remote_services.start_child, None) for _ in range(count)]


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """What each has returned, or raised."""
    with concurrent.futures.ThreadPoolExecutor(len(functions)) as threads:
        return [future.exception() or future.result() for future in [threads.submit(each) for each in functions]]


def put_to_all(targets: list[Context], file: Path) -> list[Any]:
    """Put a file to `copy 0`, `copy 1`, … beside it, at the same time."""

    def put(i: int) -> Callable[[], Any]:
        return lambda: FileService.put(targets[i], str(file), str(file.parent / f'copy {i}'))

    return at_once(*[put(i) for i in range(len(targets))])


def same(file: Path, copy: Path) -> bool:
    return subprocess.run(['cmp', file, copy], check=False).returncode == 0


def end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class TestOnce:
    @pytest.mark.parametrize('size', [LIMIT // 2, SIZE])
    def test_a_content_crosses_the_long_link_once(self, between: Context, tmp_path: Path, size: int) -> None:
        targets, file = below(between), made(tmp_path / 'file', size)
        before = written()
        assert put_to_all(targets, file) == [None] * 4
        assert written() - before < size * 1.1 + 60_000
        assert all(same(file, tmp_path / f'copy {i}') for i in range(4))

    def test_for_those_whose_turn_comes_later(self, between: Context, tmp_path: Path) -> None:
        targets, file = below(between), made(tmp_path / 'file')
        before = written()
        for i, target in enumerate(targets):
            FileService.put(target, str(file), str(tmp_path / f'copy {i}'))
        assert written() - before < SIZE * 1.1 + 60_000
        assert all(same(file, tmp_path / f'copy {i}') for i in range(4))

    def test_through_the_oldest_python(self, router: Router, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        between = router.local(python=need_python('3.6'))
        between.call(there.limit_held_bytes, LIMIT)
        monkeypatch.setattr(through, 'MAX_HELD_BYTES', LIMIT)
        self.test_a_content_crosses_the_long_link_once(between, tmp_path, SIZE)

    def test_progress_of_each(self, between: Context, tmp_path: Path) -> None:
        targets, file = below(between), made(tmp_path / 'file')
        seen: list[list[tuple[int, int]]] = [[] for _ in targets]

        def put(i: int) -> Callable[[], Any]:
            to = str(tmp_path / f'copy {i}')
            return lambda: FileService.put(targets[i], str(file), to, on_progress=lambda *args: seen[i].append(args))

        assert at_once(*[put(i) for i in range(4)]) == [None] * 4
        for each in seen:
            assert each == sorted(each)
            assert each[-1] == (SIZE, SIZE)
            assert any(0 < done < SIZE for done, _ in each)  # how often depends on how quick it is

    def test_packed_on_both_links(self, between: Context, tmp_path: Path) -> None:
        (target,), file = below(between, 1), tmp_path / 'file'
        file.write_bytes(b'the same line again and again\n' * 200_000)
        FileService.put(target, str(file), str(tmp_path / 'copy'), packs=True)
        assert same(file, tmp_path / 'copy')

    def test_for_those_behind_one_more(self, between: Context, tmp_path: Path) -> None:
        (nearer,) = below(between, 1)
        nearer.call(there.limit_held_bytes, LIMIT)
        targets, file = below(nearer), made(tmp_path / 'file')
        before, before_there = written(), between.call(there.bytes_written)
        assert put_to_all(targets, file) == [None] * 4
        assert written() - before < SIZE * 1.1 + 60_000
        # Once to its own disk, once over the next link.
        assert between.call(there.bytes_written) - before_there < 2 * SIZE * 1.1 + 60_000
        assert all(same(file, tmp_path / f'copy {i}') for i in range(4))

    def test_what_the_one_between_has_itself_does_not_cross_again(self, between: Context, tmp_path: Path) -> None:
        targets, file = below(between, 2), made(tmp_path / 'file')
        FileService.put(between, str(file), str(tmp_path / 'its own'))
        before = written()
        assert put_to_all(targets, file) == [None] * 2
        assert written() - before < 60_000
        assert same(file, tmp_path / 'copy 1')

    def test_what_a_target_has_does_not_travel(self, between: Context, tmp_path: Path) -> None:
        (target,), file = below(between, 1), made(tmp_path / 'file')
        FileService.put(target, str(file), str(tmp_path / 'copy 0'))
        between.call(there.forget_held)
        before, before_there = written(), between.call(there.bytes_written)
        FileService.put(target, str(file), str(tmp_path / 'copy 1'))
        assert written() - before < 20_000
        assert between.call(there.bytes_written) - before_there < 20_000
        assert same(file, tmp_path / 'copy 1')

    def test_of_a_changed_file_only_what_is_new(self, between: Context, tmp_path: Path) -> None:
        (target,), file = below(between, 1), made(tmp_path / 'file')
        FileService.put(target, str(file), str(tmp_path / 'copy'))
        with open(file, 'r+b') as changed:
            changed.seek(SIZE // 2)
            changed.write(b'changed')
        before = written()
        FileService.put(target, str(file), str(tmp_path / 'copy'))
        assert written() - before < MIB
        assert same(file, tmp_path / 'copy')

    def test_what_is_quite_another_file_by_now_crosses_twice_at_most(self, between: Context, tmp_path: Path) -> None:
        targets = below(between)
        assert put_to_all(targets, made(tmp_path / 'old')) == [None] * 4
        file, before = made(tmp_path / 'file'), written()
        assert put_to_all(targets, file) == [None] * 4
        assert written() - before < 2 * SIZE * 1.1 + 60_000
        assert all(same(file, tmp_path / f'copy {i}') for i in range(4))

    @pytest.mark.slow
    def test_at_real_size_with_bounded_memory(self, router: Router, tmp_path: Path) -> None:
        need_long('256 MiB to four contexts below one')
        between = router.local()
        targets, file = below(between), made(tmp_path / 'file', 256 * MIB)
        for i, target in enumerate(targets):
            FileService.put(target, str(made(tmp_path / f'small {i}', MIB)), str(tmp_path / f'other {i}'))
        base = between.call(there.peak_memory)
        between.call(there.reset_peak)
        before = written()
        assert put_to_all(targets, file) == [None] * 4
        assert written() - before < 260 * MIB
        assert all(same(file, tmp_path / f'copy {i}') for i in range(4))
        # To each target there may be 16 MiB under way; with all in memory it would be more.
        assert between.call(there.peak_memory) - base < 200 * 1024


class TestWhenItFails:
    """Others get theirs, the long link carries no more than it must, nothing is left where it passed."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return made(tmp_path / 'file')

    def put_all_under_way(self, between: Context, targets: list[Context], file: Path, event: Callable[[], Any]) -> Any:
        """Put it to all at once; in mid-transfer, when the first sends it and the others wait for it, `event()`."""
        with concurrent.futures.ThreadPoolExecutor(len(targets)) as threads:
            futures: list[concurrent.futures.Future[None]] = []
            has_begun: list[bool] = []

            def put(i: int, on_progress: Any = None) -> None:
                FileService.put(targets[i], str(file), str(file.parent / f'copy {i}'), on_progress=on_progress)

            def begin_others(done: int, total: int) -> None:
                if done > SIZE // 4 and not has_begun:
                    has_begun.append(True)
                    futures.extend(threads.submit(put, i) for i in range(1, len(targets)))
                    everybody = (1, len(targets))
                    wait_until(lambda: between.call(there.passing)[:2] == everybody, seconds(10), 'all wait for it')
                    event()

            futures.append(threads.submit(put, 0, begin_others))
            futures[0].exception()
            return [future.exception() for future in futures]

    def check_nothing_is_left(self, between: Context) -> None:
        wait_until(lambda: between.call(there.passing)[1] == 0, seconds(10), 'nobody reads any more')
        between.call(there.forget_held)
        assert not [name for name in between.call(there.descriptors) if 'svcfw-' in name]

    def test_a_slow_receiver_holds_up_nobody(self, between: Context, file: Path, tmp_path: Path) -> None:
        targets = below(between)
        slow = targets[1].call(there.process_id)
        before = written()
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            os.kill(slow, signal.SIGSTOP)
            try:
                late = thread.submit(FileService.put, targets[1], str(file), str(tmp_path / 'copy 1'))
                assert put_to_all([targets[0], *targets[2:]], file) == [None] * 3
                assert not late.done()
            finally:
                os.kill(slow, signal.SIGCONT)
            late.result()
        assert written() - before < SIZE * 1.1 + 60_000
        assert all(same(file, tmp_path / f'copy {i}') for i in range(3))

    @pytest.mark.parametrize('victim', [0, 2])
    def test_a_receiver_that_is_killed(self, between: Context, file: Path, tmp_path: Path, victim: int) -> None:
        targets = below(between)
        pid = targets[victim].call(there.process_id)
        before = written()
        outcome = self.put_all_under_way(between, targets, file, lambda: end(pid))
        assert isinstance(outcome.pop(victim), ChannelError)
        assert outcome == [None] * 3
        assert written() - before < SIZE * 1.1 + 100_000
        assert all(same(file, tmp_path / f'copy {i}') for i in range(4) if i != victim)
        self.check_nothing_is_left(between)

    def test_a_receiver_that_was_the_only_one_is_killed(self, between: Context, file: Path, tmp_path: Path) -> None:
        (target,) = below(between, 1)
        made(file, 8 * SIZE)
        pid = target.call(there.process_id)
        before = written()
        (outcome,) = self.put_all_under_way(between, [target], file, lambda: end(pid))
        assert isinstance(outcome, ChannelError)
        assert written() - before < 8 * SIZE / 2
        self.check_nothing_is_left(between)
        assert between.call(there.passing) == (0, 0, 0)

    def test_who_sends_it_gives_up(self, between: Context, file: Path, tmp_path: Path) -> None:
        class EnoughError(Exception):
            pass

        def give_up() -> None:
            raise EnoughError

        outcome = self.put_all_under_way(between, below(between), file, give_up)
        assert isinstance(outcome[0], EnoughError)
        assert outcome[1:] == [None] * 3
        assert all(same(file, tmp_path / f'copy {i}') for i in range(1, 4))
        self.check_nothing_is_left(between)

    def test_a_source_that_changes(self, between: Context, file: Path, tmp_path: Path) -> None:
        def change() -> None:
            with open(file, 'r+b') as changed:
                changed.seek(-1000, os.SEEK_END)
                changed.write(b'changed')

        for outcome in self.put_all_under_way(between, below(between), file, change):
            assert isinstance(outcome, TransferError)
            assert 'was modified during the transfer' in str(outcome)
        wait_until(lambda: os.listdir(tmp_path) == ['file'], seconds(10), 'what had come is gone')
        self.check_nothing_is_left(between)

    def test_a_target_that_cannot_take_it(self, between: Context, file: Path) -> None:
        (target,) = below(between, 1)
        before = written()
        with pytest.raises(TransferError, match='no/such/folder: No such file or directory'):
            FileService.put(target, str(file), '/no/such/folder')
        assert written() - before < MIB

    @pytest.fixture
    def small_disk(self, tmp_path: Path) -> Iterator[Path]:
        need_root()
        folder = tmp_path / 'disk'
        folder.mkdir()
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'none', folder], check=True)
        yield folder
        subprocess.run(['umount', '-l', folder], check=True)

    @pytest.mark.parametrize(
        ('free_part', 'reason'),
        [(2, 'it has no room for it'), (0, 'No space left on device')],
        ids=['in advance', 'in mid-transfer'],
    )
    def test_a_full_disk(
        self, between: Context, file: Path, tmp_path: Path, small_disk: Path, free_part: int, reason: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        between.call(there.keep_spools_in, str(small_disk), free_part)
        targets = below(between, 2)
        assert put_to_all(targets, file) == [None] * 2
        assert all(same(file, tmp_path / f'copy {i}') for i in range(2))
        assert 'which gets it straight' in caplog.text
        assert reason in caplog.text
        assert os.listdir(small_disk) == []


class TestWhoMay:
    def test_a_context_below_has_no_use_of_it(self, between: Context, tmp_path: Path) -> None:
        first, target = below(between, 2)
        file = made(tmp_path / 'file')
        FileService.put(first, str(file), str(tmp_path / 'copy'))
        assert 'not granted' in target.call(there.outcome, between, str(tmp_path / 'copy'))
        for method, arguments in (
            ('begin_hold', {'digest': bytes(32), 'size': 1}),
            (
                'relay',
                {'target': target, 'path': '/x', 'digest': bytes(32), 'wanted': {}, 'packs': False, 'progress': None},
            ),
        ):
            outcome = target.call(remote_services.outcome, between, FileService.name(), method, **arguments)
            assert 'AllowParents' in outcome[1]

    @pytest.mark.parametrize(
        ('held', 'relayed'),
        [({'is_done': True}, False), ({'is_done': True}, 7), ({'is_done': 1}, True), ('nonsense', True), (None, True)],
    )
    def test_one_between_that_lies(
        self, between: Context, tmp_path: Path, held: Any, relayed: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is waited for no longer than it takes to find out."""
        (target,), file = below(between, 1), made(tmp_path / 'file')
        liar = between
        liar.call(there.lie, {'begin_hold': held, 'relay': relayed})
        if held is None or relayed is False:
            FileService.put(target, str(file), str(tmp_path / 'copy'))
            assert same(file, tmp_path / 'copy')
        else:
            with pytest.raises(TransferError, match='malformed answer of a FileService'):
                FileService.put(target, str(file), str(tmp_path / 'copy'))
