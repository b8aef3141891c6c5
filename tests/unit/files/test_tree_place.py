"""A folder that arrives, message by message: only what is lacking is asked for, and nothing else is taken."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.core.wire.errors import DecodeError
from svcfw.files.disk.destination import Destination
from svcfw.files.disk.tree import scan
from svcfw.files.manifest import Entry, pack
from svcfw.files.messages.file_parts import DATA
from svcfw.files.messages.tree_parts import FILE, FILE_END, FILES, MANIFEST, from_numbers, numbers
from svcfw.files.store.store import Store
from svcfw.files.tree_place import TreePlace
from svcfw.service.errors import TransferError


class Message:
    def __init__(self, wants: bool = True) -> None:
        self.wants = wants
        self.replies: list[Any] = []

    def wants_reply(self) -> bool:
        return self.wants

    def reply(self, value: Any) -> None:
        self.replies.append(value)


class Transfers:
    def __init__(self) -> None:
        self.store = Store()
        self.kept: list[tuple[bytes, bytes]] = []

    def keep(self, digest: bytes, path: bytes) -> None:
        self.kept.append((digest, path))


class Scene:
    """A folder `to`, into which the folder `source` is to come."""

    def __init__(self, folder: Path, max_bytes: int | None = None) -> None:
        self.source, self.to = folder / 'source', folder / 'to'
        self.transfers = Transfers()
        self.destination = Destination(self.to)
        self.place = TreePlace(self.destination, str(self.to), True, self.transfers, max_bytes)
        self.entries: list[Entry] = []

    def announce(self, wants: bool = True) -> list[str]:
        """Send the manifest; the names of files that are asked for."""
        self.entries = list(scan(self.source))
        asked: list[int] = []
        for part in pack(self.entries):
            message = Message(wants)
            self.place.take(message, MANIFEST, part)
            asked += from_numbers(message.replies[0])
        return [self.entries[number].name for number in asked]

    def number(self, name: str) -> int:
        return [entry.name for entry in self.entries].index(name)

    def small(self, **contents: bytes) -> None:
        sent = list(contents.values())
        self.place.take(
            Message(), FILES, numbers(map(self.number, contents)), numbers(map(len, sent)), b''.join(sent)
        )  # fmt: skip


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    for name, content in (('a', b'first'), ('b', b'second'), ('same', b'first')):
        (tmp_path / 'source').mkdir(exist_ok=True)
        (tmp_path / 'source' / name).write_bytes(content)
    (tmp_path / 'source' / 'link').symlink_to('a')
    made = Scene(tmp_path)
    yield made
    made.destination.abandon()


def test_each_content_is_asked_for_once(scene: Scene) -> None:
    assert scene.announce() == ['a', 'b']
    scene.small(a=b'first', b=b'second')
    assert scene.place.end() == {'files': 3, 'written': 2, 'skipped': []}
    assert {path.name: path.read_bytes() for path in scene.to.iterdir()} == {
        'a': b'first', 'b': b'second', 'same': b'first', 'link': b'first',
    }  # fmt: skip
    assert os.readlink(scene.to / 'link') == 'a'
    assert scene.place.done == scene.place.total == 16
    assert [os.path.basename(path) for _, path in scene.transfers.kept] == [b'a', b'b']


def test_what_the_store_has_is_not_asked_for(scene: Scene) -> None:
    scene.transfers.store.put(hashlib.sha256(b'second').digest(), b'second')
    assert scene.announce() == ['a']
    scene.small(a=b'first')
    assert scene.place.end()['written'] == 1
    assert (scene.to / 'b').read_bytes() == b'second'


def test_others_are_not_waited_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def holds(self: Store, digest: bytes) -> bool:
        raise AssertionError('a sibling may be waiting for this transfer')

    monkeypatch.setattr(Store, 'holds', holds)
    scene.transfers.store.put(hashlib.sha256(b'second').digest(), b'second')
    assert scene.announce() == ['a']


def test_who_does_not_listen_sends_all(scene: Scene) -> None:
    scene.transfers.store.put(hashlib.sha256(b'second').digest(), b'second')
    assert scene.announce(wants=False) == ['a', 'b']


def test_a_large_file_comes_in_parts(scene: Scene) -> None:
    scene.announce()
    scene.small(a=b'first')
    scene.place.take(Message(), FILE, scene.number('b'))
    scene.place.take(Message(), DATA, b'sec')
    scene.place.take(Message(), DATA, b'ond')
    scene.place.take(Message(), FILE_END)
    assert scene.place.end()['written'] == 2
    assert (scene.to / 'b').read_bytes() == b'second'


def test_another_content_than_announced_is_none(scene: Scene) -> None:
    scene.announce()
    scene.place.take(Message(), FILE, scene.number('b'))
    scene.place.take(Message(), DATA, b'sEcond')
    with pytest.raises(TransferError, match='b did not arrive as it was sent'):
        scene.place.take(Message(), FILE_END)


@pytest.mark.parametrize('sent', [{}, {'a': b'first'}])
def test_a_part_of_it_is_no_folder(scene: Scene, sent: dict[str, bytes]) -> None:
    scene.announce()
    if sent:
        scene.small(**sent)
    with pytest.raises(TransferError, match='did not arrive whole'):
        scene.place.end()
    scene.destination.abandon()
    assert not scene.to.exists()


def test_no_manifest_is_no_folder(scene: Scene) -> None:
    with pytest.raises(TransferError, match='did not arrive whole'):
        scene.place.end()


@pytest.mark.parametrize(
    'message',
    [
        (MANIFEST,),
        (FILES, b'', b''),
        (FILES, numbers([0]), numbers([1]), 'text'),
        (FILES, b'abc', numbers([1]), b'x'),
        (FILE, 99),
        (FILE, '1'),
        (FILE_END,),
        (DATA, b'x'),
        ('format the disk',),
    ],
)
def test_nothing_else_is_taken(scene: Scene, message: tuple[Any, ...]) -> None:
    scene.announce()
    with pytest.raises(DecodeError):
        scene.place.take(Message(), *message)


def test_a_file_is_taken_once(scene: Scene) -> None:
    scene.announce()
    scene.small(a=b'first')
    with pytest.raises(DecodeError, match='not wanted'):
        scene.small(a=b'first')


def test_no_more_comes_than_there_is_room_for(scene: Scene, tmp_path: Path) -> None:
    scene.place._max_bytes = 15
    with pytest.raises(TransferError, match='more than 15 bytes'):
        scene.announce()
