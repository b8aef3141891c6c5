"""The store of zips' members."""

import hashlib

from svcfw.core.wire.codec import Codec
from svcfw.mux.server import members
from svcfw.mux.server.members import ModuleZips

A, B = ('a.py', b'a' * 32, b'content of a'), ('b.py', b'b' * 32, b'content of b')


def test_zips_are_known_by_their_id():
    kept = ModuleZips()
    assert kept.find('z') is None
    kept.add('z', [A, B])
    kept.add('y', [])
    assert kept.find('z').contents[1:] == [A[1:], B[1:]]
    assert kept.find('y').contents[1:] == []


def test_the_manifest_is_the_first_content_by_its_digest():
    kept = ModuleZips()
    kept.add('z', [A, B])
    digest, member_list = kept.find('z').contents[0]
    assert digest == kept.find('z').member_list == hashlib.sha256(member_list).digest()
    assert Codec().decode(member_list) == [A[:2], B[:2]]


def test_a_content_is_held_once():
    kept = ModuleZips()
    kept.add('z', [A])
    kept.add('y', [('other name', A[1], b'content ' + b'of a')])
    assert kept.find('z').contents[1][1] is kept.find('y').contents[1][1]
    assert kept.find('z').member_list != kept.find('y').member_list


def test_too_much_is_forgotten_but_what_was_given_out_stays(monkeypatch):
    monkeypatch.setattr(members, 'MAX_BYTES', 100)
    kept = ModuleZips()
    kept.add('z', [A])  # with its name more than the limit
    given = kept.find('z')
    kept.add('y', [B])
    assert kept.find('z') is None
    assert kept.find('y').contents[1:] == [B[1:]]
    assert given.contents[1:] == [A[1:]]


def test_many_zips_of_known_members_are_too_much_as_well(monkeypatch):
    monkeypatch.setattr(members, 'MAX_BYTES', 20 * members.ENTRY_BYTES)
    kept = ModuleZips()
    for number in range(100):
        kept.add(str(number), [A])
    assert sum(kept.find(str(number)) is not None for number in range(100)) <= 11
