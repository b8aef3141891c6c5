import sys

import pytest

from svcfw.core.wire.errors import StartError
from svcfw.transport import local
from svcfw.transport.spec import Spec


def test_our_own_interpreter_by_default() -> None:
    words = local.argv(Spec(transport='local'), 100)
    assert words[:2] == [sys.executable, '-c']


def test_one_to_try_first() -> None:
    words = local.argv(Spec(transport='local', preferred_python='python9'), 100)
    assert words[0] == '/bin/sh'
    assert words[words.index('python9') + 1] == 'python3'


def test_one_to_use_is_the_only_one() -> None:
    words = local.argv(Spec(transport='local', python='python9', preferred_python='python8'), 100)
    assert words[-1] == 'python9'
    assert 'python3' not in words


def test_an_interpreter_that_cannot_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local.sys, 'executable', '/nonexistent/python')
    with pytest.raises(StartError) as raised:
        local.launch(Spec(transport='local'), 100)
    assert raised.value.host == 'localhost'
    assert '/nonexistent/python' in raised.value.cause
