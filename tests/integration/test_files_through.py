"""Files through a context between: each content crosses the long link once, and who fails harms nobody else."""

import concurrent.futures
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.core.context import Context
from svcfw.core.wire.errors import ChannelError
from svcfw.service import through
from svcfw.service.errors import TransferError
from svcfw.service.files import FileService
from svcfw.transport.router import Router
from tests.integration import remote_files as there
from tests.integration import remote_services
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
