"""What a client takes of a context's word on a file, and where the content comes from."""

import errno
import hashlib
import io
import os
from types import SimpleNamespace

import pytest

from svcfw.core.wire.errors import CallError, ChannelError
from svcfw.files import get as module
from svcfw.files.disk.writer import MIN_RESUMED_BYTES
from svcfw.files.get import Get
from svcfw.files.transfers import Transfers
from svcfw.service.errors import TransferError

METADATA = {'mode': 0o4640, 'owner': 'me', 'group': 'us', 'mtime_ns': 7 * 10**9, 'atime_ns': 8 * 10**9}
CONTENT = b'content'
SHA256 = hashlib.sha256(CONTENT).digest()


class Remote:
    """A context with one file: answers as its FileService, and sends what `messages` has to whoever receives."""

    id = 5

    def __init__(self, content=CONTENT):
        self.router = SimpleNamespace(transfers=None)
        self.look = dict(METADATA, size=len(content), token=b'version 1', digest=None, content=None)
        self.hashed = {'digest': hashlib.sha256(content).digest()}
        self.begun = dict(METADATA, size=len(content), offset=0)
        self.messages = [('data', content)]
        self.digest = self.hashed['digest']
        self.error = None
        self.asked = []

    def __str__(self):
        return 'web1'

    def call_service(self, service, method, **arguments):
        self.asked.append((method, arguments))
        if method == 'begin_fetch':
            return dict(self.begun)
        return dict(self.look, **self.hashed) if arguments.get('hashes') else self.look

    def receive(self, context, place, begin, about, on_progress):
        """In the place of calls.receive."""
        begin('into')
        for message in self.messages:
            place.take(None, *message)
            on_progress(place.done)
        if self.error is not None:
            raise self.error
        return place.end(self.digest, place.size)

    @property
    def methods(self):
        return [method for method, _ in self.asked]


@pytest.fixture
def remote(monkeypatch):
    made = Remote()
    monkeypatch.setattr(module, 'receive', lambda *args: made.receive(*args))
    return made


def got(remote, **options):
    """(what is written to memory, the metadata)"""
    file = io.BytesIO()
    metadata = Get(remote, '/x', None, **options).to_file_object(file)
    return file.getvalue(), metadata


def test_a_small_one_comes_with_the_answer(remote):
    remote.look.update(digest=SHA256, content=CONTENT)
    assert got(remote) == (CONTENT, dict(METADATA, size=len(CONTENT)))
    remote.look['content'] = None
    assert got(remote)[0] == CONTENT, 'what was given once is kept here'
    assert remote.methods == ['look', 'look']


def test_others_are_sent_and_kept(remote):
    done = []
    file = io.BytesIO()
    Get(remote, '/x', lambda *args: done.append(args)).to_file_object(file)
    assert file.getvalue() == CONTENT
    assert done == [(7, 7), (7, 7)]
    fetch = {'path': '/x', 'into': 'into', 'token': None, 'offset': 0}
    assert remote.asked == [('look', {'path': '/x'}), ('begin_fetch', fetch)]
    assert Transfers.of(remote.router).store.get(SHA256) == CONTENT


def test_one_of_a_size_that_is_here_may_be_here(remote, tmp_path):
    Transfers.of(remote.router).store.put(SHA256, CONTENT)
    Get(remote, '/x', None).to_place(str(tmp_path / 'file'), False, False)
    assert (tmp_path / 'file').read_bytes() == CONTENT
    assert remote.asked == [('look', {'path': '/x'}), ('look', {'path': '/x', 'hashes': True})]


@pytest.mark.parametrize('how', ['with the answer', 'sent'])
def test_a_file_gets_permissions_and_times_but_no_set_id_bits(remote, tmp_path, how):
    if how == 'with the answer':
        remote.look.update(digest=SHA256, content=CONTENT)
    path = tmp_path / 'file'
    Get(remote, '/x', None).to_place(str(path), True, False)
    status = os.stat(str(path))
    assert (path.read_bytes(), status.st_mode & 0o7777) == (CONTENT, 0o640)
    assert (status.st_mtime_ns, status.st_atime_ns // 10**9) == (METADATA['mtime_ns'], 8)


def test_an_interrupted_one_is_resumed_and_a_changed_one_begun_again(remote, tmp_path):
    path, content = tmp_path / 'file', os.urandom(MIN_RESUMED_BYTES + 5)
    remote.__init__(content)
    remote.messages, remote.error = [('data', content[:MIN_RESUMED_BYTES])], ChannelError('it was lost')
    with pytest.raises(ChannelError):
        Get(remote, '/x', None).to_place(str(path), False, False)
    remote.messages, remote.begun['offset'] = [('data', content[MIN_RESUMED_BYTES:])], MIN_RESUMED_BYTES
    with pytest.raises(ChannelError):
        Get(remote, '/x', None).to_place(str(path), False, False)
    assert remote.asked[-1][1]['offset'] == MIN_RESUMED_BYTES
    assert remote.asked[-1][1]['token'] == b'version 1'
    remote.messages, remote.error, remote.begun['offset'] = [('data', content)], None, 0
    Get(remote, '/x', None).to_place(str(path), False, False)
    assert path.read_bytes() == content
    assert os.listdir(str(tmp_path)) == ['file']


@pytest.mark.parametrize(
    'wrong',
    [
        {'size': None},
        {'token': 'text'},
        {'token': None},
        {'digest': 'text'},
        {'content': 'content'},
        {'content': b'other', 'digest': SHA256},
        {'content': CONTENT, 'digest': None},
        {'content': CONTENT, 'digest': SHA256, 'size': 6},
    ],
)
def test_a_malformed_answer_is_no_file(remote, tmp_path, wrong):
    remote.look.update(wrong)
    for take in (lambda get: get.to_file_object(io.BytesIO()), lambda get: get.to_place(str(tmp_path / 'x'), 0, 0)):
        with pytest.raises(TransferError, match='web1: /x: malformed answer'):
            take(Get(remote, '/x', None))
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize('wrong', [{'size': None}, {'offset': 3}, {'offset': None}])
def test_nor_does_one_start_a_transfer(remote, tmp_path, wrong):
    remote.begun.update(wrong)
    with pytest.raises(TransferError, match='web1: /x: malformed answer'):
        Get(remote, '/x', None).to_place(str(tmp_path / 'x'), False, False)
    assert os.listdir(str(tmp_path)) == []


def test_a_digest_does_not_make_more_of_a_file_than_its_size(remote, tmp_path):
    """Else a context could have any content that is here written, whatever `max_bytes` says."""
    Transfers.of(remote.router).store.put(SHA256, CONTENT)
    remote.look.update(digest=SHA256, size=3)
    with pytest.raises(TransferError, match='web1: /x: malformed answer'):
        got(remote, max_bytes=3)
    with pytest.raises(TransferError, match='web1: /x: malformed answer'):
        Get(remote, '/x', None, 3).to_place(str(tmp_path / 'file'), False, False)
    assert os.listdir(str(tmp_path)) == []


def test_max_bytes(remote):
    assert got(remote, max_bytes=7)[0] == CONTENT
    remote.router.transfers = None  # nothing is here any more
    remote.begun['size'] = 8  # it has grown since
    with pytest.raises(TransferError, match='it has 8 bytes, and there may be 7: raise max_bytes'):
        got(remote, max_bytes=7)
    with pytest.raises(TransferError, match='it has 7 bytes, and there may be 6'):
        got(remote, max_bytes=6)


def test_memory_has_a_bound_of_its_own(remote, monkeypatch):
    monkeypatch.setattr(module, 'MAX_MEMORY_BYTES', 6)
    with pytest.raises(TransferError, match='there may be 6'):
        got(remote)
    assert got(remote, max_bytes=7)[0] == CONTENT


@pytest.mark.parametrize('content', [None, CONTENT])
def test_a_disk_that_has_no_room_is_named(remote, tmp_path, monkeypatch, content):
    remote.look.update(digest=SHA256, content=content)
    path = str(tmp_path / 'file')
    monkeypatch.setattr(module, 'room_for', lambda path: 6)
    with pytest.raises(OSError, match='No space left') as caught:
        Get(remote, '/x', None).to_place(path, False, False)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, path)
    assert os.listdir(str(tmp_path)) == []


def test_a_wrong_content_changes_nothing(remote, tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'before')
    remote.digest = bytes(32)
    with pytest.raises(TransferError, match='checksum mismatch'):
        Get(remote, '/x', None).to_place(str(path), False, False)
    assert (path.read_bytes(), os.listdir(str(tmp_path))) == (b'before', ['file'])


def test_an_error_there_names_the_file(remote, monkeypatch):
    def refuse(*args, **more):
        raise CallError('svcfw.service.errors.TransferError', 'file not granted')

    monkeypatch.setattr(remote, 'call_service', refuse)
    with pytest.raises(TransferError, match='web1: /x: file not granted'):
        got(remote)
