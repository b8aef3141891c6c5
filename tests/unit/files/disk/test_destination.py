"""A folder arrives as it was; what was there stays whole; nothing outside is touched."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.files.disk import tree
from svcfw.files.disk.destination import Destination
from svcfw.files.disk.removal import remove_tree
from svcfw.files.disk.tree import scan
from svcfw.files.manifest import OTHER, Entry
from svcfw.service.errors import TransferError
from tests.unit.files.trees import copy, deep, directory, file, link, picture, travel

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / 'source'
    (source / 'dir' / 'inner').mkdir(parents=True)
    (source / 'empty').mkdir()
    (source / 'file').write_bytes(b'content')
    (source / 'dir' / 'large').write_bytes(bytes(range(256)) * 2000)
    (source / 'dir' / 'inner' / 'script').write_bytes(b'#!/bin/sh\n')
    (source / 'dir' / 'inner' / 'script').chmod(0o750)
    (source / 'link').symlink_to('dir/large')
    (source / 'dangling').symlink_to('/nowhere')
    for raw in (b'new\nline', b'\xff', b'x' * 255):
        with open(os.path.join(os.fsencode(source), raw), 'wb') as out:
            out.write(raw)
    (source / 'empty').chmod(0o555)
    for name in ('dir/inner', 'dir', 'empty', '.'):
        os.utime(source / name, ns=(1_000_000_007, 2_000_000_009))
    return source


@pytest.fixture(params=['new', 'existing'])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    target = tmp_path / 'target'
    if request.param == 'existing':
        target.mkdir()
    return target


@pytest.fixture
def existing(tmp_path: Path) -> Path:
    existing = tmp_path / 'existing'
    existing.mkdir()
    return existing


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    before = sorted(os.listdir('/proc/self/fd'))
    yield
    assert sorted(os.listdir('/proc/self/fd')) == before


def beside(path: Path) -> list[str]:
    """What was left of unfinished work."""
    return [name for folder, folders, files in os.walk(path) for name in folders + files if name.startswith('.svcfw')]


def test_a_folder_arrives_as_it_was(source: Path, target: Path) -> None:
    assert len(copy(source, target)) == 6
    assert picture(target) == picture(source)
    assert beside(target.parent) == []


def test_only_what_is_other_is_wanted_again(source: Path, target: Path) -> None:
    copy(source, target)
    (target / 'file').write_bytes(b'CONTENT')
    (target / 'dir' / 'large').write_bytes(b'short')
    (target / 'dir' / 'inner' / 'script').chmod(0o600)
    (target / 'link').unlink()
    (target / 'link').write_bytes(b'')
    (target / 'more').write_bytes(b'stays')
    assert copy(source, target) == ['file', 'dir/large']
    assert (target / 'more').read_bytes() == b'stays'
    (target / 'more').unlink()
    os.utime(target, ns=(1_000_000_007, 2_000_000_009))
    assert picture(target) == picture(source)


def test_a_new_folder_appears_at_the_end(source: Path, tmp_path: Path) -> None:
    target = tmp_path / 'target'
    with Destination(target) as destination:
        assert destination.is_new
        destination.write(file('a', b'x'), [b'x'])
        assert not target.exists()
        (hidden,) = [path for path in tmp_path.iterdir() if path.name.startswith('.svcfw')]
        assert stat.S_IMODE(hidden.stat().st_mode) == 0o700
        destination.finish()
        assert not destination.is_new
    assert (target / 'a').read_bytes() == b'x'
    usual = tmp_path / 'usual'
    usual.mkdir()
    assert target.stat().st_mode == usual.stat().st_mode


def test_nothing_is_left_of_a_new_folder_that_cannot_be_made_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, mode: int) -> None:
        raise PermissionError(1, 'not the owner')

    before = sorted(os.listdir('/proc/self/fd'))
    with monkeypatch.context() as patch:
        patch.setattr(os, 'fchmod', refuse)
        with pytest.raises(TransferError, match='not the owner'):
            Destination(tmp_path / 'target')
    assert os.listdir(tmp_path) == []
    assert sorted(os.listdir('/proc/self/fd')) == before


@pytest.mark.parametrize('mode', [0o700, 0o755, 0o500])
def test_a_new_folder_has_the_mode_it_should(tmp_path: Path, mode: int) -> None:
    with Destination(tmp_path / 'target') as destination:
        destination.make_directories([directory('', mode=mode)])
        destination.finish()
    assert stat.S_IMODE((tmp_path / 'target').stat().st_mode) == mode


def test_what_is_unspecified_is_as_usual(target: Path, tmp_path: Path) -> None:
    with Destination(target) as destination:
        destination.make_directories([directory('d', mode=None, mtime_ns=None)])
        destination.write(file('f', b'', mode=None, mtime_ns=None), [])
        destination.finish()
    (tmp_path / 'd').mkdir()
    (tmp_path / 'f').write_bytes(b'')
    for name in ('d', 'f'):
        assert (target / name).stat().st_mode == (tmp_path / name).stat().st_mode
        assert (target / name).stat().st_mtime > 1_000_000


def test_a_file_can_be_written_by_descriptor(target: Path) -> None:
    with Destination(target) as destination:
        incoming = destination.open(file('a', b'hello'))
        os.pwrite(incoming.fd, b'hello', 0)
        incoming.finish(is_verified=True)
        incoming.abandon()
        incoming = destination.open(file('b', b'hello'))
        with pytest.raises(TransferError, match='/b cannot be written'):
            incoming.finish(is_verified=True)
        assert destination.done == ['a']
        destination.finish()
    assert os.listdir(target) == ['a']


@pytest.mark.parametrize(
    'pieces', [[], [b'hell'], [b'hello!'], [b'hel', b'lo', b'!'], [b'hullo']], ids=lambda pieces: b'|'.join(pieces)
)
def test_another_content_leaves_the_old_file(existing: Path, pieces: list[bytes]) -> None:
    (existing / 'a').write_bytes(b'old')
    with Destination(existing) as destination:
        with pytest.raises(TransferError, match=r'/a cannot be written: (checksum mismatch|larger than)'):
            destination.write(file('a', b'hello'), pieces)
        assert destination.done == []
        destination.finish()
    assert (existing / 'a').read_bytes() == b'old'
    assert os.listdir(existing) == ['a']


def test_a_source_that_fails_leaves_nothing(target: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'he'
        raise KeyError('lost')

    existed = target.exists()
    with pytest.raises(KeyError), Destination(target) as destination:
        destination.write(file('a', b'hello'), pieces())
    assert target.exists() == existed
    assert beside(target.parent) == []


def test_giving_up_says_what_is_done(existing: Path) -> None:
    destination = Destination(existing)
    destination.write(file('a', b'x'), [b'x'])
    destination.open(file('b', b'y')).write(b'y')
    destination.abandon()
    destination.abandon()
    assert destination.done == ['a']
    assert os.listdir(existing) == ['a']


def test_giving_up_a_new_folder_leaves_nothing(tmp_path: Path) -> None:
    destination = Destination(tmp_path / 'target')
    destination.make_directories([directory('d', mode=0), directory('d/e')])
    destination.write(file('d/e/a', b'x'), [b'x'])
    destination.link(link('d/l', '/etc'))
    destination.open(file('b', b'y')).write(b'y')
    destination.abandon()
    assert destination.done == []
    assert os.listdir(tmp_path) == []
    assert os.path.exists('/etc')


def test_what_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with Destination(tmp_path / 'target') as destination:
        (tmp_path / 'target').mkdir()
        (tmp_path / 'target' / 'theirs').write_bytes(b'')
        destination.write(file('a', b'x'), [b'x'])
        with pytest.raises(TransferError, match='target cannot be written'):
            destination.finish()
    assert os.listdir(tmp_path / 'target') == ['theirs']
    assert beside(tmp_path) == []


@pytest.mark.parametrize(
    'prepare',
    [
        lambda path: path.write_bytes(b''),
        lambda path: path.symlink_to('nowhere'),
        lambda path: path.symlink_to(path.name),
    ],
    ids=['a file', 'a dangling link', 'a circle'],
)
def test_a_root_that_can_be_none_is_named(tmp_path: Path, prepare: Callable[[Path], None]) -> None:
    prepare(tmp_path / 'target')
    with pytest.raises(TransferError, match='/target cannot be written'):
        Destination(tmp_path / 'target')


def test_a_root_whose_parent_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match='/a/b cannot be written'):
        Destination(tmp_path / 'a' / 'b')


def test_other_kinds_are_left_out(target: Path) -> None:
    entries = [Entry('fifo', OTHER, 0, 0o600, 0, 0)]
    with Destination(target) as destination:
        assert destination.compare(entries) == []
        destination.make_directories(entries)
        destination.finish()
    assert os.listdir(target) == []


class TestNothingOutside:
    @pytest.fixture
    def outside(self, tmp_path: Path) -> Iterator[Path]:
        outside = tmp_path / 'outside'
        (outside / 'dir').mkdir(parents=True)
        (outside / 'file').write_bytes(b'canary')
        before = picture(outside)
        yield outside
        assert picture(outside) == before

    @pytest.mark.parametrize(
        'name', ['../outside/file', '..', '.', '', '/etc/passwd', 'd/../../x', 'd//x', 'd/.', 'd/..']
    )
    def test_names_are_checked_once_more(self, target: Path, outside: Path, name: str) -> None:
        with Destination(target) as destination:
            destination.make_directories([directory('d')])
            with pytest.raises(TransferError):
                destination.write(file(name, b'evil'), [b'evil'])
            with pytest.raises(TransferError):
                destination.link(link(name))
            with pytest.raises(TransferError):
                destination.keep(file(name))
            assert destination.compare([file(name)]) == [0]
            if name:
                with pytest.raises(TransferError):
                    destination.make_directories([directory(name)])

    def test_links_on_the_way_are_not_followed(self, existing: Path, outside: Path) -> None:
        (existing / 'dir').symlink_to(outside)
        with Destination(existing) as destination:
            for step in (
                lambda: destination.make_directories([directory('dir')]),
                lambda: destination.make_directories([directory('dir/new')]),
                lambda: destination.write(file('dir/file', b'evil'), [b'evil']),
                lambda: destination.link(link('dir/file')),
                lambda: destination.keep(file('dir/file', b'canary', mode=0o777)),
            ):
                with pytest.raises(TransferError):
                    step()
            assert destination.compare([file('dir/file', b'canary')]) == [0]

    def test_a_link_in_the_place_of_a_file_is_replaced(self, existing: Path, outside: Path) -> None:
        (existing / 'file').symlink_to(outside / 'file')
        with Destination(existing) as destination:
            assert destination.compare([file('file', b'canary')]) == [0]
            with pytest.raises(TransferError):
                destination.keep(file('file', b'canary'))
            destination.write(file('file', b'mine'), [b'mine'])
            destination.finish()
        assert not (existing / 'file').is_symlink()
        assert (existing / 'file').read_bytes() == b'mine'

    def test_a_file_with_another_name_outside_becomes_its_own(self, existing: Path, outside: Path) -> None:
        os.link(outside / 'file', existing / 'file')
        with Destination(existing) as destination:
            assert destination.compare([file('file', b'canary')]) == [0]
            with pytest.raises(TransferError, match='one hard link'):
                destination.keep(file('file', b'canary', mode=0o777))
            destination.write(file('file', b'canary'), [b'canary'])
            destination.finish()

    def test_a_folder_swapped_for_a_link_underway(self, existing: Path, outside: Path) -> None:
        entries = [directory('dir', mode=0o777), file('dir/file', b'evil')]
        with Destination(existing) as destination:
            destination.make_directories(entries)
            (existing / 'dir').rmdir()
            (existing / 'dir').symlink_to(outside)
            with pytest.raises(TransferError):
                destination.write(entries[1], [b'evil'])
            with pytest.raises(TransferError):
                destination.finish()

    def test_a_link_may_lead_anywhere_and_nobody_goes_there(self, target: Path, outside: Path) -> None:
        with Destination(target) as destination:
            destination.link(link('a', str(outside)))
            with pytest.raises(TransferError):
                destination.write(file('a/file', b'evil'), [b'evil'])
            destination.finish()
        assert os.readlink(target / 'a') == str(outside)

    def test_removal_does_not_follow_links(self, tmp_path: Path, outside: Path) -> None:
        destination = Destination(tmp_path / 'target')
        destination.make_directories([directory('d')])
        destination.link(link('a', str(outside)))
        destination.link(link('d/a', str(outside)))
        destination.abandon()


def test_a_folder_in_the_place_of_a_file_stays(existing: Path) -> None:
    (existing / 'a').mkdir()
    (existing / 'b').write_bytes(b'old')
    with Destination(existing) as destination:
        with pytest.raises(TransferError, match='/a cannot be written'):
            destination.write(file('a', b'x'), [b'x'])
        with pytest.raises(TransferError, match='/a cannot be written'):
            destination.link(link('a'))
        with pytest.raises(TransferError, match='/b cannot be written'):
            destination.make_directories([directory('b')])
    assert sorted(os.listdir(existing)) == ['a', 'b']


def test_special_bits_only_where_wanted(target: Path) -> None:
    entry = file('a', b'', mode=0o6755)
    for special_bits, mode in ((False, 0o755), (True, 0o6755)):
        with Destination(target, special_bits=special_bits) as destination:
            destination.write(entry, [])
            destination.finish()
        assert stat.S_IMODE((target / 'a').stat().st_mode) == mode


@needs_root
def test_owners_only_where_wanted(target: Path) -> None:
    entries = [
        directory('d', uid=1234, gid=1235),
        file('a', b'', uid=1234, gid=1235, user='daemon', group='no such group', mode=0o4755),
        link('l'),
    ]
    entries[2].uid = 1234
    for owner, uids in ((False, (0, 0, 0)), (True, (1234, 1, 1234))):
        with Destination(target, owner=owner, special_bits=True) as destination:
            destination.make_directories(entries)
            destination.write(entries[1], [])
            (target / 'l').unlink(missing_ok=True)
            destination.link(entries[2])
            destination.finish()
        statuses = [os.lstat(target / name) for name in 'dal']
        assert tuple(status.st_uid for status in statuses) == uids
        assert statuses[1].st_gid == (1235 if owner else 0)
        assert stat.S_IMODE(statuses[1].st_mode) == 0o4755


def as_nobody(function: Callable[[], object]) -> None:
    """Run a function without root's rights; its failure is ours."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.setegid(65534)
            os.seteuid(65534)
            function()
            status = 0
        except BaseException as e:
            os.write(2, repr(e).encode())
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


@needs_root
def test_permission_denied(existing: Path, tmp_path: Path) -> None:
    (existing / 'closed').mkdir()
    (existing / 'closed' / 'file').write_bytes(b'old')
    (existing / 'closed').chmod(0o555)
    (existing / 'open').mkdir()
    (existing / 'open').chmod(0o777)
    (existing / 'secret').write_bytes(b'old')
    (existing / 'secret').chmod(0)

    def work() -> None:
        os.chdir('/')
        destination = Destination(existing)
        entries = [file('closed/file', b'old'), file('closed/new', b''), file('open/new', b'x'), file('secret', b'old')]
        assert destination.compare(entries) == [1, 2, 3]
        for entry in (entries[0], entries[1]):
            with pytest.raises(TransferError, match='Permission denied'):
                destination.write(entry, [b'old'])
        destination.write(entries[2], [b'x'])
        with pytest.raises(TransferError, match='not permitted'):
            destination.keep(entries[0])
        assert destination.done == ['open/new']
        destination.abandon()
        with pytest.raises(TransferError, match='Permission denied'):
            Destination(existing / 'fresh')
        with pytest.raises(TransferError, match='secret cannot be read: Permission denied'):
            list(scan(existing))

    for path in (tmp_path, *[each for each in tmp_path.parents if 'pytest-of-' in str(each)]):
        path.chmod(0o755)
    as_nobody(work)
    assert (existing / 'closed' / 'file').read_bytes() == b'old'
    assert (existing / 'open' / 'new').read_bytes() == b'x'
    assert beside(existing) == []


def close_all(root: Path) -> None:
    for folder, _, _ in os.walk(root, topdown=False):
        os.chmod(folder, 0)


@needs_root
def test_what_is_closed_to_its_owner_is_removed(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for path in [each for each in tmp_path.parents if 'pytest-of-' in str(each)]:
        path.chmod(0o755)

    def work() -> None:
        (tmp_path / 'target' / 'a' / 'b' / 'c').mkdir(parents=True)
        (tmp_path / 'target' / 'a' / 'file').write_bytes(b'')
        close_all(tmp_path / 'target')
        above = os.open(tmp_path, os.O_RDONLY)
        remove_tree(above, b'target')
        os.close(above)

    as_nobody(work)
    assert os.listdir(tmp_path) == []


def test_removal_changes_nothing_beyond_a_link_put_in_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'outside').mkdir(mode=0o755)
    (tmp_path / 'target' / 'a' / 'b').mkdir(parents=True)
    original = os.stat

    def swap(path: Any, **options: Any) -> os.stat_result:
        status = original(path, **options)
        if path == b'b':
            (tmp_path / 'target' / 'a' / 'b').rmdir()
            (tmp_path / 'target' / 'a' / 'b').symlink_to(tmp_path / 'outside')
        return status

    above = os.open(tmp_path, os.O_RDONLY)
    with monkeypatch.context() as patch:
        patch.setattr(os, 'stat', swap)
        remove_tree(above, b'target')
    os.close(above)
    assert stat.S_IMODE((tmp_path / 'outside').stat().st_mode) == 0o755


def test_times_at_the_ends_of_the_format(target: Path) -> None:
    entries = [file('a', mtime_ns=(1 << 63) - 1, atime_ns=-(1 << 63)), link('b')]
    entries[1].mtime_ns = -(1 << 63)
    with Destination(target) as destination:
        destination.write(entries[0], [])
        destination.link(entries[1])
        destination.finish()
    assert sorted(os.listdir(target)) == ['a', 'b']


def test_a_full_disk_leaves_the_old_file(existing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (existing / 'a').write_bytes(b'old')

    def write(fd: int, data: Any) -> int:
        if len(data) > 3:
            return original(fd, data[:3])
        raise OSError(28, 'No space left on device')

    original = os.write
    monkeypatch.setattr(os, 'write', write)
    with Destination(existing) as destination:
        with pytest.raises(TransferError, match='/a cannot be written: No space left on device'):
            destination.write(file('a', b'hello'), [b'hello'])
        monkeypatch.undo()
        destination.write(file('b', b'hello'), [b'hello'])
        destination.finish()
        assert destination.done == ['b']
    assert (existing / 'a').read_bytes() == b'old'
    assert sorted(os.listdir(existing)) == ['a', 'b']


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / 'disk'
    path.mkdir()
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path], capture_output=True)
    if mounted.returncode:
        pytest.skip('cannot mount a file system')
    yield path
    subprocess.run(['umount', path], check=True)


@needs_root
@pytest.mark.parametrize('is_new', [True, False])
def test_a_disk_that_is_full(small_disk: Path, is_new: bool) -> None:
    target = small_disk / 'target'
    if not is_new:
        target.mkdir()
    free = os.statvfs(small_disk).f_bfree
    large = bytes(300_000)
    with Destination(target) as destination:
        with pytest.raises(TransferError, match='/large cannot be written: No space left on device'):
            destination.write(file('large', large), [large[:100_000], large[100_000:]])
        assert os.statvfs(small_disk).f_bfree == free
        destination.write(file('small', b'x'), [b'x'])
        destination.finish()
    assert os.listdir(target) == ['small']


def test_deep_trees(tmp_path: Path) -> None:
    parent = tmp_path / 'parent'
    parent.mkdir()
    with deep(parent, sys.getrecursionlimit() * 2) as source:
        entries = travel(scan(source))
        for finishes in (False, True, True):
            with Destination(parent / 'target') as destination:
                destination.make_directories(entries)
                destination.write(entries[-1], [])
                if finishes:
                    destination.finish()
            assert (parent / 'target').exists() == finishes
            assert [path.name for path in parent.iterdir() if path.name.startswith('.svcfw')] == []
        assert len(list(scan(parent / 'target'))) == len(entries)


def test_wide_trees_need_few_descriptors(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, 'OPEN_FOLDERS', 4)
    entries = [directory(f'{i:02}') for i in range(20)] + [directory(f'{i:02}/x') for i in range(20)]
    before = len(os.listdir('/proc/self/fd'))
    with Destination(target) as destination:
        destination.make_directories(entries)
        for entry in entries:
            destination.write(file(entry.name + '/a', b'x'), [b'x'])
            assert len(os.listdir('/proc/self/fd')) <= before + 8
        destination.finish()
    assert len(list(scan(target))) == 81
