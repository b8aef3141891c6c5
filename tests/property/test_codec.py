"""Any value comes back as it was, any bytes are a value or a DecodeError, and old Pythons agree."""

import struct
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import DecodeError
from tests.property.wire_values import shape, values
from tests.support.interpreters import need_python
from tests.support.timing import seconds

CODEC = Codec()
ROOT = Path(__file__).resolve().parents[2]


@given(values)
def test_round_trip(value):
    assert shape(CODEC.decode(CODEC.encode(value))) == shape(value)


@given(st.binary(max_size=200))
@example(b'\x16\x02\x80\x01')
def test_any_bytes_are_a_value_or_an_error(data):
    try:
        value = CODEC.decode(data)
    except DecodeError:
        return
    assert shape(CODEC.decode(CODEC.encode(value))) == shape(value)


@given(values, st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_damaged_message_is_a_value_or_an_error(value, damages):
    data = bytearray(CODEC.encode(value))
    for place, byte in damages:
        data[place % len(data)] = byte
    try:
        CODEC.decode(bytes(data))
    except DecodeError:
        pass


@given(st.binary(max_size=2000) | st.sampled_from(range(256)).map(lambda tag: bytes([tag]) * 2000))
@settings(max_examples=50)
def test_decoding_allocates_a_small_multiple_of_the_input(data):
    tracemalloc.start()
    try:
        CODEC.decode(data)
    except DecodeError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # Two bytes make at most a set of 216 bytes; some 20 kB are the exception and its frames.
    assert peak < 20_000 + 150 * len(data)


ECHO = """
import struct, sys
from svcfw.core.wire.codec import Codec
codec = Codec()
source, sink = sys.stdin.buffer, sys.stdout.buffer
while True:
    head = source.read(4)
    if not head:
        break
    data = codec.encode(codec.decode(source.read(struct.unpack('>I', head)[0])))
    sink.write(struct.pack('>I', len(data)) + data)
    sink.flush()
"""


@pytest.fixture(scope='module')
def old_python():
    """exchange(bytes) -> bytes, through a Python 3.6 that decodes and encodes them."""
    command = [need_python('3.6'), '-B', '-S', '-c', ECHO]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def exchange(data):
            process.stdin.write(struct.pack('>I', len(data)) + data)
            process.stdin.flush()
            (size,) = struct.unpack('>I', process.stdout.read(4))
            return process.stdout.read(size)

        yield exchange
        process.stdin.close()
        assert process.wait(seconds(20)) == 0


@given(value=values)
@settings(deadline=None)
def test_python_3_6_agrees(old_python, value):
    assert shape(CODEC.decode(old_python(CODEC.encode(value)))) == shape(value)
