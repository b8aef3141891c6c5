"""Whatever was done to a file, its copy and what is sent make up the new one; what was kept is found again."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from svcfw.core.wire.errors import DecodeError
from svcfw.files.delta.blocks import Signature, match, signature
from svcfw.files.delta.signature import HASH_BYTES, MIN_BLOCK_BYTES, PROBE_BYTES, PROBE_EVERY

BLOCK = MIN_BLOCK_BYTES

positions = st.floats(0, 1, exclude_max=True)
lengths = st.sampled_from([1, 2, 7, 100, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 40 * BLOCK])


def edit(kinds: list[str]) -> st.SearchStrategy[tuple[str, float, float, int]]:
    """(kind, where, whereto, how many bytes)"""
    return st.tuples(st.sampled_from(kinds), positions, positions, lengths)


edits = st.lists(edit(['insert', 'delete', 'change', 'move', 'repeat', 'zero']), max_size=6)
sizes = st.sampled_from([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK, 30 * BLOCK + 17, 200 * BLOCK, 200 * BLOCK + 1])
kinds = st.sampled_from(['random', 'zeros', 'lines', 'pages'])


@contextmanager
def descriptor(content: bytes) -> Iterator[int]:
    fd = os.memfd_create('content')
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        yield fd
    finally:
        os.close(fd)


def make(kind: str, size: int, seed: int) -> bytes:
    source = random.Random(seed)
    if kind == 'random':
        return source.randbytes(size)
    if kind == 'zeros':
        return bytes(size)
    if kind == 'lines':
        lines = b''.join(
            b'10:%02d INFO request %d\n' % (i // 60 % 60, source.randrange(50)) for i in range(size // 15 + 1)
        )
        return lines[:size]
    pages = b''.join(
        b'PAGE HEADER 1234' + source.randbytes(100) + bytes(BLOCK - 116) if source.random() < 0.7 else bytes(BLOCK)
        for _ in range(size // BLOCK + 1)
    )
    return pages[:size]


def edited(content: bytes, changes: list[tuple[str, float, float, int]]) -> bytes:
    for number, (kind, where, there, length) in enumerate(changes):
        at, to = int(where * len(content)), int(there * len(content))
        part = content[at : at + length]
        new = random.Random(1000 + number).randbytes(length)
        if kind == 'insert':
            content = content[:at] + new + content[at:]
        elif kind == 'delete':
            content = content[:at] + content[at + length :]
        elif kind == 'change':
            content = content[:at] + new[: len(part)] + content[at + length :]
        elif kind == 'zero':
            content = content[:at] + bytes(len(part)) + content[at + length :]
        else:
            without = content[:at] + content[at + length :] if kind == 'move' else content
            content = without[:to] + part + without[to:]
    return content


def steps_between(old: bytes, new: bytes) -> list[tuple[str, int, int]]:
    with descriptor(old) as fd:
        present = signature(fd, len(old))
    present = Signature.unpack(present.pack())
    with descriptor(new) as fd:
        return list(match(fd, len(new), present))


def check(old: bytes, new: bytes, steps: list[tuple[str, int, int]]) -> None:
    made = []
    position = 0
    previous = None
    for kind, offset, length in steps:
        assert length > 0
        content = old if kind == 'copy' else new
        assert 0 <= offset <= offset + length <= len(content)
        assert kind == 'copy' or offset == position
        assert previous != (kind, offset)
        previous = kind, offset + length
        made.append(content[offset : offset + length])
        position += length
    assert b''.join(made) == new


def sent(steps: list[tuple[str, int, int]]) -> int:
    return sum(length for kind, _, length in steps if kind == 'data')


@given(kinds, sizes, edits, st.integers(0, 3))
@settings(deadline=None)
def test_the_steps_make_up_the_new_file(kind: str, size: int, changes: Any, seed: int) -> None:
    old = make(kind, size, seed)
    new = edited(old, changes)
    check(old, new, steps_between(old, new))


@given(kinds, kinds, sizes, sizes)
@settings(deadline=None)
def test_any_two_files(kind: str, other: str, size: int, other_size: int) -> None:
    old, new = make(kind, size, 1), make(other, other_size, 2)
    check(old, new, steps_between(old, new))


def most_to_be_sent(changes: list[tuple[str, float, float, int]]) -> int:
    # Each edit makes at most three places where the copies part. At each, up to the next block with a probe may be lost
    # on either side; what lies between two such places may be too short to be found at all.
    return sum(length + 3 * 2 * (PROBE_EVERY + 1) * BLOCK for _, _, _, length in changes)


@given(st.lists(edit(['insert', 'delete', 'change', 'zero']), max_size=6), st.integers(0, 3))
@settings(deadline=None)
def test_what_stays_in_order_is_found_again(changes: Any, seed: int) -> None:
    old = make('random', 400 * BLOCK + 5, seed)
    new = edited(old, changes)
    steps = steps_between(old, new)
    check(old, new, steps)
    assert sent(steps) <= most_to_be_sent(changes)


@given(edit(['move', 'repeat']), st.integers(0, 3))
@settings(deadline=None)
def test_what_goes_on_after_something_moved_is_found_again(change: Any, seed: int) -> None:
    old = make('random', 400 * BLOCK + 5, seed)
    new = edited(old, [change])
    steps = steps_between(old, new)
    check(old, new, steps)
    assert sent(steps) <= most_to_be_sent([change])


@given(
    st.integers(0, 1 << 40),
    st.sampled_from([BLOCK, 2 * BLOCK, 1 << 20]),
    st.binary(max_size=40),
    st.integers(0, 100),
    kinds,
    st.integers(0, 60 * BLOCK),
)
@settings(deadline=None, max_examples=50)
def test_a_hostile_signature_does_no_harm(
    size: int, block_bytes: int, seed: bytes, count: int, kind: str, new_size: int
) -> None:
    new = make(kind, new_size, 5)
    size = min(size, count * block_bytes)
    count = -(-size // block_bytes)
    hashes = (seed or b'x') * (count * HASH_BYTES)
    probes = (new[:7] + seed or b'x') * (count * PROBE_BYTES)
    hostile = Signature.unpack(
        (size, block_bytes, hashes[: count * HASH_BYTES], probes[: -(-count // PROBE_EVERY) * PROBE_BYTES])
    )
    with descriptor(new) as fd:
        steps = list(match(fd, len(new), hostile))
    check(
        new, new, [step for step in steps if step[0] == 'data'] if sent(steps) == len(new) else [('data', 0, len(new))]
    )
    assert sum(length for _, _, length in steps) == len(new)
    assert all(offset >= 0 and offset + length <= size for kind, offset, length in steps if kind == 'copy')


integers = st.integers(-5, 1 << 65)


@given(st.one_of(st.tuples(integers, integers, st.binary(), st.binary()), st.lists(st.none(), max_size=5), st.none()))
def test_any_value_is_a_signature_or_an_error(value: Any) -> None:
    try:
        Signature.unpack(value)
    except DecodeError:
        pass
