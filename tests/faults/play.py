"""The playbook into which faults are thrown: each task tells by a line on the target that it ran."""

from pathlib import Path
from typing import Any

#: The account that is logged in to, where tasks leave their lines, and what a copied file is called and holds.
USER = 'sudoer'
HOME = f'/home/{USER}'
LINES = f'{HOME}/ran'
SMALL, LARGE = 'small text\n', 'a line of a larger file\n' * 20_000

LIBRARY = Path(__file__).with_name('library')


def appended(name: str) -> dict[str, Any]:
    return {'append': {'path': LINES, 'line': name}}


def tasks(directory: Path) -> list[dict[str, Any]]:
    """The tasks; those in LINED leave a line with their name, those in COPIED a file. Keeps going after any failure."""
    script = directory / 'script.sh'
    script.write_text(f'#!/bin/sh\necho script >>{LINES}\n')
    found: list[dict[str, Any]] = [
        {'name': 'first', **appended('first')},
        {'name': 'root', **appended('root'), 'become': True},
        {'name': 'shell', 'shell': f'echo shell >>{LINES}'},
        {'name': 'small', 'copy': {'content': SMALL, 'dest': f'{HOME}/small', 'mode': '0600'}},
        {'name': 'raw', 'raw': f'echo raw >>{LINES}'},
        {'name': 'loop', **appended('loop {{ item }}'), 'become': True, 'loop': [1, 2, 3]},
        {'name': 'script', 'script': str(script)},
        {'name': 'large', 'copy': {'content': LARGE, 'dest': f'{HOME}/large', 'mode': '0600'}, 'become': True},
        {'name': 'slow', 'shell': f'echo slow >>{LINES}; sleep 0.5', 'become': True},
        {'name': 'fetch', 'fetch': {'src': '/etc/passwd', 'dest': f'{directory}/fetched'}},
        {'name': 'audited', 'stat': {'path': LINES}},
        {'name': 'last', **appended('last')},
    ]
    return [{**task, 'ignore_errors': True, 'ignore_unreachable': True} for task in found]


#: Lines that a task, or an item of its loop, leaves if it runs once.
LINED = {
    name: [name] for name in ('first', 'root', 'shell', 'raw', 'script', 'slow', 'last')
} | {'loop': ['loop 1', 'loop 2', 'loop 3']}  # fmt: skip
COPIED = {'small': SMALL, 'large': LARGE}
NAMES = (
    'first', 'root', 'shell', 'small', 'raw', 'loop', 'script', 'large', 'slow', 'fetch', 'audited', 'last',
)  # fmt: skip
