"""What a child may bring to the log, and how often it may be refused."""

from typing import Any

import pytest

from svcfw.core.parent.conduct import (
    MAX_RECORDS,
    MAX_REFUSED,
    NOTICE_S,
    RECORDS_PER_S,
    REFUSED_PER_S,
    UNIT_CHARS,
    Conduct,
)
from tests.support.loops import StillLoop


class FakeRouter:
    def __init__(self) -> None:
        self.loop = StillLoop(100.0)
        self.logged: list[tuple[int, str]] = []

    def log(self, router: Any, level: int, text: str) -> None:
        assert router is self
        self.logged.append((level, text))


@pytest.fixture
def router() -> FakeRouter:
    return FakeRouter()


@pytest.fixture
def ended() -> list[str]:
    return []


@pytest.fixture
def conduct(router: FakeRouter, ended: list[str]) -> Conduct:
    return Conduct(router, 'evil', ended.append)


def test_a_flood_of_records_is_cut_to_the_rate(router: FakeRouter, conduct: Conduct) -> None:
    seconds = 50
    for _ in range(seconds * 100):
        for _ in range(20):
            conduct.log(30, 'x')
        router.loop.advance(0.01)
    kept = sum(text == 'x' for _, text in router.logged)
    assert MAX_RECORDS < kept <= MAX_RECORDS + seconds * RECORDS_PER_S + 1
    notices = [text for _, text in router.logged if 'dropped' in text]
    assert 1 <= len(notices) <= seconds / NOTICE_S + 1


def test_long_texts_count_for_several(conduct: Conduct) -> None:
    admitted = sum(conduct.admits(30, 128 * UNIT_CHARS) for _ in range(MAX_RECORDS))
    assert admitted == MAX_RECORDS // 129 + 1


def test_how_many_were_dropped_is_told_once_in_a_while_at_their_level(router: FakeRouter, conduct: Conduct) -> None:
    while conduct.admits(20, 1):
        pass
    assert not conduct.admits(40, 1, 7)
    assert not router.logged
    router.loop.advance(NOTICE_S)
    assert router.logged == [(40, f'evil: 8 records or lines were dropped, being more than {RECORDS_PER_S} a second')]
    router.loop.advance(NOTICE_S)
    assert len(router.logged) == 1
    conduct.tell()
    assert len(router.logged) == 1


def test_who_is_refused_again_and_again_has_its_link_ended(conduct: Conduct, ended: list[str]) -> None:
    for _ in range(MAX_REFUSED):
        conduct.refused(30, 'evil: why')
    assert not ended
    conduct.refused(30, 'evil: why', counts=False)
    assert not ended
    conduct.refused(30, 'evil: why')
    assert ended == ['it was refused too many frames; the last: evil: why']


def test_who_is_refused_now_and_then_goes_on(router: FakeRouter, conduct: Conduct, ended: list[str]) -> None:
    for _ in range(3 * MAX_REFUSED):
        conduct.refused(30, 'evil: why')
        router.loop.advance(1 / REFUSED_PER_S)
    assert not ended
