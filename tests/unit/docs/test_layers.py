"""A module that is loaded by its name counts as an import: import-linter sees only statements."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
#: Names of modules that lie above the one that has them, and why.
ABOVE = {
    ('svcfw.service', 'svcfw.files.service'): 'a public name of the library, resolved when a program uses it',
    ('svcfw.boot.public', 'svcfw.transport.paramiko'): 'says what is not sent; nothing is loaded',
    ('svcfw.mux.server.services.host', 'svcfw.ansible.services.granting'): 'says what the service host may fetch',
    ('svcfw.mux.server.services.host', 'svcfw.ansible.services.policies'): 'the same',
    ('svcfw.mux.server.services.host', 'svcfw.ansible.services.ready.artifacts'): 'the same',
    ('svcfw.mux.server.services.host', 'svcfw.ansible.services.ready.semaphores'): 'the same',
}


def levels() -> dict[str, int]:
    """{layer: its height} of the contract for import-linter."""
    contracts = tomllib.loads((ROOT / 'pyproject.toml').read_text())['tool']['importlinter']['contracts']
    (layers,) = [contract['layers'] for contract in contracts if contract['type'] == 'layers']
    return {name.strip(): height for height, layer in enumerate(reversed(layers)) for name in layer.split('|')}


def level_of(module: str, heights: dict[str, int]) -> int | None:
    return heights.get('.'.join(module.split('.')[:2]))


def modules() -> dict[str, Path]:
    found = {}
    for path in (ROOT / 'svcfw').rglob('*.py'):
        parts = path.relative_to(ROOT).with_suffix('').parts
        found['.'.join(parts[:-1] if parts[-1] == '__init__' else parts)] = path
    return found


def named(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules whose names stand as strings in a file's code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and node.value in known and node.value != 'svcfw':
            yield node.value


def test_what_is_loaded_by_its_name_is_of_the_same_layer_or_below() -> None:
    heights, known = levels(), modules()
    found = set()
    for module, path in known.items():
        own = level_of(module, heights)
        for name in named(path, known):
            height = level_of(name, heights)
            if own is not None and height is not None and height > own:
                found.add((module, name))
    assert found == set(ABOVE)
