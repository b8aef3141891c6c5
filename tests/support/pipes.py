"""What a process of a test writes to a pipe."""

import os
import select

from tests.support.timing import seconds


def all_of(fd: int) -> bytes:
    """Up to the end, which comes when nobody has the other end any more."""
    found, piece = b'', b'-'
    while piece:
        assert select.select([fd], [], [], seconds(20))[0], f'no end after {found!r}'
        piece = os.read(fd, 65536)
        found += piece
    return found
