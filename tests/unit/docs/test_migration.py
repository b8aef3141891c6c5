"""Each name of svcfw that the page for users of Mitogen gives exists, with the parameters that it shows."""

import ast
import inspect
import re
from pathlib import Path

from svcfw.transport.spec import Spec
from tests.support.public import resolve

ROOT = Path(__file__).parents[3]
PAGE = ROOT / 'docs' / 'migrate-from-mitogen.md'

_NAME = re.compile(r'`(\w+(?:\.\w+)*)(?:\(([^`]*)\))?`')


def names() -> list[tuple[str, str]]:
    """(name, its arguments) in the second column of each table, and everywhere as `svcfw.…`."""
    found: dict[tuple[str, str], None] = {}
    for line in PAGE.read_text().splitlines():
        cells = line.split(' | ')
        if line.startswith('| ') and len(cells) > 2 and cells[1] not in ('svcfw', '`svcfw.service`'):
            found.update(dict.fromkeys(_NAME.findall(cells[1])))
        found.update(dict.fromkeys(each for each in _NAME.findall(line) if each[0].startswith('svcfw.')))
    return list(found)


def objection(name: str, arguments: str) -> str | None:
    """What is wrong with a name, and the arguments shown with it; None if nothing is."""
    try:
        thing = resolve(name)
    except (AttributeError, ImportError) as e:
        return f'{name}: {e}'
    if not arguments:
        return None
    takes = {
        **(inspect.signature(Spec).parameters if name == 'Router.ssh' else {}),
        **inspect.signature(thing).parameters,
    }
    shown = ast.parse(f'f({arguments})', mode='eval').body
    assert isinstance(shown, ast.Call)
    unknown = {ast.unparse(each) for each in shown.args} | {str(each.arg) for each in shown.keywords}
    return f'{name} takes no {unknown - set(takes)}' if unknown - set(takes) else None


def test_what_the_page_names_exists() -> None:
    found = names()
    assert len(found) > 100
    assert [text for text in (objection(*each) for each in found) if text] == []
