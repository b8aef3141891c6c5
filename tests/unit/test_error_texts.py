"""Errors of a start are written so that they can be put together: the host is not in the cause, a remedy is there."""

import ast
import re
from pathlib import Path

import pytest

import svcfw
from svcfw.ansible import errors

PACKAGE = Path(svcfw.__file__).parent
#: Places where the user is told of something else, or nobody hears of it.
WITHOUT_REMEDY = {
    'transport/start.py': 1,  # a start that is given up on: whoever does so knows why
    'mux/server/root_node.py': 1,  # the same
    'mux/server/exchange.py': 1,  # its modules run, in another way
    'agent/children.py': 2,  # nobody waits; the reason is the system's
}


def starts(path: Path) -> list[ast.Call]:
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == 'StartError']


def literal(node: ast.expr) -> str:
    """The text of an argument as far as it stands there, '' if it comes from elsewhere."""
    if isinstance(node, ast.JoinedStr):
        return ''.join(str(part.value) if isinstance(part, ast.Constant) else '{}' for part in node.values)
    if isinstance(node, ast.BinOp):
        return literal(node.left)
    return str(node.value) if isinstance(node, ast.Constant) else ''


FILES = sorted(path for path in PACKAGE.rglob('*.py') if starts(path))


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_starts(path: Path) -> None:
    bare = 0
    for call in starts(path):
        if any(isinstance(argument, ast.Starred) for argument in call.args):
            continue
        cause = literal(call.args[2])
        assert not cause.endswith('.'), cause
        assert cause[:1] == cause[:1].lower(), cause
        if len(call.args) < 4:
            bare += 1
            continue
        remedy = literal(call.args[3])
        if remedy:
            assert remedy[0].isupper() or remedy[0] in '%{', remedy
            assert remedy.endswith('.'), remedy
    assert bare == WITHOUT_REMEDY.get(str(path.relative_to(PACKAGE)), 0), f'{path}: causes without a remedy'


LIBRARY = sorted(
    path
    for folder in ('core', 'service', 'files', 'program', 'transport', 'boot')
    for path in (PACKAGE / folder).rglob('*.py')
)


def texts(path: Path) -> list[str]:
    """The string constants of a module but for its docstrings."""
    tree = ast.parse(path.read_text())
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))]
    docs = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs]
    return [node.value for node in constants if isinstance(node.value, str)]


@pytest.mark.parametrize('path', LIBRARY, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_library_does_not_speak_of_playbooks(path: Path) -> None:
    """Its options stand in backquotes, and playbooks are told of theirs."""
    for text in texts(path):
        assert 'ansible' not in text.lower() or text == 'svcfw.ansible', text
        if path.parent.name in ('transport', 'paramiko'):
            assert set(re.findall('`([a-z_]+)`', text)) <= set(errors._OPTIONS), text
