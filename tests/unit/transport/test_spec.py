import pytest

from svcfw.core.wire.errors import StartError
from svcfw.transport.spec import Spec


@pytest.mark.parametrize(
    ('fields', 'kind', 'word'),
    [
        ({'host': 'web1', 'transport': 'telnet'}, 'option', 'telnet'),
        ({'host': 'web1', 'colour': 'red'}, 'option', 'colour'),
        ({'host': '-oProxyCommand=evil'}, 'config', 'evil'),
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


def test_secrets_do_not_show() -> None:
    shown = repr(Spec(host='web1', password='open sesame', passphrase='swordfish'))
    assert 'web1' in shown
    assert 'sesame' not in shown
    assert 'swordfish' not in shown
