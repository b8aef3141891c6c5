"""What a client says that a job may ask for."""

import os
import subprocess

import pytest

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import DecodeError
from svcfw.mux.offer import Offer, decoded, start_time

OFFER = Offer((1, 2), 'python', ['a'], '/', [], ['a.B'], ['/srv'], [], 1, {'inventory_hostname': 'h', 'module': None})


def test_it_travels() -> None:
    codec = Codec()
    assert decoded(codec.decode(codec.encode(tuple(OFFER)))) == OFFER


@pytest.mark.parametrize(
    'value', [None, (), tuple(OFFER)[:-1], tuple(OFFER._replace(services='a.B')), tuple(OFFER._replace(run=(1,)))]
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(DecodeError):
        decoded(value)


def test_a_process_is_known_by_its_start() -> None:
    assert start_time(os.getpid()) == start_time(os.getpid())
    with subprocess.Popen(['sleep', '1000']) as process:
        assert start_time(process.pid) >= start_time(os.getpid())
        process.kill()
        process.wait()
        with pytest.raises(OSError, match=r'No such file|No such process'):
            start_time(process.pid)
