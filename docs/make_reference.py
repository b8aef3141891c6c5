"""Writes docs/reference.md from the docstrings of what is public: `python -m docs.make_reference` in the checkout.

A test compares the page with what this would write.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import svcfw
import svcfw.service

PAGE = Path(__file__).with_name('reference.md')
#: Modules whose functions are methods of Router, and how they call it.
ROUTERS = {'svcfw.transport.children': 'router'}
#: Sections, and the modules whose public names they hold, beyond what the packages re-export.
LIBRARY = {
    'svcfw.program.router': ('Router',),
    'svcfw.transport.spec': ('Spec',),
    'svcfw.core.router': ('Router',),
    'svcfw.core.context': ('Context', 'Reply', 'Sender'),
    'svcfw.core.calls.caller': ('call', 'CallReply', 'ServiceReply'),
    'svcfw.core.calls.chain': ('CallChain', 'ChainReply'),
    'svcfw.core.receivers.channel': ('Receiver', 'Channel'),
    'svcfw.core.latch': ('Latch',),
    'svcfw.core.receivers.select': ('Select', 'SelectError'),
    'svcfw.core.message': ('Message',),
    'svcfw.core.dispatch': ('takes_router', 'inline'),
    'svcfw.core.wire.values': ('Secret',),
    'svcfw.core.wire.errors': (
        'Error',
        'CallError',
        'ChannelError',
        'TimeoutError',
        'EncodeError',
        'DecodeError',
        'StartError',
    ),
}
SERVICES = {
    'svcfw.service.request': ('Request',),
    'svcfw.files.service': ('FileService',),
    'svcfw.files.grants': ('Grant',),
    'svcfw.service.errors': ('TransferError',),
}
#: Classes whose docstring says of each parameter what the attribute of that name is.
WITH_FIELDS = ('svcfw.transport.spec.Spec',)
HEADING = """# Reference

Made from the docstrings by `python -m docs.make_reference`; do not edit. The [guide](guide.md) explains how it fits
together.
"""


def page() -> str:
    """The text of the whole page."""
    parts = [HEADING, '## svcfw\n', *describe('svcfw.main', svcfw.main)]
    for module, names in LIBRARY.items():
        for name in names:
            parts += describe(f'{module}.{name}', getattr(importlib.import_module(module), name))
    parts.append('## svcfw.service\n')
    for name in svcfw.service.__all__:
        parts += describe(f'svcfw.service.{name}', getattr(svcfw.service, name))
    for module, names in SERVICES.items():
        for name in names:
            parts += describe(f'{module}.{name}', getattr(importlib.import_module(module), name))
    return '\n'.join(parts).rstrip() + '\n'


def describe(name: str, thing: Any) -> Iterator[str]:
    """One entry, with those of its methods."""
    if inspect.isclass(thing):
        yield f'### class `{name}{signature(thing.__init__) if "__init__" in vars(thing) else ""}`\n'
        yield from fields(thing) if name in WITH_FIELDS else doc(thing)
        for member, value in members(thing):
            yield f'- **`{member}{signature(value) if callable(value) else ""}`**'
            yield textwrap.indent('\n'.join(doc(value)), '  ')
        yield ''
    elif callable(thing):
        yield f'### `{name}{signature(thing)}`\n'
        yield from doc(thing)
    else:
        yield f'### `{name}`\n'


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """The documented public methods and properties of a class's own body, in order."""
    for name, value in vars(cls).items():
        value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        is_one = inspect.isfunction(value) or isinstance(value, property)
        if is_one and not name.startswith('_') and value.__doc__:
            yield name, value


def signature(function: Any) -> str:
    """The parameters as they are written, without annotations and `self`."""
    if not inspect.isroutine(function):
        return ''
    found = inspect.signature(function)
    parameters = [
        each.replace(annotation=inspect.Parameter.empty)
        for name, each in found.parameters.items()
        if name not in ('self', 'cls', ROUTERS.get(function.__module__))
    ]
    return str(found.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def fields(cls: type) -> Iterator[str]:
    """The docstring of a class, its fields as a list."""
    head, _, text = (inspect.getdoc(cls) or '').partition('\n\n')
    name = '|'.join(inspect.signature(cls).parameters)
    _, *parts = re.split(rf'(?:^|(?<=\. ))((?:{name})(?:, (?:{name}))*): ', ' '.join(text.split()))
    yield f'{head}\n'
    for names, meaning in zip(parts[::2], parts[1::2], strict=True):
        yield f'- **`{names}`**: {meaning.strip()}'
    yield ''


def doc(thing: Any) -> list[str]:
    return [f'{inspect.getdoc(thing) or ""}\n']


if __name__ == '__main__':
    PAGE.write_text(page(), 'utf-8')
