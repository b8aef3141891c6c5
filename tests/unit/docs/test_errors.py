"""docs/errors.md has every error text of the classes that users see, and no text that the source does not have."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import svcfw
from svcfw.transport import messages

PACKAGE = Path(svcfw.__file__).parent
PAGE = PACKAGE.parent / 'docs' / 'errors.md'
#: Class: position of its text among the arguments.
TEXT_AT = {
    'StartError': 2,
    'TransferError': 0,
    'CacheFolderError': 0,
    'ManifestError': 0,
    'RefusedError': 0,
    'PoolError': 0,
    'ChannelError': 0,
    'TimeoutError': 0,
    'SelectError': 0,
    'EncodeError': 0,
    'MuxError': 0,
    'RundirError': 0,
}
_VARIABLE = re.compile(r'%[-#0-9.]*[a-z]|\{[^{}]*\}')
_ROW = re.compile(r'^\| (.*?) \| ', re.MULTILINE)
#: Texts that only pass on another one.
PASSED_ON = {'…', '…. …', '…: …'}


def shown(text: str) -> str:
    return ' '.join(_VARIABLE.sub('…', text).split())


def literal(node: ast.expr) -> str | None:
    """The text of an argument; None if it comes from elsewhere."""
    if isinstance(node, ast.JoinedStr):
        return ''.join(str(part.value) if isinstance(part, ast.Constant) else '{}' for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return literal(node.left)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def texts(source: str) -> Iterator[tuple[str, str]]:
    """(class, text) of each call of one of the classes with a text that stands there."""
    tree = ast.parse(source)
    variables = {
        target.id: text
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and (text := literal(node.value)) is not None
        for target in node.targets
        if isinstance(target, ast.Name) and target.id == 'text'
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, 'id', None) or getattr(node.func, 'attr', '')
        if name in TEXT_AT and len(node.args) > TEXT_AT[name]:
            argument = node.args[TEXT_AT[name]]
            inner = argument.left if isinstance(argument, ast.BinOp) else argument
            text = variables.get(inner.id) if isinstance(inner, ast.Name) else literal(argument)
            if text is not None and shown(text) not in PASSED_ON:
                yield name, shown(text)


@functools.cache
def source_texts() -> frozenset[str]:
    found = {text for path in PACKAGE.rglob('*.py') for _, text in texts(path.read_text())}
    return frozenset(found) | {
        shown(cause) for language in (messages.LOCAL, messages.SSH) for _, _, cause, _ in language.faults
    }


def rows() -> list[str]:
    return [row for row in _ROW.findall(PAGE.read_text()) if row not in ('text', '---')]


def says(row: str, text: str) -> bool:
    return row == text or (row.endswith('…') and text.startswith(row[:-1].rstrip(' ')))


@pytest.mark.parametrize('text', sorted(source_texts()))
def test_each_text_has_a_row(text: str) -> None:
    assert any(says(row, text) for row in rows() if row.strip('….: ')) or text in rows(), text


@pytest.mark.parametrize('row', rows())
def test_each_row_has_its_source(row: str) -> None:
    assert any(says(row, text) for text in source_texts()), row


def test_no_row_comes_twice() -> None:
    assert len(rows()) == len(set(rows()))


def test_a_new_text_is_noticed() -> None:
    found = list(texts("raise TransferError('%s: never heard of %d' % (a, b))"))
    assert found == [('TransferError', '…: never heard of …')]
    assert not any(says(row, found[0][1]) for row in rows() if row.strip('….: '))
