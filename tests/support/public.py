"""Looks up public names as documents write them."""

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any

import svcfw
import svcfw.service

ROOT = Path(__file__).parents[2]


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
