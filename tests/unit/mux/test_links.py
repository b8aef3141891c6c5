"""What a transport is to start for a link."""

import pytest

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import DecodeError, StartError
from svcfw.mux import links


def link(**fields):
    return Codec().encode({'transport': 'ssh', 'host': 'h', 'env': {}, **fields})


def test_the_environment_is_the_clients_and_the_links_goes_before():
    made = links.spec(link(env={'LANG': 'C'}), 7, {'LANG': 'de', 'PATH': '/bin'}, '/usr/bin/python3', 2)
    assert (made.host, made.timeout_s, made.verbosity, made.modules_python) == ('h', 7, 2, '/usr/bin/python3')
    assert made.env == {'LANG': 'C', 'PATH': '/bin'}


def test_what_only_tells_links_apart_is_left_out():
    plain = links.spec(link(), 7, {}, None, 0)
    told = links.spec(link(set_by_config={'A': 'b'}, agent=b'keys', spoken_to=True), 7, {}, None, 0)
    assert vars(told) == vars(plain)


@pytest.mark.parametrize('bad', [b'', Codec().encode([1]), Codec().encode({'env': None}), link() + b'x'])
def test_what_is_no_link(bad):
    with pytest.raises(DecodeError):
        links.spec(bad, 7, {}, None, 0)


def test_an_option_that_there_is_not():
    with pytest.raises(StartError, match='pigeon'):
        links.spec(link(transport='pigeon'), 7, {}, None, 0)
