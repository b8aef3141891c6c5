"""A content that is written to a file object: counted, kept if wanted, and verified."""

import hashlib
import io

import pytest

from svcfw.files.disk.file_object import FileObject
from svcfw.service.errors import TransferError

CONTENT = b'begin' + bytes(3_000_000) + b'end'


def written(keeps: bool) -> tuple[FileObject, io.BytesIO]:
    file = io.BytesIO()
    made = FileObject(file, keeps)
    made.write(b'begin')
    made.write_zeros(3_000_000)
    made.write(memoryview(b'end'))
    return made, file


@pytest.mark.parametrize('keeps', [False, True])
def test_it_is_written_in_order(keeps: bool) -> None:
    made, file = written(keeps)
    assert file.getvalue() == CONTENT
    assert made.offset == len(CONTENT)
    assert made.content() == (CONTENT if keeps else None)
    made.check(hashlib.sha256(CONTENT).digest())


def test_another_digest_is_an_error() -> None:
    made, file = written(False)
    with pytest.raises(TransferError, match='checksum mismatch'):
        made.check(hashlib.sha256(b'other').digest())
    assert file.getvalue() == CONTENT, 'what has been written stays'
