"""The store of a context whose siblings share: whom it asks, and what it tells of what it got."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from svcfw.core import beside
from svcfw.files.store.shared import GIVE_UP, KEEP, LOST, MAX_CONTENT_BYTES, SEEK, SharedStore

CONTENT = b'a content'
DIGEST = hashlib.sha256(CONTENT).digest()


class Above:
    """The context that is asked: gives the answers in their order, the last one again and again."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.told: list[Any] = []

    def request(self, handle: int, value: Any) -> Any:
        assert handle == beside.SHARED
        self.asked.append(value)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def send(self, handle: int, value: Any) -> None:
        assert handle == beside.SHARED
        self.told.append(value)


def store(above: Above, temporary: Path | None = None) -> SharedStore:
    return SharedStore(above, lambda: None if temporary is None else str(temporary))


def test_what_nobody_has_is_fetched_and_told_of() -> None:
    above = Above(None)
    made = store(above)
    assert not made.holds(DIGEST)
    assert above.asked == [(SEEK, DIGEST)]
    made.put(DIGEST, CONTENT)
    assert above.told == [(KEEP, DIGEST, None, CONTENT)]
    assert made.get(DIGEST) == CONTENT
    assert len(above.asked) == 1


def test_a_small_content_comes_with_the_answer() -> None:
    made = store(Above((None, CONTENT)))
    assert made.get(DIGEST) == CONTENT


def test_a_siblings_file_is_read(tmp_path: Path) -> None:
    (tmp_path / 'file').write_bytes(CONTENT)
    above = Above((str(tmp_path / 'file'), None))
    assert store(above).get(DIGEST) == CONTENT
    assert above.told == []


def test_a_place_that_is_wrong_is_told_of_and_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / 'right').write_bytes(CONTENT)
    above = Above((str(tmp_path / 'gone'), None), (str(tmp_path / 'right'), None))
    assert store(above).holds(DIGEST)
    assert above.told == [(LOST, DIGEST)]
    stubborn = Above((str(tmp_path / 'gone'), None))
    assert not store(stubborn).holds(DIGEST)
    assert len(stubborn.asked) == 3


def test_a_file_is_told_of_where_it_stays(tmp_path: Path) -> None:
    above = Above(None)
    made = store(above, tmp_path / 'tmp')
    made.holds(DIGEST)
    (tmp_path / 'tmp').mkdir()
    (tmp_path / 'tmp' / 'file').write_bytes(CONTENT)
    made.refer(DIGEST, str(tmp_path / 'tmp' / 'file'))
    assert above.told == [], 'it will be moved'
    made.give_up()
    assert above.told == [], 'nor is it given up'
    made.moved(str(tmp_path / 'tmp' / 'file'), str(tmp_path / 'file'))
    assert above.told == [(KEEP, DIGEST, str(tmp_path / 'file'), None)]


def test_what_a_transfer_did_not_bring_is_given_up() -> None:
    above = Above(None)
    made = store(above)
    made.holds(DIGEST)
    made.give_up()
    made.give_up()
    assert above.told == [(GIVE_UP, DIGEST)]


def test_a_content_that_was_not_sought_is_nobodys_business() -> None:
    above = Above(None)
    store(above).put(DIGEST, CONTENT)
    assert above.told == []


@pytest.mark.parametrize(('size', 'is_told'), [(MAX_CONTENT_BYTES, True), (MAX_CONTENT_BYTES + 1, False)])
def test_a_large_content_is_not_held_above(size: int, is_told: bool) -> None:
    content = bytes(size)
    digest = hashlib.sha256(content).digest()
    above = Above(None)
    made = store(above)
    made.holds(digest)
    made.put(digest, content)
    assert bool(above.told) == is_told


def test_a_size_says_nothing_of_what_others_have() -> None:
    assert store(Above(None)).of_size(5) == {b''}
