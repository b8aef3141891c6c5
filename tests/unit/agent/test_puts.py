"""Files that are put in parts: whole and checked, or not at all."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from svcfw.agent import ops
from svcfw.agent.files import Failure
from svcfw.agent.puts import Puts
from svcfw.agent.requests import Put, PutHeld


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@pytest.fixture
def puts() -> Any:
    made = Puts(None)
    yield made
    made.kept.close()


def part(path: Path, data: bytes, flags: int = 0, digest: bytes = b'') -> Put:
    return Put(str(path), 0o640, data, flags, digest)


def test_a_file_appears_with_its_last_part(puts: Puts, tmp_path: Path) -> None:
    place = tmp_path / 'file'
    puts.put(7, part(place, b'one ', ops.PUT_FIRST))
    puts.put(7, part(place, b'two'))
    assert not place.exists()
    puts.put(7, part(place, b'', ops.PUT_LAST, sha256(b'one two')))
    assert place.read_bytes() == b'one two'
    assert os.listdir(tmp_path) == ['file']


def test_sessions_do_not_meet(puts: Puts, tmp_path: Path) -> None:
    for session in (7, 8):
        puts.put(session, part(tmp_path / str(session), b'%d' % session, ops.PUT_FIRST))
    for session in (7, 8):
        puts.put(session, part(tmp_path / str(session), b'', ops.PUT_LAST, sha256(b'%d' % session)))
    assert [(tmp_path / name).read_text() for name in '78'] == ['7', '8']


def test_one_with_another_checksum_changes_nothing(puts: Puts, tmp_path: Path) -> None:
    place = tmp_path / 'file'
    place.write_bytes(b'old')
    with pytest.raises(Failure, match='checksum mismatch'):
        puts.put(7, part(place, b'evil', ops.PUT_FIRST | ops.PUT_LAST, sha256(b'good')))
    assert place.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['file']
    with pytest.raises(Failure, match='its beginning is missing'):
        puts.put(7, part(place, b'more'))


@pytest.mark.parametrize('how', ['flag', 'session', 'another file'])
def test_one_that_is_given_up_leaves_nothing(puts: Puts, tmp_path: Path, how: str) -> None:
    puts.put(7, part(tmp_path / 'file', b'begun', ops.PUT_FIRST))
    if how == 'flag':
        puts.put(7, part(tmp_path / 'file', b'', ops.PUT_ABANDON))
    elif how == 'session':
        puts.abandon(7)
        puts.abandon(7)
    else:
        puts.put(7, part(tmp_path / 'other', b'', ops.PUT_FIRST | ops.PUT_LAST, sha256(b'')))
        (tmp_path / 'other').unlink()
    assert os.listdir(tmp_path) == []


def test_a_content_that_was_given_before(puts: Puts, tmp_path: Path) -> None:
    puts.contents.add(sha256(b'content'), b'content', True)
    puts.put_held(PutHeld(str(tmp_path / 'file'), 0o640, sha256(b'content')))
    assert (tmp_path / 'file').read_bytes() == b'content'
    with pytest.raises(Failure, match='checksum mismatch'):
        puts.put_held(PutHeld(str(tmp_path / 'other'), 0o640, sha256(b'never given')))
    assert os.listdir(tmp_path) == ['file']


def test_a_large_file_can_be_had_again(puts: Puts, tmp_path: Path) -> None:
    digest = sha256(b'content')
    puts.put(7, part(tmp_path / 'file', b'content', ops.PUT_FIRST | ops.PUT_LAST, digest))
    fd = puts.kept.open(digest)
    assert fd is not None
    assert os.pread(fd, 100, 0) == b'content'
    os.close(fd)
