"""What the modules of one account have fetched, they have from each other."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from svcfw.agent.links import keeper
from svcfw.agent.links.keeper import Keeper
from svcfw.core.context import Context
from svcfw.files.store.shared import MAX_CONTENT_BYTES, SharedStore
from tests.support.routers import Served, Tree, tree
from tests.support.timing import seconds, wait_until

CONTENT = b'a content'
DIGEST = hashlib.sha256(CONTENT).digest()


class Account:
    """An agent's keeper, and the stores of modules below it."""

    def __init__(self, made: Tree, folder: Path) -> None:
        self.made = made
        self.master = made.master()
        self.keeper = Keeper(self.master.router)
        self.folder = folder
        self.temporary = folder / 'tmp'
        self.children: list[Served] = []

    def store(self) -> SharedStore:
        child = self.made.child(self.master, len(self.children) + 1, 'module')
        self.children.append(child)
        above: Context = child.router.context(0)
        return SharedStore(above, lambda: str(self.temporary))

    def file(self, name: str, content: bytes = CONTENT) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def has(self, digest: bytes = DIGEST) -> bool:
        return bool(self.master.do(lambda: self.keeper._found(digest) is not None))

    def wait(self, number: int) -> None:
        """Until so many wait."""
        wait_until(lambda: sum(map(len, self.keeper._waiting.values())) == number, seconds(10), f'{number} wait')


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with tree() as made:
        yield Account(made, tmp_path)


def started(function: Callable[[], object]) -> Callable[[], object]:
    """Run it in a thread; a function that waits for its value."""
    values: list[object] = []
    thread = threading.Thread(target=lambda: values.append(function()))
    thread.start()

    def join() -> object:
        thread.join(seconds(10))
        assert values, 'it waits'
        return values[0]

    return join


def test_the_first_fetches_and_the_rest_wait_for_it(account: Account, tmp_path: Path) -> None:
    first, *others = [account.store() for _ in range(4)]
    assert not first.holds(DIGEST)
    assert not first.holds(DIGEST)  # it may ask again
    joins = [started(lambda each=each: each.holds(DIGEST)) for each in others]  # type: ignore[misc]
    account.wait(3)
    first.refer(DIGEST, account.file('place'))
    first.give_up()
    assert all(join() is True for join in joins)
    with (tmp_path / 'copy').open('wb') as copy:
        assert others[0].copy_to(DIGEST, copy.fileno())
    assert (tmp_path / 'copy').read_bytes() == CONTENT
    assert account.store().get(DIGEST) == CONTENT


@pytest.mark.parametrize('ends', [False, True])
def test_when_it_fails_another_one_fetches(account: Account, ends: bool) -> None:
    first, *others = [account.store() for _ in range(3)]
    assert not first.holds(DIGEST)
    answers: list[tuple[SharedStore, bool]] = []
    for each in others:
        threading.Thread(target=lambda each=each: answers.append((each, each.holds(DIGEST)))).start()
    account.wait(2)
    if ends:
        ended = account.children[0]
        ended.do(lambda: ended.router._parent_link.close('the module has ended'))
    else:
        first.give_up()
    wait_until(lambda: answers, seconds(10), 'one of them fetches')
    ((next_one, has_it),) = answers
    assert not has_it
    next_one.refer(DIGEST, account.file('place'))
    wait_until(lambda: len(answers) == 2, seconds(10), 'the last one has it')
    assert answers[1][1]


def test_small_contents_are_held_without_a_file(account: Account) -> None:
    first = account.store()
    assert first.get(DIGEST) is None
    first.put(DIGEST, CONTENT)
    assert account.store().get(DIGEST) == CONTENT


def test_large_ones_without_a_file_are_fetched_by_each(account: Account) -> None:
    content = bytes(MAX_CONTENT_BYTES + 1)
    digest = hashlib.sha256(content).digest()
    first = account.store()
    assert first.get(digest) is None
    first.put(digest, content)
    first.give_up()
    assert account.store().get(digest) is None


def test_a_file_that_has_changed_is_not_taken(account: Account, tmp_path: Path) -> None:
    first, second = account.store(), account.store()
    assert not first.holds(DIGEST)
    first.refer(DIGEST, account.file('place'))
    account.file('place', b'something')
    assert second.holds(DIGEST)
    with (tmp_path / 'copy').open('wb') as copy:
        assert not second.copy_to(DIGEST, copy.fileno())
    assert not account.has()
    for way in ('gone', 'a link', 'a pipe'):
        store = account.store()
        assert not store.holds(DIGEST)
        path = account.file('place')
        store.refer(DIGEST, path)
        path.unlink()
        if way == 'a link':
            path.symlink_to('/etc/hostname')
        elif way == 'a pipe':
            os.mkfifo(path)
        asked = account.store()
        assert not asked.holds(DIGEST), way
        asked.give_up()
        path.unlink(missing_ok=True)


def test_a_temporary_file_counts_once_it_is_in_its_place(account: Account) -> None:
    first, second = account.store(), account.store()
    assert not first.holds(DIGEST)
    fresh = account.file('tmp/fresh')
    first.refer(DIGEST, fresh)
    first.give_up()
    join = started(lambda: second.holds(DIGEST))
    account.wait(1)
    fresh.rename(account.folder / 'place')
    first.moved(str(fresh), str(account.folder / 'place'))
    assert join() is True
    assert second.get(DIGEST) == CONTENT


def test_nobody_waits_for_ever(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, 'WAIT_S', 0.01)
    first, second = account.store(), account.store()
    assert not first.holds(DIGEST)
    assert not second.holds(DIGEST)


def test_what_is_held_is_bounded(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    store = account.store()
    for number in range(keeper.MAX_BYTES // MAX_CONTENT_BYTES + 3):
        content = number.to_bytes(4, 'big') + bytes(MAX_CONTENT_BYTES - 4)
        digest = hashlib.sha256(content).digest()
        assert store.get(digest) is None
        store.put(digest, content)
    wait_until(lambda: account.has(digest), seconds(10), 'the last one is held')
    assert account.keeper._contents._bytes <= keeper.MAX_BYTES
