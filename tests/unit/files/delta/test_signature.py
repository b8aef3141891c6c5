"""Hashes of blocks: how large they are, and which a peer may send."""

import pytest

from svcfw.core.wire.errors import DecodeError
from svcfw.files.delta.blocks import Signature, signature
from svcfw.files.delta.signature import block_size
from tests.unit.files.delta.contents import BLOCK, OLD, fill


@pytest.mark.parametrize(
    ('size', 'expected'),
    [
        (0, 4096),
        (1 << 20, 4096),
        (1 << 24, 4096),
        ((1 << 26) + 1, 8192),
        (1 << 26, 4096),
        (1 << 34, 1 << 16),
        (1 << 60, 1 << 20),
    ],
)
def test_the_block_size_grows_with_the_file(size: int, expected: int) -> None:
    assert block_size(size) == expected


def test_a_signature_is_small(fd: int) -> None:
    fill(fd, OLD)
    present = signature(fd, len(OLD))
    assert (present.size, present.block_bytes) == (len(OLD), BLOCK)
    assert len(present.hashes) == 257 * 10
    assert len(present.probes) == 33 * 16


def test_a_signature_travels() -> None:
    value = Signature(BLOCK + 1, BLOCK, bytes(20), bytes(16)).pack()
    assert Signature.unpack(value).pack() == value


@pytest.mark.parametrize(
    'value',
    [
        None,
        (),
        [BLOCK, BLOCK, bytes(10), bytes(16)],
        (BLOCK, BLOCK, bytes(10)),
        (True, BLOCK, bytes(10), bytes(16)),
        (BLOCK, BLOCK, bytearray(10), bytes(16)),
        (BLOCK, BLOCK, bytes(11), bytes(16)),
        (BLOCK, BLOCK, bytes(10), bytes(15)),
        (BLOCK, BLOCK + 1, bytes(10), bytes(16)),
        (BLOCK, 0, bytes(10), bytes(16)),
        (BLOCK, 1, bytes(10), bytes(16)),
        (BLOCK, 1 << 21, bytes(10), bytes(16)),
        (BLOCK + 1, BLOCK, bytes(10), bytes(16)),
        (-1, BLOCK, b'', b''),
    ],
)
def test_what_is_no_signature_is_refused(value: object) -> None:
    with pytest.raises(DecodeError):
        Signature.unpack(value)
