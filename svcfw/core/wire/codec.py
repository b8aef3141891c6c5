"""Codec: encodes and decodes values of a closed set of types; decoding executes nothing.

A value is a tag byte, and data as the tag says:

    00 None   01 False   02 True   03 int, 32 bits   04 int, 64 bits   05 float
    08..19    a length of 8 bits (even tags) or 32 bits (odd), then so many bytes (int, str, bytes, Secret) or values
              (list, tuple, set, frozenset; dict: twice as many, key and value in turn)
    1a        CallError: three str
    40..5f    an extension: one value
    60..7f    str of 0 to 31 bytes         80..ff    int 0 to 127

Numbers are big-endian, text is UTF-8 in which surrogates are allowed (file names that are not UTF-8 have them).
"""

import struct
from itertools import chain

from svcfw.core.wire.errors import CallError, DecodeError, EncodeError
from svcfw.core.wire.limits import (
    COMPOUND_KEY_WEIGHT,
    FEW_KEYS,
    MAX_DEPTH,
    MAX_FRAME_BYTES,
    MAX_VALUES,
    MAX_WEAK_KEYS,
)
from svcfw.core.wire.values import Secret

_INT32, _INT64, _FLOAT = 0x03, 0x04, 0x05
_INT, _STR, _BYTES, _SECRET = 0x08, 0x0A, 0x0C, 0x0E
_LIST, _TUPLE, _DICT, _SET, _FROZENSET = 0x10, 0x12, 0x14, 0x16, 0x18
_CALL_ERROR = 0x1A
_SHORT_STR, _SMALL_INT = 0x60, 0x80

_CONSTANTS = (None, False, True)
_CONSTANT_BYTES = {None: b'\0', False: b'\1', True: b'\2'}
_CONTAINER_TAGS: 'dict[type, int]' = {list: _LIST, tuple: _TUPLE, dict: _DICT, set: _SET, frozenset: _FROZENSET}
_CONTAINERS = {tag: cls for cls, tag in _CONTAINER_TAGS.items()}
_EMPTY = {cls: bytes((tag, 0)) for cls, tag in _CONTAINER_TAGS.items()}
_BYTE = [bytes((i,)) for i in range(256)]
_KEYED_HASHES = {str, bytes, Secret}
_CHEAP_KEYS = _KEYED_HASHES | {int, float, bool, type(None)}

_pack_int32 = struct.Struct('>Bi').pack
_pack_int64 = struct.Struct('>Bq').pack
_pack_float = struct.Struct('>Bd').pack
_pack_size8 = struct.Struct('>BB').pack
_pack_size32 = struct.Struct('>BI').pack
_unpack_size32 = struct.Struct('>I').unpack_from
_unpack_int32 = struct.Struct('>i').unpack_from
_unpack_int64 = struct.Struct('>q').unpack_from
_unpack_float = struct.Struct('>d').unpack_from


class Encoded(object):
    """A value that was encoded before (`data`), to be put into another one."""

    __slots__ = ('data',)

    def __init__(self, data):
        self.data = data


class Codec(object):
    """Encodes and decodes values. Any thread.

    extensions: (tag, cls, to_value, from_value) each: a tag from 0x40 to 0x5f, an exact type, `to_value(obj)`, which
    returns an encodable value, and `from_value(value)`, which makes an object of it; its exceptions become DecodeError.
    """

    def __init__(self, extensions=()):
        self._by_type = {cls: (tag, to_value) for tag, cls, to_value, _ in extensions}
        self._by_tag = {tag: from_value for tag, _, _, from_value in extensions}
        self._constants = {}

    def encode(self, value):
        """The bytes of a value. Types must be exact: the caller converts subclasses of the built-in ones.

        Raises EncodeError, which names the type and the place of an unsupported value, as in "value['a'][3]".
        """
        writer = _Writer(self._by_type)
        try:
            writer.put((value,), 0)
        except _Unfit as e:
            raise EncodeError('value%s: %s' % (''.join(reversed(e.steps[:-1])), e)) from None
        data = b''.join(writer.parts)
        if len(data) > MAX_FRAME_BYTES:
            raise EncodeError('%d bytes are above the limit of %d' % (len(data), MAX_FRAME_BYTES))
        return data

    def constant(self, value):
        """The Encoded of a value (hashable) that is sent again and again; cached for ever."""
        found = self._constants.get(value)
        if found is None:
            found = self._constants[value] = Encoded(self.encode(value))
        return found

    def decode(self, data, max_values=MAX_VALUES):
        """The value that `data` (bytes) encodes, from the first byte to the last. Raises DecodeError."""
        reader = _Reader(self._by_tag, data, max_values)
        try:
            (value,) = reader.take(1, 0)
        except (IndexError, struct.error):
            raise DecodeError('data ends within a value') from None
        except UnicodeDecodeError as e:
            raise DecodeError('invalid UTF-8: %s' % e.reason) from None
        if reader.at != len(data):
            raise DecodeError('%d bytes after the value' % (len(data) - reader.at))
        return value


class _Unfit(Exception):
    """Why a value cannot be encoded; `steps` collects the path to it while it is raised through the containers."""

    def __init__(self, reason):
        Exception.__init__(self, reason)
        self.steps = []


class _Writer(object):
    """One encoding: the parts so far, and their totals."""

    __slots__ = ('_extensions', 'parts', 'values', 'weak_keys')

    def __init__(self, extensions):
        self.parts = []
        self.values = 0
        self.weak_keys = 0
        self._extensions = extensions

    def put(self, values, depth, step=lambda values, i: '[%d]' % i):
        """Append the values of one container, `depth` containers deep. The commonest types come first, for speed."""
        append = self.parts.append
        self.values += len(values)
        if depth > MAX_DEPTH or self.values > MAX_VALUES:
            raise _Unfit('more than %d containers deep, or than %d values' % (MAX_DEPTH, MAX_VALUES))
        try:
            for value in values:
                kind = type(value)
                if kind is str:
                    try:
                        data = value.encode()
                    except UnicodeEncodeError:
                        data = value.encode('utf-8', 'surrogatepass')
                    size = len(data)
                    append(_BYTE[_SHORT_STR + size] if size < 32 else _head(_STR, size))
                    append(data)
                elif kind is int:
                    if 0 <= value < 128:
                        append(_BYTE[_SMALL_INT + value])
                    elif -0x80000000 <= value < 0x80000000:
                        append(_pack_int32(_INT32, value))
                    else:
                        append(_int(value))
                elif kind is bytes:
                    size = len(value)
                    append(_pack_size8(_BYTES, size) if size < 256 else _head(_BYTES, size))
                    append(value)
                elif kind in _CONTAINER_TAGS:
                    if value:
                        self._put_container(_CONTAINER_TAGS[kind], value, depth + 1)
                    else:
                        append(_EMPTY[kind])
                elif kind is Encoded:
                    append(value.data)
                elif value is None or kind is bool:
                    append(_CONSTANT_BYTES[value])
                else:
                    self._put_rare(kind, value, depth + 1)
        except _Unfit as e:
            # The same object would have failed at its first place.
            e.steps.append(step(values, next(i for i, other in enumerate(values) if other is value)))
            raise

    def _put_container(self, tag, value, depth):
        self.parts.append(_head(tag, len(value)))
        if tag < _DICT:
            self.put(value, depth)
            return
        self.weak_keys += _weak_keys(value)
        if self.weak_keys > MAX_WEAK_KEYS:
            raise _Unfit('too many keys that are neither str nor bytes')
        if tag == _DICT:
            self.put(list(chain.from_iterable(value.items())), depth, _dict_step)
        else:
            self.put(value, depth, lambda values, i: '{...}')

    def _put_rare(self, kind, value, depth):
        append = self.parts.append
        if kind is float:
            append(_pack_float(_FLOAT, value))
        elif kind is Secret:
            data = value.encode('utf-8', 'surrogatepass')
            append(_head(_SECRET, len(data)))
            append(data)
        elif kind is CallError:
            append(_BYTE[_CALL_ERROR])
            self.put((value.typename, value.message, value.traceback), depth, lambda values, i: '.args[%d]' % i)
        elif kind in self._extensions:
            tag, to_value = self._extensions[kind]
            append(_BYTE[tag])
            self.put((to_value(value),), depth, lambda values, i: '.<%s>' % kind.__name__)
        else:
            raise _Unfit('a %s.%s cannot travel' % (kind.__module__, kind.__qualname__))


def _dict_step(values, i):
    return '[%r]' % (values[i - 1],) if i % 2 else '.keys()[%d]' % (i // 2)


def _head(tag, size):
    if size < 256:
        return _pack_size8(tag, size)
    if size >= 1 << 32:
        raise _Unfit('%d bytes or members are too many' % size)
    return _pack_size32(tag + 1, size)


def _int(value):
    size = (value + (value < 0)).bit_length() // 8 + 1
    if size <= 8:
        return _pack_int64(_INT64, value)
    return _head(_INT, size) + value.to_bytes(size, 'big', signed=True)


def _weak_keys(keys):
    """How the keys of one dict or set count against MAX_WEAK_KEYS."""
    if len(keys) <= FEW_KEYS:
        return 0
    kinds = set(map(type, keys))
    if kinds <= _KEYED_HASHES:
        return 0
    return len(keys) if kinds <= _CHEAP_KEYS else len(keys) * COMPOUND_KEY_WEIGHT


class _Reader(object):
    """One decoding: its position, and how many values are still allowed."""

    __slots__ = ('_data', '_extensions', '_values', '_weak_keys', 'at')

    def __init__(self, extensions, data, max_values):
        self.at = 0
        self._data = data
        self._values = max_values
        self._weak_keys = MAX_WEAK_KEYS
        self._extensions = extensions

    def take(self, count, depth):
        """The next `count` values, as a list. Raises IndexError, struct.error or DecodeError if the data ends
        before."""
        data = self._data
        at, end = self.at, len(data)
        self._values -= count
        if count > end - at or depth > MAX_DEPTH or self._values < 0:
            raise DecodeError('%d values, %d containers deep, in %d bytes' % (count, depth, end - at))
        values: list = []
        append = values.append
        for _ in range(count):
            tag = data[at]
            at += 1
            if tag >= _SMALL_INT:
                append(tag - _SMALL_INT)
            elif tag >= _SHORT_STR:
                start = at
                at += tag - _SHORT_STR
                if at > end:
                    raise IndexError
                try:
                    append(data[start:at].decode())
                except UnicodeDecodeError:
                    append(data[start:at].decode('utf-8', 'surrogatepass'))
            elif tag == _INT32:
                append(_unpack_int32(data, at)[0])
                at += 4
            elif tag < _INT32:
                append(_CONSTANTS[tag])
            elif tag == _BYTES:
                start = at + 1
                at = start + data[at]
                if at > end:
                    raise IndexError
                append(data[start:at])
            elif tag == _TUPLE and data[at]:
                self.at = at + 1
                append(tuple(self.take(data[at], depth + 1)))
                at = self.at
            else:
                self.at = at
                take = self._take_sized if _INT <= tag < _CALL_ERROR else self._take_rare
                append(take(tag, depth + 1))
                at = self.at
        self.at = at
        return values

    def _take_sized(self, tag, depth):
        data = self._data
        if tag & 1:
            (size,) = _unpack_size32(data, self.at)
            start = self.at + 4
        else:
            size = data[self.at]
            start = self.at + 1
        kind = tag & ~1
        if kind >= _LIST:
            self.at = start
            return self._take_container(kind, size, depth)
        self.at = start + size
        if self.at > len(data):
            raise IndexError
        content = data[start : self.at]
        if kind == _BYTES:
            return content
        if kind != _INT:
            text = content.decode('utf-8', 'surrogatepass')
            return text if kind == _STR else Secret(text)
        return int.from_bytes(content, 'big', signed=True)

    def _take_container(self, kind, size, depth):
        if not size:
            return _CONTAINERS[kind]()
        if kind != _DICT:
            values = keys = self.take(size, depth)
            if kind == _LIST:
                return values
        else:
            values = self.take(size * 2, depth)
            keys = values[::2]
        if kind == _TUPLE:
            return tuple(values)
        self._weak_keys -= _weak_keys(keys)
        if self._weak_keys < 0:
            raise DecodeError('too many keys that are neither str nor bytes')
        try:
            made = dict(zip(keys, values[1::2])) if kind == _DICT else _CONTAINERS[kind](values)
        except TypeError as e:
            raise DecodeError(str(e)) from None
        if len(made) != size:
            raise DecodeError('duplicate key')
        return made

    def _take_rare(self, tag, depth):
        if tag in (_INT64, _FLOAT):
            self.at += 8
            return (_unpack_int64 if tag == _INT64 else _unpack_float)(self._data, self.at - 8)[0]
        if tag == _CALL_ERROR:
            args = self.take(3, depth)
            if set(map(type, args)) != {str}:
                raise DecodeError('a CallError has three str')
            return CallError(*args)
        from_value = self._extensions.get(tag)
        if from_value is None:
            raise DecodeError('unknown tag %#04x' % tag)
        (value,) = self.take(1, depth)
        try:
            return from_value(value)
        except DecodeError:
            raise
        except Exception as e:
            raise DecodeError('%s: %s' % (type(e).__name__, e)) from e
