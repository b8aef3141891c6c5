"""What the threat model names is there."""

import re

from svcfw.boot import public
from tests.support.hosts import CHECKOUT

PAGE = (CHECKOUT / 'docs' / 'security.md').read_text('utf-8')
#: A test file, or folder, and what in it is named right after it.
NAMED = re.compile(r'`(tests/[\w/.]+)`(?:[,:]? \(?`(\w+)`)?')


def test_its_tests_exist() -> None:
    found = NAMED.findall(PAGE)
    assert len(found) > 20
    for path, name in found:
        assert (CHECKOUT / path).exists(), path
        if name:
            texts = [file.read_text('utf-8') for file in (CHECKOUT / path).parent.glob('*.py')]
            assert any(name in text for text in texts), f'{path}: {name}'


def test_what_may_be_sent_is_listed() -> None:
    sent = {name.split('.')[1] for name in public.names() if '.' in name}
    for folder in sent:
        assert re.search(rf'`{folder}(\.\w+)?`', PAGE), folder
    assert not any('paramiko' in name for name in public.names())
