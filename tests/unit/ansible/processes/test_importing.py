"""What is done as core imports the plugin: in its main process, and in a worker."""

from typing import Any

import pytest

from svcfw.ansible.processes import importing


@pytest.mark.parametrize(('parent', 'expected'), [(None, ['preload']), (object(), ['a.b.c'])], ids=['main', 'worker'])
def test_who_imports_it(parent: Any, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(importing, 'parent_process', lambda: parent)
    monkeypatch.setattr(importing.preload, 'preload', lambda: done.append('preload'))
    monkeypatch.setattr(importing.definitions, 'offer', done.append)
    importing.imported('a.b.c')
    assert done == expected
