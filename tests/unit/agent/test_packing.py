import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcfw.agent import packing
from svcfw.core.wire.codec import Codec

PARAMS = (
    b'{"ANSIBLE_MODULE_ARGS": {"_raw_params": "echo", "_uses_shell": false, "_ansible_check_mode": false, '
    b'"_ansible_no_log": false, "_ansible_debug": false, "_ansible_diff": false, "_ansible_verbosity": 0, '
    b'"_ansible_version": "2.21.5", "_ansible_module_name": "ansible.legacy.command", '
    b'"_ansible_syslog_facility": "LOG_USER", "_ansible_socket": null, "_ansible_shell_executable": "/bin/sh"}}'
)


@given(st.binary(max_size=2 * packing.MIN_BYTES))
def test_whatever_it_is_it_comes_back(request: bytes) -> None:
    assert packing.unpack(packing.pack(request)) == request


def test_the_largest_comes_back_whole() -> None:
    request = bytes(packing.MAX_BYTES)
    assert packing.is_packed(request)
    assert packing.unpack(packing.pack(request)) == request
    assert not packing.is_packed(request + b'x')
    assert not packing.is_packed(b'short')


def test_what_is_packed_is_short() -> None:
    request = Codec().encode(('module', 7, ({'kind': 'module', 'format': 'v2', 'params': PARAMS},)))
    assert len(packing.pack(request)) < len(request) / 4


def test_no_more_than_the_largest_is_unpacked() -> None:
    assert len(packing.unpack(packing.pack(bytes(10 * packing.MAX_BYTES)))) == packing.MAX_BYTES


def test_what_is_not_packed_is_an_error() -> None:
    with pytest.raises(zlib.error):
        packing.unpack(b'\xff' * 100)
