"""What the limits promise of each other, and of the interpreter that they protect."""

import sys
import threading

from svcfw.core import handles
from svcfw.core.wire import limits
from svcfw.core.wire.codec import Codec

MIB = 1024 * 1024
#: Python frames that a program may have used when it decodes, of the 1000 that an interpreter has by default.
FRAMES_IN_USE = 600
#: The largest threshold to which glibc's malloc() goes by itself (mallopt(3), DEFAULT_MMAP_THRESHOLD_MAX).
MALLOC_LEARNS_BYTES = 32 * MIB


def nested(depth):
    value = None
    for _ in range(depth):
        value = [value]
    return value


def deeper(frames, function):
    return function() if frames == 0 else deeper(frames - 1, function)


def test_the_deepest_value_leaves_frames_for_its_callers():
    codec, outcome = Codec(), []

    def run():
        value = nested(limits.MAX_DEPTH)
        outcome.append(deeper(FRAMES_IN_USE, lambda: codec.decode(codec.encode(value))) == value)

    thread = threading.Thread(target=run)  # whose stack is empty, unlike that of a test
    thread.start()
    thread.join()
    assert outcome == [True]


def test_the_largest_message_is_bounded_in_memory():
    assert limits.MAX_VALUES * sys.getsizeof(set()) <= 250 * MIB


def test_a_loop_decodes_less_than_others_and_every_small_dict_may_have_any_keys():
    assert limits.FEW_VALUES < limits.MAX_VALUES
    assert limits.FEW_KEYS < limits.MAX_WEAK_KEYS // limits.COMPOUND_KEY_WEIGHT


def test_reads_grow_and_shrink():
    """From the read of small frames to that of bulk data, which is no more than malloc() keeps."""
    sizes = [
        limits.SMALL_FRAME_BYTES,
        limits.SHORT_READ_BYTES,
        limits.READ_BYTES,
        limits.BULK_READ_BYTES,
        limits.KEPT_BYTES,
        MALLOC_LEARNS_BYTES,
    ]
    assert sizes == sorted(set(sizes))


def test_credit_grows_and_one_frame_may_use_it_up():
    assert limits.BULK_READ_BYTES < limits.WINDOW_BYTES < limits.MAX_WINDOW_BYTES
    assert limits.WINDOW_BYTES <= limits.MAX_FRAME_BYTES


def test_ids_of_one_link_are_a_million_and_fit_a_frame():
    assert 1000000 <= limits.MAX_BLOCKS * handles.ID_BLOCK < 1 << 32
