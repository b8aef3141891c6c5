"""A content on its way through: its readers see what has come, and its end only if it is right."""

import hashlib
import os

import pytest

from svcfw.files.disk.reader import identity
from svcfw.files.relay.spool import Spool, SpoolReader
from svcfw.files.relay.spools import unnamed_file
from svcfw.files.store.store import Store
from svcfw.service.errors import TransferError

DATA = os.urandom(100_000)
DIGEST = hashlib.sha256(DATA).digest()


@pytest.fixture(params=['memory', 'disk'])
def spool(request, tmp_path):
    spool = Spool(DIGEST, len(DATA), None if request.param == 'memory' else unnamed_file(str(tmp_path)))
    yield spool
    spool.close()


def reader(spool, woken=None):
    source = SpoolReader(spool, lambda: None)
    source.follow(lambda: woken.append(1))
    return source


def test_read_while_it_arrives(spool):
    woken = []
    source = reader(spool, woken)
    assert source.read(10) is None
    spool.write(DATA[:60_000])
    assert woken == [1]
    assert source.read(50_000) == DATA[:50_000]
    assert source.read(50_000) == DATA[50_000:60_000]
    assert source.read(50_000) is None
    spool.write(DATA[60_000:])
    assert source.read(50_000) == DATA[60_000:]
    assert source.read(1) is None  # whether it is right is not known yet
    spool.finish(DIGEST)
    assert source.read(1) == b''
    assert woken == [1, 1, 1]


def test_one_that_reads_is_not_woken(spool):
    woken = []
    spool.write(DATA[:10])
    source = reader(spool, woken)
    source.read(5)
    spool.write(DATA[10:20])
    assert woken == []


def test_one_that_goes_on_from_farther_on(spool):
    source = reader(spool, [])
    source.skip(99_000)
    spool.write(DATA[:50_000])
    assert source.read(10) is None
    spool.write(DATA[50_000:])
    assert source.read(10_000) == DATA[99_000:]
    other = source.again()
    assert (other.offset, other.read(3)) == (0, DATA[:3])


@pytest.mark.parametrize('said', [DIGEST, hashlib.sha256(b'another').digest()], ids=['announced', 'another'])
def test_what_is_not_what_was_announced_is_not_passed_on_as_right(spool, said):
    source = reader(spool, [])
    spool.write(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    with pytest.raises(TransferError, match='did not arrive as it was sent'):
        spool.finish(said)
    spool.fail('it is wrong')
    with pytest.raises(TransferError, match='it is wrong'):
        source.read(1)


def test_what_breaks_off(spool):
    woken = []
    source = reader(spool, woken)
    assert source.read(1) is None
    source.check()
    spool.fail('the connection was lost')
    assert woken == [1]
    with pytest.raises(TransferError, match='the connection was lost'):
        source.check()
    with pytest.raises(TransferError, match='the connection was lost'):
        source.read(1)
    with pytest.raises(TransferError, match='the connection was lost'):
        spool.write(b'more')


def test_what_is_complete_does_not_fail(spool):
    spool.write(DATA)
    spool.finish(DIGEST)
    spool.fail('no receiver is left')
    assert spool.failure is None


@pytest.mark.parametrize('where', ['memory', 'disk'])
def test_zeros(tmp_path, where):
    data = b'begin' + bytes(200_000) + b'end'
    digest = hashlib.sha256(data).digest()
    spool = Spool(digest, len(data), None if where == 'memory' else unnamed_file(str(tmp_path)))
    spool.write(b'begin')
    spool.write_zeros(200_000)
    spool.write(b'end')
    spool.finish(digest)
    source = reader(spool)
    source.skip(5)
    assert [source.read(200_000), source.read(10)] == [200_000, b'end']
    spool.close()


def test_filled_from_a_file_that_is_here(tmp_path):
    store = Store()
    (tmp_path / 'file').write_bytes(DATA)
    spool = Spool(DIGEST, len(DATA), unnamed_file(str(tmp_path)))
    assert not spool.fill(store)
    store.refer(DIGEST, str(tmp_path / 'file'))
    assert spool.fill(store)
    assert reader(spool).read(len(DATA)) == DATA
    spool.close()


def test_a_file_that_is_not_what_it_was_fills_nothing(tmp_path):
    store = Store()
    (tmp_path / 'file').write_bytes(DATA)
    store.refer(DIGEST, str(tmp_path / 'file'))
    spool = Spool(DIGEST, len(DATA), unnamed_file(str(tmp_path)))
    with open(str(tmp_path / 'file'), 'r+b') as file:
        file.write(bytes([DATA[0] ^ 1]))
        file.flush()
        store._references.put(DIGEST, len(DATA), (str(tmp_path / 'file').encode(), identity(os.fstat(file.fileno()))))
    assert not spool.fill(store)
    assert os.fstat(spool.fd).st_size == spool.offset == 0
    spool.close()
