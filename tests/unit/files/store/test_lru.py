"""The last used ones stay, within both bounds."""

from svcfw.files.store.lru import Lru


def test_the_least_recently_used_goes_first() -> None:
    lru = Lru(2, None)
    lru.put(b'a', 1, 'A')
    lru.put(b'b', 1, 'B')
    assert lru.get(b'a') == 'A'
    lru.put(b'c', 1, 'C')
    assert (lru.get(b'a'), lru.get(b'b'), lru.get(b'c')) == ('A', None, 'C')


def test_the_bytes_are_bounded() -> None:
    lru = Lru(100, 10)
    lru.put(b'a', 6, 'A')
    lru.put(b'b', 5, 'B')
    assert (lru.get(b'a'), lru.get(b'b')) == (None, 'B')
    lru.put(b'c', 11, 'C')
    assert (lru.get(b'b'), lru.get(b'c')) == ('B', None)


def test_one_that_comes_again_counts_once() -> None:
    lru = Lru(100, 10)
    for _ in range(3):
        lru.put(b'a', 6, 'A')
    lru.put(b'b', 4, 'B')
    assert (lru.get(b'a'), lru.get(b'b')) == ('A', 'B')


def test_they_are_found_by_size() -> None:
    lru = Lru(100, None)
    lru.put(b'a', 6, 'A')
    lru.put(b'b', 6, 'B')
    assert lru.by_size == {6: {b'a', b'b'}}
    lru.drop(b'a')
    lru.drop(b'a')
    lru.put(b'b', 7, 'B')
    assert lru.by_size == {7: {b'b'}}
