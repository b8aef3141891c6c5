"""Contents of a folder leave in the order in which they were asked for, and none that is not as it was listed."""

import hashlib

import pytest

from svcfw.files.relay import feed as module
from svcfw.files.relay.feed import Feed, Folder
from svcfw.files.relay.listing import Listing
from svcfw.files.sending import END, WAIT
from svcfw.service.errors import TransferError
from tests.support.contents import FakeReader
from tests.support.routers import open_fds

FILES = {'a': b'one', 'folder/b': b'two' * 1000, 'folder/c': b'', 'd': bytes(5000)}


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'folder').mkdir()
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / 'link').symlink_to('a')
    return tmp_path


@pytest.fixture
def folder(root):
    with Folder(str(root), False) as made:
        yield made


class Sending:
    """In the place of svcfw.files.sending.Sending: counts how often it was woken."""

    def __init__(self):
        self.woken = 0

    def wake(self):
        self.woken += 1


def numbered(folder):
    """{name of a file: its number}, by their contents."""
    digests = {hashlib.sha256(content).digest(): name for name, content in FILES.items()}
    return {digests[digest]: number for number, (_, digest) in folder.listing.files.items()}


def drained(feed, n=1000):
    """(what can be sent now, whether that is all)"""
    content = b''
    while True:
        part = feed.next(n, 0)
        if part in (WAIT, None):
            return content, part is None
        kind, data = part
        content += bytes(data) if kind == 'zeros' else data


def sent(feed, number):
    feed.want([number])
    return drained(feed)


class TestFolder:
    def test_it_lists_every_file_as_a_receiver_reads_it(self, folder):
        sizes = {name: folder.listing.files[number][0] for name, number in numbered(folder).items()}
        assert sizes == {name: len(content) for name, content in FILES.items()}
        again = Listing.unpack(folder.listing.pack()[0])
        assert again.files == folder.listing.files

    def test_entries_are_numbered_through_all_parts(self, root, folder, monkeypatch):
        monkeypatch.setattr(module, 'PART_ENTRIES', 2)
        with Folder(str(root), False) as other:
            assert len(other.listing.parts) > 2
            assert other.listing.files == folder.listing.files
            for name, number in numbered(other).items():
                with other.open(number) as source:
                    assert source.whole() == FILES[name]

    def test_a_file_that_is_not_as_listed_is_an_error_that_names_it(self, root, folder):
        number = numbered(folder)['folder/b']
        (root / 'folder' / 'b').write_bytes(b'TWO' * 1000)
        with pytest.raises(TransferError, match='folder/b was modified'):
            sent(Feed(folder), number)
        (root / 'folder' / 'b').write_bytes(b'two')
        with pytest.raises(TransferError, match='folder/b was modified'):
            folder.open(number)

    def test_a_folder_that_cannot_be_read_leaves_nothing_open(self, root, monkeypatch):
        def scan(*args):
            raise TransferError('no')

        monkeypatch.setattr(module, 'scan', scan)
        before = open_fds()
        with pytest.raises(TransferError, match='no'):
            Folder(str(root), False)
        assert open_fds() == before


class TestFeed:
    def test_contents_follow_one_another_as_they_were_asked_for(self, folder):
        numbers, feed = numbered(folder), Feed(folder)
        assert feed.next(10, 0) is WAIT
        assert feed.is_starved
        feed.want([numbers['folder/b'], numbers['folder/c']])
        feed.want([numbers['d'], numbers['a']])
        assert drained(feed) == (FILES['folder/b'] + FILES['folder/c'] + FILES['d'] + FILES['a'], False)
        assert feed.done == sum(map(len, FILES.values()))
        feed.enough()
        assert feed.next(10, 0) is None
        assert feed.end() == (END,)
        assert (feed.error, feed.is_starved) == (None, False)

    def test_a_message_has_about_as_much_as_it_may_from_several_files(self, folder):
        numbers, feed = numbered(folder), Feed(folder)
        feed.want([numbers['a'], numbers['folder/b']])
        assert feed.next(10, 0) == ('data', b'one' + FILES['folder/b'][:7])

    def test_zeros_follow_what_was_before_them(self, folder):
        numbers, feed = numbered(folder), Feed(folder)
        feed.want([numbers['a'], numbers['d']])
        assert [feed.next(1000, 0), feed.next(1000, 0)] == [('data', b'one'), ('zeros', 997)]

    def test_it_wakes_its_sender_for_every_request(self, folder):
        feed, sending = Feed(folder), Sending()
        feed.begin(sending)
        feed.want([numbered(folder)['a']])
        feed.enough()
        assert sending.woken == 2

    def test_what_has_not_all_come_is_waited_for(self):
        contents = Arriving(FakeReader(b'content', arrived=3))
        feed, sending = Feed(contents), Sending()
        feed.begin(sending)
        feed.want([7])
        feed.enough()
        assert feed.next(10, 0) == ('data', b'con')
        assert feed.next(10, 0) is WAIT, 'although no more will be asked for'
        contents.reader.arrive(7)
        assert sending.woken == 3
        assert drained(feed) == (b'tent', True)
        assert (contents.checked, contents.reader.closed) == ([7], 1)

    def test_what_goes_wrong_here_is_told_from_what_goes_wrong_there(self):
        error = TransferError('it was modified')
        for method in ('want', 'open', 'check'):
            contents = Arriving(FakeReader(b''))
            contents.errors[method] = error
            feed = Feed(contents)
            with pytest.raises(TransferError, match='it was modified'):
                sent(feed, 7)
            assert feed.error is error
            assert contents.reader.closed == (method == 'check')

    def test_an_end_closes_the_content_that_is_being_sent_unchecked(self):
        contents = Arriving(FakeReader(b'content', arrived=3))
        feed = Feed(contents)
        feed.want([7])
        feed.next(10, 0)
        feed.close()
        feed.close()
        assert (contents.checked, contents.reader.closed, feed.done) == ([], 1, 0)


class Arriving:
    """Contents of which one is opened; `errors`: what a method raises, by its name."""

    def __init__(self, reader):
        self.reader = reader
        self.checked = []
        self.errors = {}

    def want(self, numbers):
        self._fail('want')

    def open(self, number):
        self._fail('open')
        return self.reader

    def check(self, number, source):
        self._fail('check')
        self.checked.append(number)

    def _fail(self, method):
        if method in self.errors:
            raise self.errors[method]
