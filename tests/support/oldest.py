"""The tests of what runs on targets, made to run on Python 3.6 themselves, and a place with a pytest for it.

Tests are written for 3.11; these differ from what 3.6 understands in their annotations only, which are taken out here.
Left out is what starts children, which takes the controller's half, and what is named in LEFT_OUT.
"""

import ast
import shutil
import subprocess
from pathlib import Path

from tests.support.hosts import CHECKOUT
from tests.support.interpreters import need_python
from tests.support.venvs import cache, locked

#: Folders of tests, and what they import.
TESTS = ('tests/unit/core', 'tests/unit/service', 'tests/unit/files')
SUPPORT = tuple(f'tests/support/{name}.py' for name in ('contents', 'loops', 'routers', 'timing'))
#: Who imports one of these is left out.
CONTROLLER = (
    'tests.support.called',
    'tests.support.children',
    'tests.support.interpreters',
    'svcfw.boot',
    'svcfw.program',
)
#: Makes its scenery with what `pathlib` and `subprocess` have since 3.8; tests what only 3.9 needs.
LEFT_OUT = ('test_destination.py', 'test_archive.py')
SETTINGS = '[pytest]\naddopts = --strict-markers -m "not slow"\nfilterwarnings = error\nmarkers = slow\n'
BUILTIN_TYPES = ('dict', 'list', 'set', 'tuple', 'type')
#: The last for 3.6.
PACKAGES = ('pytest==7.0.1', 'hypothesis==6.31.6')


def need_pytest() -> Path:
    """A Python 3.6 with a pytest, made on first use; skips without 3.6."""
    python = need_python('3.6')
    base = cache() / 'venvs' / 'pytest-3.6'
    base.parent.mkdir(parents=True, exist_ok=True)
    with locked(base):
        if not (base / 'bin' / 'pytest').exists():
            shutil.rmtree(base, ignore_errors=True)
            subprocess.run([python, '-m', 'venv', base], check=True)
            for packages in (('pip==21.3.1',), PACKAGES):  # an older pip does not ask whether a package is for 3.6
                subprocess.run([base / 'bin' / 'python', '-m', 'pip', 'install', '-q', *packages], check=True)
    return base / 'bin' / 'python'


def copy_tests(folder: Path) -> list[str]:
    """Write the tests into `folder`, which may then be run from; returns the paths of the test files there."""
    sources = [path for name in TESTS for path in sorted((CHECKOUT / name).rglob('*.py'))]
    written = []
    for source in [*sources, *(CHECKOUT / name for name in SUPPORT)]:
        tree = ast.parse(source.read_text('utf-8'))
        if source.name in LEFT_OUT or any(name.startswith(CONTROLLER) for name in imported(tree)):
            continue
        target = folder / source.relative_to(CHECKOUT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(ast.unparse(WithoutAnnotations().visit(tree)), 'utf-8')
        if target.name.startswith('test_'):
            written.append(str(target.relative_to(folder)))
    for package in {parent for name in written for parent in (folder / name).parents if folder in parent.parents}:
        (package / '__init__.py').touch()
    (folder / 'tests' / 'support' / '__init__.py').touch()
    (folder / 'pytest.ini').write_text(SETTINGS)
    return written


def imported(tree: ast.Module) -> set[str]:
    """The modules that a program imports, by every name that they may have."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(f'{node.module}.{alias.name}' for alias in node.names)
    return found


class WithoutAnnotations(ast.NodeTransformer):
    """Takes annotations out, and has aliases of types made from `typing`, as 3.6 wants them."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        self.generic_visit(node)
        return ast.Assign([node.target], node.value, lineno=node.lineno) if node.value else ast.Pass()

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        is_alias = isinstance(node.value, ast.Subscript) and ast.unparse(node.value.value) in BUILTIN_TYPES
        return ast.Pass() if is_alias else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.module == 'collections.abc':
            node.module = 'typing'
        return node
