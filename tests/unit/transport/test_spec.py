import os
from pathlib import Path

import pytest

from svcfw.core.wire.errors import StartError
from svcfw.transport.spec import Spec


@pytest.mark.parametrize(
    ('fields', 'kind', 'word'),
    [
        ({'host': 'web1', 'transport': 'telnet'}, 'option', 'telnet'),
        ({'host': 'web1', 'colour': 'red'}, 'option', 'colour'),
        ({'host': '-oProxyCommand=evil'}, 'config', 'evil'),
        ({'host': 'web1', 'python': ['python3', '-I']}, 'option', '`python` is of type list, expected str'),
        ({'host': 'web1', 'port': '22'}, 'option', '`port` is of type str, expected int'),
        ({'host': 'web1', 'ssh_args': '-4'}, 'option', '`ssh_args` is of type str, expected list'),
        ({'host': 'web1', 'timeout_s': '5'}, 'option', '`timeout_s` is of type str, expected float'),
        ({'host': 'web1', 'password': b'swordfish'}, 'option', '`password` is of type bytes, expected str'),
        ({'host': 'web1', 'timeout_s': None}, 'option', '`timeout_s` is of type NoneType, expected float'),
        ({'host': 7}, 'option', '`host` is of type int, expected str'),
        ({'host': ''}, 'config', 'host'),
        ({'host': 'two words'}, 'config', 'two words'),
        ({'host': 'nul\0'}, 'config', 'host'),
    ],
)
def test_what_is_refused(fields: dict[str, object], kind: str, word: str) -> None:
    with pytest.raises(StartError) as raised:
        Spec(**fields)
    assert raised.value.kind == kind
    assert word in raised.value.cause
    assert 'swordfish' not in str(raised.value)


def test_paths_and_mappings_are_plain_values_from_then_on() -> None:
    """They are sent to the context that starts it."""
    spec = Spec(host='h', cwd=Path('/a'), private_key_file=Path('/b'), ssh_executable=Path('/c'), env=os.environ)
    assert [spec.cwd, spec.private_key_file, spec.ssh_executable] == ['/a', '/b', '/c']
    assert (type(spec.env), spec.env) == (dict, dict(os.environ))


def test_secrets_do_not_show() -> None:
    shown = repr(Spec(host='web1', password='open sesame', passphrase='swordfish'))
    assert 'web1' in shown
    assert 'sesame' not in shown
    assert 'swordfish' not in shown
