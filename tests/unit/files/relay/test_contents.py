"""Contents of a folder are asked for once, however many relays want them; again only where their sender has failed."""

import hashlib

import pytest

from svcfw.files.messages.tree_parts import from_numbers
from svcfw.files.relay.contents import NoRoomError, Packs, RelayedContents
from svcfw.files.relay.listing import Listing
from svcfw.files.relay.spools import Spools
from svcfw.files.store.store import Store
from svcfw.service.errors import TransferError
from tests.unit.files.relay.test_spools import loop  # noqa: F401

CONTENTS = {1: b'one' * 10, 2: b'two' * 20, 3: b'', 4: b'four' * 5}


class Tell:
    """Stands for the sender of a folder: what it was told."""

    def __init__(self):
        self.told = []

    def send(self, value):
        self.told.append(value)

    @property
    def asked(self):
        return [number for each in self.told if type(each) is bytes for number in from_numbers(each)]


class Side:
    def __init__(self, loop, memory=1000):  # noqa: F811
        self.spools = Spools(loop, memory)
        self.packs = Packs(self.spools)
        self.store = Store()
        self.listing = Listing()
        for number, content in CONTENTS.items():
            self.listing.files[number] = len(content), hashlib.sha256(content).digest()
            self.listing.total += len(content)

    def contents(self):
        """(RelayedContents, Tell, what its `receive` was called with)"""
        begun = []
        tell = Tell()

        def receive(place, over):
            begun.append((place, over))
            return 'into'

        return RelayedContents(self.packs, self.spools, self.store, self.listing, tell, receive), tell, begun


@pytest.fixture
def side(loop):  # noqa: F811
    return Side(loop)


def sent(begun, *contents):
    place, _ = begun[0]
    for content in contents:
        place.take(None, 'data', content)


def whole(contents, number):
    kept = contents.open(number)
    kept.follow(lambda: None)
    try:
        return kept.whole()
    finally:
        kept.close()


def test_each_is_asked_for_once(side):
    one, tell_one, begun = side.contents()
    other, tell_other, begun_other = side.contents()
    one.want([1, 2])
    other.want([1, 2, 3, 4])
    assert (tell_one.asked, tell_other.asked) == ([1, 2], [4])
    assert tell_one.told[0] == 'into'
    sent(begun, CONTENTS[1], CONTENTS[2])
    sent(begun_other, CONTENTS[4])
    assert [whole(other, number) for number in CONTENTS] == list(CONTENTS.values())


def test_what_has_not_come_is_waited_for(side):
    contents, _, begun = side.contents()
    contents.want([1])
    woken = []
    kept = contents.open(1)
    kept.follow(lambda: woken.append(True))
    sent(begun, CONTENTS[1][:10])
    assert kept.whole() is None
    assert kept.read(100) == CONTENTS[1][:10]
    assert kept.read(100) is None
    sent(begun, CONTENTS[1][10:])
    assert woken
    assert kept.read(100) == CONTENTS[1][10:]
    assert kept.read(100) == b''


def test_what_has_come_stays_good_when_its_sender_fails(side):
    one, _, begun = side.contents()
    other, tell, begun_other = side.contents()
    one.want([1, 2])
    other.want([1, 2])
    sent(begun, CONTENTS[1], CONTENTS[2][:7])
    begun[0][1](TransferError('it gave up'), None)
    assert whole(other, 1) == CONTENTS[1]
    kept = other.open(2)
    assert kept.read(7) == CONTENTS[2][:7]
    assert kept.read(7) is None
    assert tell.asked == [2]
    sent(begun_other, CONTENTS[2])
    assert kept.read(100) == CONTENTS[2][7:]
    assert one.failure == 'it gave up'
    with pytest.raises(TransferError, match='it gave up'):
        whole(one, 2)


def test_what_nobody_takes_any_more_is_not_sent(side):
    contents, tell, begun = side.contents()
    contents.want([1, 2])
    sent(begun, CONTENTS[1])
    contents.close()
    assert tell.told[-1] is None
    with pytest.raises(TransferError, match='no receiver is left'):
        sent(begun, CONTENTS[2])
    assert contents.failure is None


def test_the_next_ones_have_it_for_a_while(side, loop):  # noqa: F811
    contents, _, begun = side.contents()
    contents.want([1])
    sent(begun, CONTENTS[1])
    contents.close()
    begun[0][0].end()
    begun[0][1](None, None)
    late, tell, _ = side.contents()
    late.want([1])
    assert (whole(late, 1), tell.asked) == (CONTENTS[1], [])
    late.close()
    loop.advance(100)
    later, tell, _ = side.contents()
    later.want([1])
    assert tell.asked == [1]


def test_a_sender_that_has_ended_is_asked_for_nothing_more(side):
    contents, _, begun = side.contents()
    contents.want([1])
    sent(begun, CONTENTS[1])
    begun[0][1](TransferError('it is over'), None)
    with pytest.raises(NoRoomError):
        contents.want([2])


def test_what_is_stored_is_not_asked_for(side):
    side.store.put(side.listing.files[2][1], CONTENTS[2])
    contents, tell, _ = side.contents()
    contents.want([2])
    assert (whole(contents, 2), tell.told) == (CONTENTS[2], [])


def test_where_there_is_no_room(loop, monkeypatch):  # noqa: F811
    side = Side(loop, memory=10)
    monkeypatch.setattr('svcfw.files.relay.spools.folders', list)
    contents, tell, _ = side.contents()
    with pytest.raises(NoRoomError):
        contents.want([1])
    assert tell.told == []
    contents.close()


def test_more_than_memory_has_room_for_is_on_the_disk(loop, tmp_path, monkeypatch):  # noqa: F811
    side = Side(loop, memory=10)
    monkeypatch.setattr('svcfw.files.relay.spools.folders', lambda: [str(tmp_path)])
    contents, _, begun = side.contents()
    contents.want([1, 2])
    sent(begun, CONTENTS[1] + CONTENTS[2])
    assert (whole(contents, 2), whole(contents, 1)) == (CONTENTS[2], CONTENTS[1])
    assert list(tmp_path.iterdir()) == []
