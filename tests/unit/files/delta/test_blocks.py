"""What of a changed file has to travel, in known cases."""

import os
import random

import pytest

from svcfw.files.delta import blocks
from svcfw.files.delta.blocks import Signature, match, signature
from svcfw.files.delta.signature import block_hash
from tests.unit.files.delta.contents import BLOCK, OLD, fill, noise

Steps = list[tuple[str, int, int]]


def steps(fd: int, old: bytes, new: bytes) -> Steps:
    fill(fd, old)
    present = signature(fd, len(old))
    fill(fd, new)
    return list(match(fd, len(new), present))


def test_an_unchanged_file_is_one_copy(fd: int) -> None:
    assert steps(fd, OLD, OLD) == [('copy', 0, len(OLD))]


def test_nothing_is_no_step(fd: int) -> None:
    assert steps(fd, OLD, b'') == []
    assert steps(fd, b'', b'') == []
    assert steps(fd, b'', b'x') == [('data', 0, 1)]


def test_a_change_in_place(fd: int) -> None:
    at = 10 * BLOCK + 5
    new = OLD[:at] + b'!' + OLD[at + 1 :]
    assert steps(fd, OLD, new) == [
        ('copy', 0, 10 * BLOCK),
        ('data', 10 * BLOCK, BLOCK),
        ('copy', 11 * BLOCK, len(OLD) - 11 * BLOCK),
    ]


def test_something_put_in_front(fd: int) -> None:
    assert steps(fd, OLD, b'front' + OLD) == [('data', 0, 5), ('copy', 0, len(OLD))]


def test_something_put_in_the_middle(fd: int) -> None:
    at = 10 * BLOCK + 5
    assert steps(fd, OLD, OLD[:at] + b'middle' + OLD[at:]) == [
        ('copy', 0, 10 * BLOCK),
        ('data', 10 * BLOCK, BLOCK + 6),
        ('copy', 11 * BLOCK, len(OLD) - 11 * BLOCK),
    ]


def test_something_appended(fd: int) -> None:
    assert steps(fd, OLD, OLD + b'end') == [('copy', 0, len(OLD)), ('data', len(OLD), 3)]


def test_something_cut_off(fd: int) -> None:
    assert steps(fd, OLD, OLD[:-200]) == [('copy', 0, 255 * BLOCK), ('data', 255 * BLOCK, BLOCK - 100)]


def test_the_last_bytes_after_a_change_before(fd: int) -> None:
    new = OLD[: 200 * BLOCK] + bytes(range(256)) * 400 + OLD[-100:]
    assert steps(fd, OLD, new)[-1] == ('copy', 256 * BLOCK, 100)


def test_a_large_part_put_in_and_a_large_part_cut(fd: int) -> None:
    new = noise(random.Random(2), 3 << 20) + OLD
    assert steps(fd, OLD, new) == [('data', 0, 3 << 20), ('copy', 0, len(OLD))]
    found = steps(fd, OLD, OLD[: 20 * BLOCK] + OLD[180 * BLOCK + 77 :])
    assert found == [
        ('copy', 0, 20 * BLOCK),
        ('data', 20 * BLOCK, BLOCK - 77),
        ('copy', 181 * BLOCK, len(OLD) - 181 * BLOCK),
    ]


def test_zeros_do_not_lead_astray(fd: int) -> None:
    pages = random.Random(3)
    old = b''.join(noise(pages, BLOCK) + bytes(3 * BLOCK) for _ in range(100))
    assert steps(fd, old, b'ab' + old) == [('data', 0, 2), ('copy', 0, len(old))]


def test_probes_found_in_every_line_do_not_hide_the_others(fd: int) -> None:
    numbers = random.Random(5)
    lines = [b'%08d some log line with words %d\n' % (i, numbers.randrange(1000)) for i in range(30000)]
    old = b''.join(lines)
    for _ in range(20):
        lines.insert(numbers.randrange(len(lines)), b'an inserted line\n')
    found = steps(fd, old, b''.join(lines))
    assert sum(length for kind, _, length in found if kind == 'data') < 20 * 3 * BLOCK


def test_pages_alike_take_bounded_effort(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = random.Random(4)
    old = b''.join(b'A PAGE AS OTHERS' * 200 + noise(pages, BLOCK - 3200) for _ in range(256))
    new = b'A PAGE AS OTHERS' * 65536
    effort = []
    original = blocks.block_hash
    monkeypatch.setattr(blocks, 'block_hash', lambda data: effort.append(len(data)) or original(data))
    monkeypatch.setattr(blocks, '_FIRST_EFFORT', 0)
    assert steps(fd, old, new) == [('data', 0, len(new))]
    assert sum(effort) < 30 * (len(old) + len(new))


def test_a_file_that_became_shorter_ends(fd: int) -> None:
    fill(fd, OLD)
    present = signature(fd, len(OLD))
    assert signature(fd, 1 << 40).size == len(OLD)
    os.ftruncate(fd, 50 * BLOCK + 1)
    assert list(match(fd, len(OLD), present)) == [('copy', 0, 50 * BLOCK), ('data', 50 * BLOCK, len(OLD) - 50 * BLOCK)]
    os.ftruncate(fd, 0)
    assert list(match(fd, 1 << 60, present)) == [('data', 0, 1 << 60)]


def test_any_content_of_a_hostile_signature_is_bounded(fd: int) -> None:
    fill(fd, bytes(1 << 20))
    zero = block_hash(bytes(BLOCK))
    hostile = Signature.unpack((50 * BLOCK, BLOCK, zero * 50, bytes(range(16)) * 7))
    found = list(match(fd, 1 << 20, hostile))
    assert sum(length for _, _, length in found) == 1 << 20
    assert all(offset + length <= 50 * BLOCK for _, offset, length in found)
