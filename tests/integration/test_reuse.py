"""Modules of real ansible-cores in processes that have run others: as each in a process of its own.

The long form of the differential test: SVCFW_TEST_SEQUENCES=1000 pytest tests/integration/test_reuse.py -k sequences
"""

import hashlib
import json
import os
import pickle
import random
import re
import shutil
import subprocess
from collections import Counter
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from svcfw.agent.warm.job import ModuleJob
from svcfw.agent.warm.reuse import kinds
from svcfw.ansible.payloads import audited
from tests.support import payloads
from tests.support.hosts import CHECKOUT
from tests.support.interpreters import need_python
from tests.support.payloads import Outcome, Task
from tests.support.timing import seconds
from tests.support.venvs import need_core, site_packages

CORES = (('2.16', '3.6'), ('2.19', '3.8'), ('2.21', '3.13'), ('devel', '3.11'))
BASE_ENV = {'PATH': '/usr/bin:/bin:/usr/sbin:/sbin', 'HOME': '/root', 'LANG': 'C.UTF-8'}
SEQUENCES = int(os.environ.get('SVCFW_TEST_SEQUENCES', '8'))
TASKS_IN_A_SEQUENCE = 30

#: Arguments with which a module changes nothing when it runs again.
ARGUMENTS: dict[str, dict[str, Any]] = {
    'assemble': {'src': '{0}/parts', 'dest': '{0}/assembled'},
    'blockinfile': {'path': '{0}/lines', 'block': 'text'},
    'command': {'_raw_params': 'cat {0}/lines'},
    'copy': {'src': '{0}/lines', 'dest': '{0}/copied', 'remote_src': True},
    'file': {'path': '{0}/lines', 'mode': '0600'},
    'find': {'paths': '{0}'},
    'getent': {'database': 'passwd', 'key': 'root'},
    'known_hosts': {'path': '{0}/known_hosts', 'name': 'host.example', 'state': 'absent'},
    'lineinfile': {'path': '{0}/lines', 'line': 'more'},
    'ping': {},
    'replace': {'path': '{0}/lines', 'regexp': 'one', 'replace': 'two'},
    'slurp': {'src': '{0}/lines'},
    'stat': {'path': '{0}/lines'},
    'systemd': {'name': 'svcfw-test-no-such.service', 'enabled': False},
    'systemd_service': {'name': 'svcfw-test-no-such.service', 'enabled': False},
    'tempfile': {'path': '{0}', 'suffix': '.made'},
}
_NEEDS = {'systemd': 'systemctl', 'systemd_service': 'systemctl', 'known_hosts': 'ssh-keygen'}


@cache
def _jobs(line: str) -> dict[str, payloads.Given]:
    """A job of each module in the table, with arguments that are to be replaced."""
    names = [*sorted(audited.MODULES), 'setup']
    built = payloads.build(line, [Task(name, ARGUMENTS.get(name, {})) for name in names])
    return {name: payloads.job_of(data, '', {}) for name, data in zip(names, built, strict=True)}


def job(line: str, module: str, python: str, arguments: dict[str, Any], *, reuse: bool) -> payloads.Given:
    found, contents = _jobs(line)[module]
    assert isinstance(found, ModuleJob)
    made = copy(found)
    parameters = json.loads(found.params)
    own = {key: value for key, value in parameters['ANSIBLE_MODULE_ARGS'].items() if key.startswith('_ansible')}
    parameters['ANSIBLE_MODULE_ARGS'] = {**own, **arguments}
    made.interpreter, made.params = [python], json.dumps(parameters).encode()
    made.member_list = hashlib.sha256(repr(found.members).encode()).digest()
    made.can_rehearse = reuse
    made.may_reuse = reuse and audited.may_reuse(f'ansible.modules.{module}', made.params)
    made.may_preimport = reuse and audited.may_preimport(f'ansible.modules.{module}')
    return made, contents


def in_folder(arguments: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {key: value.format(folder) if isinstance(value, str) else value for key, value in arguments.items()}


def fill(folder: Path) -> None:
    (folder / 'parts').mkdir(parents=True)
    (folder / 'parts/a').write_text('a\n')
    (folder / 'parts/b').write_text('b\n')
    (folder / 'lines').write_text('one\nthree\n')
    (folder / 'known_hosts').write_text('')


def test_the_table_has_arguments_here() -> None:
    assert set(ARGUMENTS) == set(audited.MODULES)


@pytest.mark.parametrize(('line', 'version'), CORES)
@pytest.mark.parametrize('module', sorted(audited.MODULES))
def test_a_module_runs_again_and_again_in_one_process(line: str, version: str, module: str, tmp_path: Path) -> None:
    if module in _NEEDS and shutil.which(_NEEDS[module]) is None:
        pytest.skip(f'needs {_NEEDS[module]}')
    if module == 'systemd_service' and line == '2.16':
        pytest.skip('an alias there')
    python = need_python(version)
    fill(tmp_path)
    arguments = in_folder(ARGUMENTS[module], tmp_path)
    runs = payloads.run_warm([job(line, module, python, arguments, reuse=True)] * 8, python, BASE_ENV, tmp_path)
    if any(run.status for run in runs):
        assert module.startswith('systemd'), runs[-1]  # it needs a running systemd
        pytest.skip('no systemd runs here')
    # The first imports, of the others two processes may take turns.
    assert [run.ran[0] > 1 for run in runs[-3:]] == [True] * 3
    fresh = payloads.run_warm([job(line, module, python, arguments, reuse=False)] * 2, python, BASE_ENV, tmp_path)
    assert _comparable(runs[-1], tmp_path) == _comparable(fresh[-1], tmp_path)


@pytest.mark.parametrize(('line', 'version'), CORES)
@pytest.mark.parametrize('module', ['assemble', 'blockinfile', 'copy', 'lineinfile', 'replace'])
def test_no_backup_takes_the_place_of_another(line: str, version: str, module: str, tmp_path: Path) -> None:
    """Their names are made of a second and the number of the process."""
    python = need_python(version)
    fill(tmp_path)
    place = tmp_path / {'assemble': 'assembled', 'copy': 'copied'}.get(module, 'lines')
    place.write_text('1 2 3 4 5\n')
    changes: dict[str, Any] = {
        'assemble': lambda n: {'src': f'{{0}}/parts{n}', 'dest': '{0}/assembled'},
        'blockinfile': lambda n: {'path': '{0}/lines', 'block': f'text {n}'},
        'copy': lambda n: {'src': f'{{0}}/parts{n}/a', 'dest': '{0}/copied', 'remote_src': True},
        'lineinfile': lambda n: {'path': '{0}/lines', 'line': f'line {n}'},
        'replace': lambda n: {'path': '{0}/lines', 'regexp': str(n), 'replace': 'x'},
    }
    for number in range(1, 6):
        (tmp_path / f'parts{number}').mkdir()
        (tmp_path / f'parts{number}/a').write_text(f'{number}\n')
    runs = payloads.run_warm(
        [
            job(line, module, python, {**in_folder(changes[module](number), tmp_path), 'backup': True}, reuse=True)
            for number in range(1, 6)
        ],
        python, BASE_ENV, tmp_path,
    )  # fmt: skip
    assert [run.result['changed'] for run in runs] == [True] * 5
    backups = [path for path in tmp_path.iterdir() if path.name.endswith('~')]
    assert len({path.read_text() for path in backups}) == 5


@pytest.mark.parametrize(('line', 'version'), CORES)
def test_what_ends_a_process_does_not_meet_the_next_run(line: str, version: str, tmp_path: Path) -> None:
    python = need_python(version)
    fill(tmp_path)
    runs = payloads.run_warm(
        [
            job(line, module, python, arguments, reuse=True)
            for module, arguments in [
                ('command', {'_raw_params': 'true'}),
                ('command', {'_raw_params': 'true'}),
                ('command', {'_raw_params': 'pwd', 'chdir': '/usr'}),
                ('command', {'_raw_params': 'pwd'}),
                ('command', {'_raw_params': 'sleep 30 > /dev/null 2>&1 &', '_uses_shell': True}),
                ('command', {'_raw_params': 'false'}),
                ('slurp', {'src': '/no/such'}),
                ('setup', {'gather_subset': ['!all', '!min']}),
                ('command', {'_raw_params': 'true'}),
            ]
        ],
        python, BASE_ENV, tmp_path,
    )  # fmt: skip
    # Of each, why its process was a new one. Nothing is known of a run after which a process ended at once, and of one
    # that came before another process was made ahead.
    new = [kinds.KINDS[run.ran[1]] if run.ran[:1] == (1,) else run.ran for run in runs]
    assert new[2] in ((2, 0), 'the first run')
    assert new[3] in ('the working directory', ())
    assert runs[3].result['stdout'] == str(tmp_path)
    assert [run.result['rc'] for run in (runs[4], runs[5])] == [0, 1]
    assert new[5] == new[6] == new[7] == ()
    assert new[8] in ('its status', 'a child', ())
    assert runs[8].result['rc'] == 0


#: Facts that are others a second later.
_PASSING = re.compile(r'ansible_(date_time|uptime_seconds|mem|swap|mounts|loadavg|cmdline|local)')


@pytest.mark.parametrize(('line', 'version'), CORES)
def test_facts_are_those_of_a_process_that_imports_all_by_itself(line: str, version: str, tmp_path: Path) -> None:
    """From the second run on, forks have what `setup` imports; another module still has not."""
    python = need_python(version)
    imported = 'import sys; print(sorted(name for name in sys.modules if "multiproc" in name or "facts" in name))'
    other = payloads.source_job(imported.encode(), python, {})
    setup = [job(line, 'setup', python, {}, reuse=True)] * 4
    command = job(line, 'command', python, {'_raw_params': 'true'}, reuse=True)
    runs = payloads.run_warm([*setup, other, command, command, setup[0]], python, BASE_ENV, tmp_path)
    [fresh] = payloads.run_warm([job(line, 'setup', python, {}, reuse=False)], python, BASE_ENV, tmp_path)
    assert runs[4].stdout.strip() == b'[]'
    assert [run.status for run in runs] == [0] * 8

    def lasting(run: Outcome) -> dict[str, Any]:
        found = {key: value for key, value in run.result['ansible_facts'].items() if not _PASSING.match(key)}
        # Some are made of sets, which each interpreter has in an order of its own.
        return {key: sorted(value, key=repr) if isinstance(value, list) else value for key, value in found.items()}

    for run in (runs[0], runs[2], runs[7]):
        assert run.stderr == fresh.stderr
        assert lasting(run) == lasting(fresh)


_AHEAD = """
import pickle, sys
sys.path.append({checkout!r})
from svcfw.agent.warm import finder, members
from svcfw.agent.warm.ahead import preimport
job, contents = pickle.load(sys.stdin.buffer)
kept = members.Members()
for digest, content in contents:
    kept.add(digest, content)
memory = finder.MemoryFinder(kept)
sys.meta_path.insert(0, memory)
sys.path_importer_cache[finder.MEMORY_ROOT] = None
memory.use(job.members, job.fqn)
one = preimport.Preimport(memory)
one.ensure(job)
one.judge(job.members)
before = set(sys.modules)
for _ in range(2):
    one.import_ahead(job.fqn)
    # What six has found is an attribute of six, up to core 2.19.
    assert set(sys.modules) - {{'configparser'}} == before, set(sys.modules) ^ before
one.settle(job.members, True, job.fqn)
new = set(sys.modules) - before
print(len([name for name in new if name.startswith('ansible')]) > 50, 'multiprocessing.pool' in new, job.fqn in new)
"""


@pytest.mark.parametrize(('line', 'version'), CORES)
def test_what_setup_imports_can_be_kept_aside(line: str, version: str, tmp_path: Path) -> None:
    python = need_python(version)
    given = job(line, 'setup', python, {}, reuse=True)
    done = subprocess.run(
        [python, '-c', _AHEAD.format(checkout=str(CHECKOUT))], input=pickle.dumps(given, 2), env=BASE_ENV, cwd=tmp_path,
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.stdout.split(), done.stderr) == ([b'True', b'True', b'False'], b'')


def test_the_environment_of_a_run_is_not_that_of_the_next(tmp_path: Path) -> None:
    python = need_python('3.11')

    def with_environment(**env: str) -> payloads.Given:
        made, contents = job('2.21', 'command', python, {'_raw_params': 'env'}, reuse=True)
        made.env = env
        return made, contents

    one = with_environment()
    jobs = [
        one,
        one,
        with_environment(A_OF_ONE='1', LC_ALL='C.UTF-8', TZ='Asia/Tokyo'),
        one,
        with_environment(B='2'),
    ]
    runs = payloads.run_warm(jobs, python, BASE_ENV, tmp_path)
    found = [
        dict(
            each.split('=', 1)
            for each in run.result['stdout_lines' if 'stdout_lines' in run.result else 'stdout'].splitlines()
        )
        for run in runs
    ]
    assert ('A_OF_ONE' in found[2], found[2]['TZ']) == (True, 'Asia/Tokyo')
    assert not {'A_OF_ONE', 'TZ', 'B'} & set(found[3])
    assert {'B'} == {'A_OF_ONE', 'TZ', 'B'} & set(found[4])
    assert [run.ran[0] for run in runs[2:]] == [2, 3, 4]


_REHEARSAL = """
import sys
sys.path.insert(0, {core!r})
sys.path.append({checkout!r})
import os, subprocess, syslog, tempfile
import ansible.module_utils.basic
from svcfw.agent.warm.reuse import snapshot, worker
seen = []
for module, name in ((syslog, 'syslog'), (tempfile, 'mkdtemp'), (subprocess, 'Popen'), (os, 'mkdir'), (os, 'open')):
    setattr(module, name, lambda *args, name=name, **more: seen.append(name))
given, taken = snapshot.Given(), snapshot.Snapshot()
stdout, sys.stdout = sys.stdout, open(os.devnull, 'w')
worker.rehearse('legacy')
sys.stdout.close()
sys.stdout = stdout
given.restore()
kind, more = taken.difference()
print(seen, snapshot.kinds.KINDS[kind], [name for name in more.split() if name not in ('an', 'import')])
os._exit(0 if sys.stdout.flush() is None else 1)
"""


@pytest.mark.parametrize(('line', 'version'), CORES)
def test_a_rehearsal_leaves_nothing_and_cannot_be_seen(line: str, version: str) -> None:
    core = need_core(line)
    program = _REHEARSAL.format(core=str(site_packages(core)), checkout=str(CHECKOUT))
    done = subprocess.run(
        [need_python(version), '-c', program], env=BASE_ENV, capture_output=True, text=True, check=False
    )
    seen, _, rest = done.stdout.partition('] ')
    assert (seen, done.stderr) == ('[', '')
    # The interpreter may have had to import something; no module of a payload is among it.
    assert rest.strip() in ('[]', '') or (rest.startswith('an import') and 'ansible.modules' not in rest), rest


# -- differential


def _tasks(chosen: random.Random, folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Random tasks on a few files of one folder, some of which fail."""

    def path() -> str:
        return str(folder / chosen.choice(['lines', 'other', 'parts/a', 'sub/x', 'no/such/folder', 'parts']))

    def copied() -> tuple[str, dict[str, Any]]:
        source, dest = path(), path()
        while f'{dest}/'.startswith(f'{source}/'):  # core copies a folder into itself until names are too long
            source, dest = path(), path()
        return 'copy', {'src': source, 'dest': dest, 'remote_src': True, 'backup': False}

    def word() -> str:
        return chosen.choice(['one', 'two', 'three', 'ünï', 'a b', '', '#x', "'"])

    def command() -> str:
        return chosen.choice([
            'true', 'false', 'pwd', 'id -u', 'cat lines', 'printenv HOME', "sh -c 'ulimit -n; umask'",
            "sh -c 'echo out; echo err >&2; exit 3'", '/no/such/program',
        ])  # fmt: skip

    makers: list[Any] = [
        lambda: ('ping', {'data': word()}),
        lambda: ('command', {'_raw_params': command(), 'chdir': chosen.choice([None, None, str(folder)])}),
        lambda: ('command', {'_raw_params': f'echo {chosen.random()} >> log', '_uses_shell': True}),
        lambda: ('command', {'_raw_params': 'true', 'creates': path()}),
        lambda: ('file', {'path': path(), 'state': chosen.choice(['file', 'touch', 'absent', 'directory']),
                          'access_time': 'preserve', 'modification_time': 'preserve'}),
        lambda: ('file', {'path': path(), 'mode': chosen.choice(['0644', '0600', 'u+x', 'bad'])}),
        lambda: ('stat', {'path': path(), 'get_mime': False}),
        copied,
        lambda: ('lineinfile', {'path': path(), 'line': word(), 'create': chosen.choice([True, False])}),
        lambda: ('lineinfile', {'path': path(), 'regexp': word(), 'state': 'absent'}),
        lambda: ('blockinfile', {'path': path(), 'block': word(), 'create': chosen.choice([True, False])}),
        lambda: ('replace', {'path': path(), 'regexp': chosen.choice(['o', '(', 'e$']), 'replace': word()}),
        lambda: ('slurp', {'src': path()}),
        lambda: ('find', {'paths': str(folder), 'patterns': '*', 'recurse': True}),
        lambda: ('assemble', {'src': path(), 'dest': path()}),
        lambda: ('getent', {'database': chosen.choice(['passwd', 'group', 'nonsense']), 'key': 'root'}),
        lambda: ('ping', {'data': 'crash'}),
        lambda: ('setup', {'gather_subset': ['!all', '!min', chosen.choice(['python', 'user', 'dns', 'fips'])]}),
    ]  # fmt: skip
    tasks = [chosen.choice(makers)() for _ in range(TASKS_IN_A_SEQUENCE)]
    return [(module, {key: value for key, value in given.items() if value is not None}) for module, given in tasks]


@pytest.mark.timeout(seconds(300 + 3 * SEQUENCES))
@pytest.mark.parametrize(('line', 'version'), CORES)
def test_sequences_have_the_results_of_new_processes(line: str, version: str, tmp_path: Path) -> None:
    python = need_python(version)
    ran: Counter[str] = Counter()
    for number in range(SEQUENCES):
        seen = []
        for reuse in (True, False):
            folder = tmp_path / 'here'
            fill(folder)
            tasks = _tasks(random.Random(f'{line} {number}'), folder)
            jobs = [job(line, module, python, arguments, reuse=reuse) for module, arguments in tasks]
            runs = payloads.run_warm(jobs, python, BASE_ENV, folder)
            if reuse:
                ran.update('again' if run.ran and run.ran[0] > 1 else 'new' for run in runs)
            seen.append(([_comparable(run, folder) for run in runs], _tree(folder)))
            shutil.rmtree(folder)
        for index, (mine, fresh) in enumerate(zip(seen[0][0], seen[1][0], strict=True)):
            assert mine == fresh, f'sequence {number}, task {index}: {tasks[index]}'
        assert seen[0][1] == seen[1][1], f'sequence {number}'
    print(
        f'\n{line} on {version}: {SEQUENCES} sequences, {ran["again"]} runs in used processes, {ran["new"]} in new ones'
    )
    assert ran['again'] > SEQUENCES * TASKS_IN_A_SEQUENCE // 10  # many fail, which ends their process


_TIMES = re.compile(
    r'"(start|end|delta|[acm]time|backup(_file)?|inode|dev|version|path|ctime|mtime|atime|birthtime|md5sum|size)": '
    r'("[^"]*"|[-\d.]+)'
)
_ADDRESS = re.compile(
    r'0x[0-9a-f]+|/root/\.ansible/tmp|ansible-?\w*tmp[\w.-]*|tmp[\w]{6,8}|\.ansible_tmp\w+|[\w]{8}\.made'
)


def _comparable(run: Outcome, folder: Path) -> tuple[Any, ...]:
    def plain(data: bytes) -> str:
        return _ADDRESS.sub('X', _TIMES.sub(r'"\1": X', data.decode('utf-8', 'replace')))

    return run.status, plain(run.stdout), plain(run.stderr)


def _tree(folder: Path) -> list[tuple[str, int, bytes]]:
    return [
        (str(path.relative_to(folder)), path.stat().st_mode, path.read_bytes() if path.is_file() else b'')
        for path in sorted(folder.rglob('*'))
    ]
