"""The store of zips' members."""

from svcfw.mux import store
from svcfw.mux.store import Store

A, B = ('a.py', b'a' * 32, b'content of a'), ('b.py', b'b' * 32, b'content of b')


def test_zips_are_known_by_their_id():
    kept = Store()
    assert kept.members('z') is None
    kept.add('z', [A, B])
    kept.add('y', [])
    assert kept.members('z') == [A, B]
    assert kept.members('y') == []


def test_a_content_is_held_once():
    kept = Store()
    kept.add('z', [A])
    kept.add('y', [(A[0], A[1], b'content ' + b'of a')])
    assert kept.members('z')[0][2] is kept.members('y')[0][2]


def test_too_much_is_forgotten_but_what_was_given_out_stays(monkeypatch):
    monkeypatch.setattr(store, 'MAX_BYTES', 100)
    kept = Store()
    kept.add('z', [A])  # with its name more than the limit
    members = kept.members('z')
    kept.add('y', [B])
    assert kept.members('z') is None
    assert kept.members('y') == [B]
    assert members == [A]


def test_many_zips_of_known_members_are_too_much_as_well(monkeypatch):
    monkeypatch.setattr(store, 'MAX_BYTES', 10 * store.ENTRY_BYTES)
    kept = Store()
    for number in range(100):
        kept.add(str(number), [A])
    assert sum(kept.members(str(number)) is not None for number in range(100)) <= 11
