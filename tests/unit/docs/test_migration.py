"""Each name of svcfw that the page for users of Mitogen gives exists, with the parameters that it shows."""

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import svcfw
import svcfw.service
from svcfw.transport.spec import Spec

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


def resolve(name: str) -> Any:
    """What a name stands for: from a module on, or from a public name of `svcfw` or `svcfw.service`."""
    first, *rest = name.split('.')
    if first == 'svcfw':
        for length in range(len(name.split('.')), 0, -1):
            module = '.'.join(name.split('.')[:length])
            try:
                return follow(importlib.import_module(module), name.split('.')[length:])
            except ModuleNotFoundError:
                continue
    if first in svcfw.service.__all__:
        return follow(getattr(svcfw.service, first), rest)
    return follow(getattr(svcfw, first), rest)


def follow(thing: Any, path: list[str]) -> Any:
    for name in path:
        if inspect.isclass(thing) and not hasattr(thing, name):
            if not any(name in declared(base) for base in thing.__mro__):
                raise AttributeError(f'{thing} has no {name}')
            return None  # of an instance
        thing = getattr(thing, name)
    return thing


def declared(cls: type) -> set[str]:
    """The attributes that the stub says an instance has."""
    stub = ROOT.joinpath(*cls.__module__.split('.')).with_suffix('.pyi')
    if not stub.exists():
        return set()
    return {
        each.target.id
        for node in ast.parse(stub.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }


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
