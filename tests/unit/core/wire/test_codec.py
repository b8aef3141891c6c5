import math
import struct
import sys
import tracemalloc

import pytest

from svcfw.core.wire import limits
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import CallError, DecodeError, EncodeError
from svcfw.core.wire.values import Secret


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)

    def __hash__(self):
        return hash((self.x, self.y))


def point_from(value):
    x, y = value
    return Point(x, y)


POINT_TAG = 0x42
CODEC = Codec([(POINT_TAG, Point, lambda point: [point.x, point.y], point_from)])

LIST32 = 0x11
SET8, SET32, DICT8 = 0x16, 0x17, 0x14


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    'value',
    [
        None,
        False,
        True,
        *(
            sign * (1 << bits) + add
            for bits in (0, 6, 7, 8, 31, 32, 63, 64, 8000)
            for sign in (1, -1)
            for add in (-1, 0)
        ),
        pytest.param(-(1 << 99999), id='huge negative'),
        pytest.param((1 << 100000) - 1, id='huge'),
        0.0,
        -1.5,
        math.inf,
        sys.float_info.min,
        '',
        'a' * 31,
        'a' * 32,
        'a' * 256,
        'é' * 20,
        '\x00\U0001f600',
        '\udcff\ud800\udc00',
        b'',
        b'\xff' * 255,
        b'\0' * 70000,
        [],
        (),
        {},
        set(),
        frozenset(),
        [1, 'a', [None, (True,)]],
        list(range(300)),
        {'a': {1: b'x'}, (1, frozenset([2])): [], None: False},
        {1, 'a', b'a', (1, 2), frozenset(['x'])},
        Secret('pass\udc80word'),
        {Secret('k'): Secret('v')},
        Point(1, [Point('a', None)]),
        {Point(1, 2): 3},
        nested(limits.MAX_DEPTH),
    ],
    ids=lambda value: (
        type(value).__name__ if isinstance(value, (set, frozenset, dict)) else repr(value)[:30]
    ),  # their order varies
)
def test_round_trip(value):
    back = CODEC.decode(CODEC.encode(value))
    assert back == value
    assert type(back) is type(value)


def test_nan():
    assert math.isnan(CODEC.decode(CODEC.encode(math.nan)))


def test_call_error():
    error = CODEC.decode(CODEC.encode([CallError('a.B', 'no', 'Traceback\udc80')]))[0]
    assert type(error) is CallError
    assert error.args == ('a.B', 'no', 'Traceback\udc80')


def test_secret_stays_secret():
    back = CODEC.decode(CODEC.encode(['user', Secret('hunter2')]))
    assert 'hunter2' not in repr(back)
    assert back[1].reveal() == 'hunter2'


def test_small_values_are_compact():
    assert len(CODEC.encode(5)) == 1
    assert len(CODEC.encode('name')) == 5
    assert len(CODEC.encode({'a': 1})) == 5


def test_the_order_of_a_dict_is_kept():
    value = {'b': 1, 'a': 2}
    assert list(CODEC.decode(CODEC.encode(value))) == ['b', 'a']
    assert CODEC.encode(value) != CODEC.encode({'a': 2, 'b': 1})


class Text(str):
    pass


class Mapping(dict):
    pass


@pytest.mark.parametrize(
    ('value', 'where', 'what'),
    [
        pytest.param(object(), 'value: ', 'builtins.object', id='an object'),
        ({'a': [1, 2, 3, object()]}, "value['a'][3]: ", 'builtins.object'),
        ([[0], (1, {2: len})], 'value[1][1][2]: ', 'builtin_function_or_method'),
        ({(1, Text('x')): 0}, 'value.keys()[0][1]: ', 'test_codec.Text'),
        ({'s': {Text('x')}}, "value['s']{...}: ", 'test_codec.Text'),
        (['a', Mapping()], 'value[1]: ', 'test_codec.Mapping'),
        ([True, bytearray()], 'value[1]: ', 'builtins.bytearray'),
        ([Point(1, 2j)], 'value[0].<Point>[1]: ', 'builtins.complex'),
        ({Secret('s3cret'): 1j}, 'value[<secret>]: ', 'builtins.complex'),
        (nested(limits.MAX_DEPTH + 1), 'value[0][0]', 'deep'),
        ({Point(i, 0) for i in range(700)}, 'value: ', 'neither str nor bytes'),
        (dict.fromkeys(range(limits.MAX_WEAK_KEYS + 1)), 'value: ', 'neither str nor bytes'),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_cannot_travel_is_named_by_type_and_place(value, where, what):
    with pytest.raises(EncodeError) as info:
        CODEC.encode(value)
    assert str(info.value).startswith(where)
    assert what in str(info.value)


def test_a_cycle_is_an_error():
    value = []
    value.append(value)
    with pytest.raises(EncodeError, match='deep'):
        CODEC.encode(value)


def test_shared_containers_cannot_run_away():
    value = [0] * 10
    for _ in range(20):
        value = [value] * 10
    with pytest.raises(EncodeError, match='values'):
        CODEC.encode(value)


def test_a_payload_above_the_limit_is_an_error():
    with pytest.raises(EncodeError, match='limit'):
        CODEC.encode([b'x' * limits.MAX_FRAME_BYTES])


def test_many_str_keys_and_int_keys_up_to_the_limit():
    for value in ({str(i): i for i in range(limits.MAX_WEAK_KEYS * 2)}, set(range(limits.MAX_WEAK_KEYS))):
        assert CODEC.decode(CODEC.encode(value)) == value


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'\x03\0\0',
        b'\x04' + b'\0' * 7,
        b'\x05',
        b'\x62a',
        b'\x0a',
        b'\x0a\x05abc',
        b'\x0b\0\0',
        b'\x0d\xff\xff\xff\xffabc',
        b'\x10\x02\x81',
        bytes([LIST32]) + b'\xff\xff\xff\xff' + b'\0' * 100,
        bytes([DICT8]) + b'\x02\x81\x82\x83',
        b'\x81\x81',
        b'\x61\xff',
        b'\x62\xc3\x28',
        b'\x0a\x01\x80',
        b'\x0e\x01\x80',
        b'\x06',
        b'\x1b',
        b'\x1a\x61a\x61b\x81',
        b'\x1a\x61a\x61b',
        b'\x40\x81',
        b'\x3f',
        bytes([POINT_TAG]) + b'\x81',
        bytes([POINT_TAG]) + b'\x10\x01\x81',
        bytes([POINT_TAG]),
        bytes([SET8]) + b'\x01\x10\x00',
        bytes([SET8]) + b'\x02\x81\x81',
        bytes([SET8]) + b'\x02\x81\x02',
        bytes([DICT8]) + b'\x01\x14\x00\x00',
        bytes([DICT8]) + b'\x02\x61a\x81\x61a\x82',
        b'\x10\x01' * 101 + b'\0',
        b'\x42' * 1000,
        b'\x1a' * 1000,
        b'\x08\xff',
    ],
    ids=repr,
)
def test_hostile_bytes(data):
    with pytest.raises(DecodeError):
        CODEC.decode(data)


def test_every_beginning_of_a_message_is_an_error():
    data = CODEC.encode(
        [1, 1000, 1 << 40, 1 << 70, 'a', 'b' * 40, b'c', 1.5, {'k': {1}}, Point(1, 2), CallError('', '', '')]
    )
    for end in range(len(data)):
        with pytest.raises(DecodeError):
            CODEC.decode(data[:end])


def test_an_extension_that_raises_decode_error_is_left_alone():
    error = DecodeError('mine')

    def refuse(value):
        raise error

    with pytest.raises(DecodeError) as info:
        Codec([(0x40, Point, None, refuse)]).decode(b'\x40\0')
    assert info.value is error


def colliding_ints(count):
    """Distinct ints of one hash: multiples of the prime that int hashes are taken modulo of."""
    for i in range(1, count + 1):
        number = i * (2**61 - 1)
        content = number.to_bytes(number.bit_length() // 8 + 1, 'big', signed=True)
        yield bytes([0x08, len(content)]) + content


@pytest.mark.parametrize(
    ('count', 'wrap'),
    [
        (limits.MAX_WEAK_KEYS + 1, lambda item: item),
        (limits.MAX_WEAK_KEYS // limits.COMPOUND_KEY_WEIGHT + 1, lambda item: b'\x12\x01' + item),
        (limits.MAX_WEAK_KEYS // limits.COMPOUND_KEY_WEIGHT + 1, lambda item: b'\x18\x01' + item),
    ],
    ids=['int', 'tuple', 'frozenset'],
)
def test_colliding_keys_are_refused_before_they_are_hashed(count, wrap):
    data = bytes([SET32]) + struct.pack('>I', count) + b''.join(map(wrap, colliding_ints(count)))
    with pytest.raises(DecodeError, match='keys'):
        CODEC.decode(data)


def test_weak_keys_are_counted_over_the_whole_message():
    some = bytes([SET32]) + struct.pack('>I', 4000) + b''.join(b'\x03' + struct.pack('>i', i) for i in range(4000))
    assert len(CODEC.decode(b'\x10\x02' + some * 2)) == 2
    with pytest.raises(DecodeError, match='keys'):
        CODEC.decode(b'\x10\x03' + some * 3)


@pytest.mark.parametrize(
    'data',
    [
        b'\x0d\x03\xff\xff\xff' + b'x' * 1000,
        bytes([LIST32]) + b'\x7f\xff\xff\xff' + b'\0' * 1000,
        bytes([LIST32]) + struct.pack('>I', limits.MAX_VALUES) + b'\x16\0' * limits.MAX_VALUES,
        b'\x10\xff' * 50,
    ],
    ids=['bytes', 'list', 'too many sets', 'nested'],
)
def test_a_count_alone_allocates_nothing(data):
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            CODEC.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
