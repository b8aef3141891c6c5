"""A client's local files: read as they are or not at all."""

import hashlib
import os

import pytest

from svcfw.agent import ops
from svcfw.mux import protocol
from svcfw.mux.client import filing
from svcfw.mux.requests import Large

HELD = ops.HELD_BYTES


class Talk:
    """A multiplexer that knows what is in `large` and says `has_kept` of it."""

    def __init__(self):
        self.asked = []
        self.deferred = []
        self.large = []
        self.has_kept = False
        self.on_defer = lambda: None

    def ask(self, request):
        self.asked.append((request.operation, request.values()))
        return self.large if isinstance(request, Large) else self.has_kept

    def defer(self, request):
        self.deferred.append((request.operation, request.values()))
        self.on_defer()

    def put(self, path, **options):
        progress = []
        filing.put(self.ask, self.defer, str(path), '/remote', lambda *each: progress.append(each), **options)
        return progress


@pytest.fixture
def talk():
    return Talk()


def made(path, size):
    content = os.urandom(size)
    path.write_bytes(content)
    path.chmod(0o640)
    return content


@pytest.mark.parametrize('size', [0, 1, HELD - 1, HELD])
def test_a_small_file_goes_whole(talk, tmp_path, size):
    content = made(tmp_path / 'file', size)
    assert talk.put(tmp_path / 'file') == [(size, size)]
    digest = hashlib.sha256(content).digest()
    assert talk.deferred == [(protocol.PUT_WHOLE, ('/remote', 0o640, digest, content))]
    assert talk.asked == []


def test_what_is_not_to_be_held_goes_in_parts_whatever_its_size(talk, tmp_path):
    content = made(tmp_path / 'file', 100)
    talk.put(tmp_path / 'file', holds=False)
    digest = hashlib.sha256(content).digest()
    assert [arguments[2:] for _, arguments in talk.deferred] == [
        (content, ops.PUT_FIRST, b'', 0),
        (b'', ops.PUT_LAST, digest, 100),
    ]
    talk.deferred.clear()
    made(tmp_path / 'empty', 0)
    talk.put(tmp_path / 'empty', holds=False)
    assert [operation for operation, _ in talk.deferred] == [protocol.PUT_WHOLE]


@pytest.mark.parametrize('size', [HELD + 1, 2 * HELD, 3 * HELD + 5])
def test_a_large_file_goes_in_parts(talk, tmp_path, size):
    content = made(tmp_path / 'file', size)
    progress = talk.put(tmp_path / 'file')
    assert {operation for operation, _ in talk.deferred} == {protocol.PUT_PART}
    parts = [arguments for _, arguments in talk.deferred]
    assert b''.join(part[2] for part in parts) == content
    assert all(len(part[2]) <= filing.CHUNK_BYTES for part in parts)
    assert [part[3] for part in parts] == [ops.PUT_FIRST, *[0] * (len(parts) - 2), ops.PUT_LAST]
    assert parts[-1][4:] == (hashlib.sha256(content).digest(), size)
    assert progress[-1] == (size, size)
    assert talk.asked == [(protocol.LARGE, (size,))]


@pytest.mark.parametrize(('has_kept', 'is_same'), [(True, True), (False, True), (False, False)])
def test_a_large_file_that_may_be_there(talk, tmp_path, has_kept, is_same):
    content = made(tmp_path / 'file', 2 * HELD)
    digest = hashlib.sha256(content).digest()
    talk.large = [b'other', digest if is_same else b'another']
    talk.has_kept = has_kept
    talk.put(tmp_path / 'file')
    assert (talk.asked[1:] == [(ops.PUT_KEPT, ('/remote', 0o640, digest))]) == is_same
    assert bool(talk.deferred) == (not has_kept)
    if talk.deferred:
        assert b''.join(arguments[2] for _, arguments in talk.deferred) == content


@pytest.mark.parametrize('change', ['append', 'cut', 'rewrite'])
def test_a_file_that_changes_while_it_is_read(talk, tmp_path, change):
    path = tmp_path / 'file'
    made(path, 3 * HELD)
    os.utime(path, (1, 1))

    def alter():
        with open(path, 'ab' if change == 'append' else 'r+b') as file:
            if change == 'cut':
                file.truncate(HELD)
            else:
                file.write(b'x')

    talk.on_defer = lambda: len(talk.deferred) == 1 and alter()
    with pytest.raises(OSError, match='modified while it was read'):
        talk.put(path)
    assert talk.deferred[-1][1][3] == ops.PUT_ABANDON


def test_a_file_that_is_replaced_while_it_is_read_is_sent_as_it_was(talk, tmp_path):
    path = tmp_path / 'file'
    content = made(path, 3 * HELD)

    def replace():
        (tmp_path / 'new').write_bytes(b'new')
        os.replace(tmp_path / 'new', path)

    talk.on_defer = lambda: len(talk.deferred) == 1 and replace()
    talk.put(path)
    assert b''.join(arguments[2] for _, arguments in talk.deferred) == content


def test_files_without_a_size(talk):
    if not os.path.exists('/proc/self/status'):
        pytest.skip('needs /proc')
    talk.put('/proc/self/limits')
    assert b'Max open files' in talk.deferred[0][1][3]


def fetched(tmp_path, digest):
    (tmp_path / 'file').touch()

    def ask(request, on_part):
        on_part(b'con', ops.SIZE.pack(7))
        return 0o640, b'tent', digest

    progress = []
    mode = filing.fetch(ask, '/remote', str(tmp_path / 'file'), lambda *each: progress.append(each))
    return mode, (tmp_path / 'file').read_bytes(), progress


def test_a_file_is_fetched(tmp_path):
    assert fetched(tmp_path, hashlib.sha256(b'content').digest()) == (0o640, b'content', [(3, 7), (7, 7)])


def test_a_file_that_arrives_otherwise_than_it_was_sent(tmp_path):
    with pytest.raises(OSError, match='checksum mismatch'):
        fetched(tmp_path, hashlib.sha256(b'other').digest())
