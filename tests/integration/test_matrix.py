"""Each supported line of ansible-core with each Python that it supports on targets: results and host as with stock ssh.

The interpreter of modules is the same in both runs; that of our own process on the target is another one each time.
"""

import functools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.ansible import Controller, Run, connection_vars
from tests.support.compare import differences
from tests.support.hosts import PASSWORD, Farm, Host
from tests.support.interpreters import find_python, need_python
from tests.support.need import need_long
from tests.support.timing import seconds, wait_until
from tests.support.venvs import need_core

pytestmark = pytest.mark.slow

#: Of targets, as the release notes of each line have them.
TARGETS = {
    '2.16': ('2.7', '3.6', '3.7', '3.8', '3.9', '3.10', '3.11', '3.12'),
    '2.17': ('3.7', '3.8', '3.9', '3.10', '3.11', '3.12'),
    '2.18': ('3.8', '3.9', '3.10', '3.11', '3.12', '3.13'),
    '2.19': ('3.8', '3.9', '3.10', '3.11', '3.12', '3.13'),
    '2.20': ('3.9', '3.10', '3.11', '3.12', '3.13'),
    '2.21': ('3.9', '3.10', '3.11', '3.12', '3.13'),
    'devel': ('3.9', '3.10', '3.11', '3.12', '3.13'),
}
#: What our own process runs on, in turn.
AGENTS = ('3.6', '3.7', '3.8', '3.9', '3.10', '3.11', '3.12', '3.13')
#: In any case: the oldest, what the oldest controller Python runs, and the newest.
DIAGONAL = (('2.16', '3.6'), ('2.19', '3.10'), ('2.21', '3.13'))
#: What differs on purpose, see docs/differences.md: 2.16 gives a new file the mode that an ACL left on
#: its source, if its Python copies ACLs.
MEANT = {'2.16': ["other: .result.mode: '0604' != '0644'"]}
COPIES_NO_ACL = '2.7'
LEFT_BY_ACL = ('/home/other/copied', '-rw----r-- ', '-rw-r--r-- ')

# Modules that reach the target in other ways than core's own: L1, and two that are put there as files.
LIBRARY = {
    'kind_json_args.py': """#!/usr/bin/python
import json, sys
arguments = json.loads('''<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>''')
print(json.dumps(dict(changed=False, given=arguments['word'], major=sys.version_info[0])))
""",
    'kind_want_json.sh': """#!/bin/sh
# WANT_JSON
grep -q '"word": "it' "$1" && echo '{"changed": true, "found": true}'
""",
    'kind_old.sh': """#!/bin/sh
. "$1"
echo "{\\"changed\\": false, \\"word\\": \\"$word\\"}"
""",
}
WORK = '/home/sudopw/work'
ROOT = {'become': True}
OTHER = {'become': True, 'become_user': 'other'}
TASKS: list[dict[str, object]] = [
    {'name': 'ping', 'ping': {'data': 'ünï'}},
    {'name': 'facts', 'setup': {'gather_subset': ['!all', 'min']}},
    {'name': 'folder', 'file': {'path': WORK, 'state': 'directory', 'mode': '0750'}},
    {'name': 'environment', 'shell': 'echo "$A $B"', 'environment': {'A': "it's", 'B': 'ü'}},
    {'name': 'failure', 'shell': 'echo out; echo err >&2; exit 3', 'ignore_errors': True},
    {'name': 'loop', 'command': 'echo {{ item }}', 'loop': [1, 2, 3]},
    {'name': 'json args', 'kind_json_args': {'word': "it's"}},
    {'name': 'want json', 'kind_want_json': {'word': "it's"}},
    {'name': 'old style', 'kind_old': {'word': 'plain'}},
    {'name': 'copy', 'copy': {'content': 'one\n', 'dest': f'{WORK}/file', 'mode': '0640'}},
    {'name': 'copy again', 'copy': {'content': 'one\n', 'dest': f'{WORK}/file', 'mode': '0640'}},
    {'name': 'template', 'template': {'src': 'motd.j2', 'dest': f'{WORK}/motd'}, 'diff': True},
    {'name': 'line', 'lineinfile': {'path': f'{WORK}/file', 'line': 'two'}, 'check_mode': True, 'diff': True},
    {'name': 'fetch', 'fetch': {'src': f'{WORK}/file', 'dest': 'fetched/', 'flat': True}},
    {'name': 'script', 'script': 'script.sh argument'},
    {'name': 'raw', 'raw': 'echo raw; exit 4', 'failed_when': False},
    {'name': 'async', 'shell': 'echo asynchronous', 'async': 60, 'poll': 1},
    {'name': 'sudo', 'command': 'id -un', **ROOT},
    {'name': 'sudo copy', 'copy': {'content': 'r', 'dest': '/root/copied'}, **ROOT},
    {'name': 'sudo loop', 'command': 'echo {{ item }}', 'loop': [1, 2], **ROOT},
    {'name': 'sudo slurp', 'fetch': {'src': '/etc/shadow', 'dest': 'fetched/', 'flat': True}, **ROOT},
    {'name': 'other', 'copy': {'content': 'o', 'dest': '/home/other/copied'}, **OTHER},
    {'name': 'reset', 'meta': 'reset_connection'},
    {'name': 'discovery', 'ping': None, 'vars': {'ansible_python_interpreter': 'auto'}},
]  # fmt: skip

Play = Callable[[str, str, str], tuple[Run, dict[str, str], str]]


def agent_for(line: str, python: str) -> str:
    """The Python of our own process: each comes by with each line."""
    turn = list(TARGETS).index(line) + TARGETS[line].index(python) + 3
    return AGENTS[turn % len(AGENTS)]


def write_files(folder: Path) -> None:
    """What the tasks take from the controller."""
    (folder / 'library').mkdir(parents=True)
    for name, text in LIBRARY.items():
        (folder / 'library' / name).write_text(text)
    (folder / 'motd.j2').write_text('{{ inventory_hostname }} ünï\n')
    (folder / 'script.sh').write_text('#!/bin/sh\necho "script $1"\n')


def runs_async_wrapper(host: Host) -> bool:
    return any('async_wrapper' in process for process in host.processes())


@pytest.fixture(scope='module')
def play(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Plays TASKS with (core line, target Python, connection) on a new host, each once."""
    top = tmp_path_factory.mktemp('matrix')

    def run(line: str, python: str, connection: str) -> tuple[Run, dict[str, str], str]:
        core, interpreter = need_core(line), need_python(python)
        folder = top / f'{line}-{python}-{connection}'
        write_files(folder)
        host = farm.host()
        try:
            variables = {
                **host.inventory_vars('sudopw'),
                **connection_vars(connection),
                'ansible_become_password': PASSWORD,
                'ansible_python_interpreter': interpreter,
                'ansible_svcfw_python': find_python(agent_for(line, python)) or '',
            }
            with Controller(core, folder, {'ANSIBLE_PIPELINING': '1'}) as controller:
                # Up to 2.18, stock ssh has -v of the ssh program with it, and that among the results of `raw`.
                done = controller.play({'target': variables}, TASKS, *(['-v'] if connection != 'ssh' else []))
            # It removes a job's files up to five seconds after the job has ended.
            wait_until(lambda: not runs_async_wrapper(host), seconds(30), 'async_wrapper has ended')
            return done, host.changes(), str(folder)
        finally:
            host.stop()

    return functools.cache(run)


def assert_as_stock(play: Play, line: str, python: str) -> None:
    """AssertionError where the two runs, or what they left on the host, differ."""
    stock, stock_changes, stock_folder = play(line, python, 'ssh')
    ours, changes, folder = play(line, python, 'svcfw-ssh')
    assert stock.rc == 0, stock.output
    found = differences(stock, ours, ((stock_folder,), (folder,)))
    meant = MEANT.get(line, []) if python != COPIES_NO_ACL else []
    assert found == meant, '\n'.join(found) + '\n\n' + ours.output[-6000:]
    assert ours.rc == 0
    assert ours.recap == stock.recap
    if meant:
        path, stock_mode, our_mode = LEFT_BY_ACL
        assert changes[path].startswith(our_mode)
        stock_changes = {**stock_changes, path: stock_changes[path].replace(stock_mode, our_mode)}
    assert changes == stock_changes
    assert 'fast path off' not in ours.output
    assert 'svcfw: L3' not in ours.output
    # Core's own modules are understood; those with JSON arguments are another form.
    assert set(re.findall(r'svcfw: L1, a payload of unknown form \((.*)\)', ours.output)) <= {'no AnsiballZ'}


@pytest.mark.parametrize(('line', 'python'), DIAGONAL)
def test_a_line_of_core_with_one_python(play: Play, line: str, python: str) -> None:
    assert_as_stock(play, line, python)


@pytest.mark.parametrize(
    ('line', 'python'),
    [(line, python) for line in TARGETS for python in TARGETS[line] if (line, python) not in DIAGONAL],
)
def test_a_line_of_core_with_each_python(play: Play, line: str, python: str) -> None:
    need_long('some forty combinations, twenty seconds each')
    assert_as_stock(play, line, python)
