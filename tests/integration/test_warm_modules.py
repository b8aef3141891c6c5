"""Real payloads of every ansible-core, run cold as stock does it and warm in a fork: the two must be alike.

Cold is `python3 < payload`; warm is the payload's parts in `svcfw.agent.template.template` under the same Python.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from svcfw.ansible.payloads import payload
from tests.support import payloads
from tests.support.interpreters import need_python
from tests.support.payloads import LINES, Outcome, Task, build, job_of, run_cold, run_warm, source_job

PYTHONS = ('3.6', '3.8', '3.11', '3.13')
# Every line, every Python, and the ends of each line's range; the full square would only take longer.
PAIRS = [
    ('2.16', '3.6'), ('2.16', '3.13'), ('2.17', '3.8'), ('2.18', '3.8'), ('2.18', '3.11'), ('2.19', '3.8'),
    ('2.20', '3.11'), ('2.21', '3.11'), ('2.21', '3.13'),
    ('devel', '3.12'),
]  # fmt: skip
EVERYWHERE = pytest.mark.parametrize(('line', 'python'), PAIRS)
ONE_OF_EACH_FORMAT = pytest.mark.parametrize(('line', 'python'), [('2.16', '3.6'), ('2.18', '3.8'), ('2.21', '3.13')])

VOLATILE = {'start', 'end', 'delta', 'atime', 'ansible_date_time', 'first_path'}
# What differs from run to run, or names the zip, in output that is no result.
RUN_DEPENDENT = [
    (re.compile(rb'/[\w./-]*/ansible_\w+_payload_\w+/ansible_\w+_payload\.zip'), b'ZIP'),
    (re.compile(rb'/dev/null/svcfw/ansible_payload\.zip'), b'ZIP'),
    (re.compile(rb'  File "<stdin>", line \d+, in (<module>|_ansiballz_main|invoke_module)\n( {4}.*\n)*'), b''),
    (re.compile(rb'0x[0-9a-f]+'), b'0x'),
]


@dataclass
class Machine:
    """Where modules run: a Python, an environment, a folder."""

    python: str
    env: dict[str, str]
    cwd: Path

    def both(self, line: str, tasks: Sequence[Task]) -> list[tuple[Task, Outcome, Outcome]]:
        """(task, cold outcome, warm outcome) of each task."""
        built = build(line, tasks)
        warm = run_warm(
            [job_of(data, self.python, task.env) for task, data in zip(tasks, built, strict=True)],
            self.python, self.env, self.cwd,
        )  # fmt: skip
        cold = [
            run_cold(data, self.python, task.env, self.env, self.cwd) for task, data in zip(tasks, built, strict=True)
        ]
        return list(zip(tasks, cold, warm, strict=True))

    def warm(self, line: str, tasks: Sequence[Task]) -> list[Outcome]:
        jobs = [job_of(data, self.python, task.env) for task, data in zip(tasks, build(line, tasks), strict=True)]
        return run_warm(jobs, self.python, self.env, self.cwd)


@pytest.fixture
def machine(tmp_path, python):
    home = tmp_path / 'home'
    home.mkdir()
    env = {'PATH': os.environ['PATH'], 'HOME': str(home), 'LANG': 'C.UTF-8', 'SVCFW_TEST': 'h\xe9'}
    return Machine(need_python(python), env, home)


def comparable(outcome):
    try:
        stdout = without_volatile(json.loads(outcome.stdout))
    except ValueError:
        stdout = normalised(outcome.stdout)
    return outcome.status, stdout, normalised(outcome.stderr)


def normalised(text):
    for pattern, replacement in RUN_DEPENDENT:
        text = pattern.sub(replacement, text)
    return text


def without_volatile(value):
    if isinstance(value, dict):
        return {key: without_volatile(item) for key, item in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [without_volatile(item) for item in value]
    return normalised(value.encode('utf-8', 'surrogatepass')) if isinstance(value, str) else value


def assert_alike(triples):
    for task, cold, warm in triples:
        assert comparable(warm) == comparable(cold), task


@pytest.mark.parametrize('line', LINES)
def test_payloads_are_understood(line):
    odd = 'it\'s "h\xe9" \\ \n \u2028 $HOME requested_soft = min(existing_hard, 9)'
    tasks = [
        Task('ping', {'data': odd}),
        Task('setup'),
        Task('apt', {'name': 'x'}, variables={'ansible_python_module_rlimit_nofile': 512}),
        Task('ping', variables={'ansible_python_interpreter': '/usr/bin/env python3'}),
    ]
    ping, setup, apt, env = (payload.split(data) for data in build(line, tasks))
    assert ping.format == ('v1' if line in ('2.16', '2.17', '2.18') else 'v2')
    assert json.loads(ping.params)['ANSIBLE_MODULE_ARGS']['data'] == odd
    assert (ping.module, ping.fqn, ping.rlimit_nofile) == ('ping', 'ansible.modules.ping', 0)
    assert apt.rlimit_nofile == 512
    assert env.interpreter == ('/usr/bin/env', 'python3')
    assert ping.zip_id == env.zip_id != setup.zip_id
    names = {name for name, _, _ in setup.members()}
    assert {'ansible/modules/setup.py', 'ansible/module_utils/basic.py', 'ansible/__init__.py'} <= names
    shared = {digest for _, digest, _ in ping.members()} & {digest for _, digest, _ in setup.members()}
    assert len(shared) > 20


@EVERYWHERE
def test_modules_give_the_same_results(line, machine):
    made = machine.cwd / 'file'
    made.write_text('one\ntwo\n')
    made.chmod(0o600)
    triples = machine.both(line, [
        Task('ping', {'data': 'h\xe9 \\ "\''}),
        Task('command', {'_raw_params': 'echo hi; echo oops >&2; exit 3', '_uses_shell': True}),
        Task('command', {'_raw_params': 'no-such-program'}),
        Task('stat', {'path': 'file'}),
        Task('file', {'path': 'file', 'state': 'file', 'mode': '0600'}),
        Task('lineinfile', {'path': 'file', 'line': 'one'}),
        Task('slurp', {'src': 'file'}),
        Task('slurp', {'src': 'absent'}),
        Task('copy', {'src': 'file', 'dest': 'copied', 'remote_src': True, 'mode': '0640'}),
        Task('ping', {'unknown_argument': 1}),
        Task('setup', {'gather_subset': ['!all', '!min', 'env', 'python', 'user', 'platform', 'fips']}),
    ])  # fmt: skip
    for task, cold, warm in triples:
        if task.module == 'copy':  # only the first of the two has anything to change
            assert warm.result.pop('changed') is True
            assert cold.result['dest'] == warm.result['dest']
        else:
            assert comparable(warm) == comparable(cold), task
    assert triples[0][2].result['ping'] == 'h\xe9 \\ "\''


@ONE_OF_EACH_FORMAT
def test_a_module_sees_a_new_interpreter(line, machine):
    triples = machine.both(line, [
        Task('svcfw_probe', {'names': ['svcfw', 'ansible.executor', 'json', 'ansible.module_utils.urls']}),
        Task('svcfw_probe', env={'TZ': 'Asia/Tokyo', 'TMPDIR': '/var/tmp', 'FOO': 'h\xe9'}),
        Task('svcfw_probe', variables={'ansible_python_module_rlimit_nofile': 300}),
        Task('svcfw_probe', env={'LC_ALL': 'C'}),
        Task('svcfw_probe', env={'PYTHONHASHSEED': '1', 'PYTHONPATH': '/nowhere'}),
        Task('svcfw_probe', env={'LC_ALL': 'C.UTF-8'}),
    ])  # fmt: skip
    assert_alike(triples)
    facts = triples[1][2].result['facts']
    assert facts['zone'][0] == 'JST'
    assert facts['env']['FOO'] == 'h\xe9'
    assert triples[2][2].result['facts']['nofile'][0] == 300


@ONE_OF_EACH_FORMAT
@pytest.mark.parametrize('lang', [{}, {'LC_ALL': 'C'}, {'LANG': 'no_SUCH.UTF-8'}])
def test_a_module_sees_a_new_interpreter_in_any_locale(line, machine, lang):
    del machine.env['LANG'], machine.env['SVCFW_TEST']
    machine.env.update(lang)
    envs = [{}, {'LC_ALL': 'C.UTF-8'}, {'LC_ALL': 'C'}, {'LANG': 'C.UTF-8'}, {'LC_CTYPE': ''}]
    triples = machine.both(line, [Task('svcfw_probe', env=env) for env in envs])
    for task, cold, warm in triples:
        found, wanted = (without_volatile(outcome.result['facts']) for outcome in (warm, cold))
        if task.env:
            # Started in the C locale, Python is in a mode that it cannot leave; the flag tells, and how UTF-8 is spelt.
            for facts in (found, wanted):
                del facts['flags']
                facts['locale'] = [name.lower() for name in facts['locale']]
        assert found == wanted, task


ENDS = [
    'raise', 'raise_group', 'return', 'exit_text', 'exit_none', 'exit_300', 'exit_negative', 'exit_true', 'exit_tuple',
    'interrupt', 'signal', 'term', 'abort', '_exit', 'thread', 'daemon_thread', 'atexit_fails', 'open_file',
    'open_in_cycle', 'temporary', 'bytes', 'big', 'import_error', 'fork',
]  # fmt: skip


@ONE_OF_EACH_FORMAT
def test_modules_end_as_in_an_interpreter(line, machine, tmp_path):
    """The status, both outputs, and what exit functions, threads and left-over objects do at the end."""
    temp = tmp_path / 'temp'
    temp.mkdir()
    machine.env['TMPDIR'] = str(temp)
    built = build(line, [Task('svcfw_ends', {'how': how, 'path': how}) for how in ENDS])
    warm = run_warm([job_of(data, machine.python, {}) for data in built], machine.python, machine.env, machine.cwd)
    assert os.listdir(temp) == []
    left = {how: leftover(machine.cwd / how) for how in ENDS}
    for how, data, outcome in zip(ENDS, built, warm, strict=True):
        cold = run_cold(data, machine.python, {}, machine.env, machine.cwd)
        if how == 'interrupt':  # stock has removed its zip by then, and with it the source lines of the traceback
            assert outcome.status == cold.status
            assert outcome.stderr.splitlines()[-1] == cold.stderr.splitlines()[-1]
        else:
            assert comparable(outcome) == comparable(cold), how
        assert left[how] == leftover(machine.cwd / how), how
    assert left['thread'] == b'thread\natexit\n'


def leftover(path):
    """What a module wrote there, with random names made equal; the file is removed for the next run."""
    if not path.exists():
        return None
    content = re.sub(rb'svcfw-left-\w+', b'LEFT', path.read_bytes())
    path.unlink()
    return content


@pytest.mark.parametrize(
    ('line', 'python', 'other'),
    [('2.16', '3.6', '3.11'), ('2.16', '3.11', '3.6'), ('2.18', '3.8', '3.11'), ('2.21', '3.13', '3.9')],
)
def test_a_module_respawns_under_another_interpreter(line, machine, other, tmp_path):
    machine.env['TMPDIR'] = str(tmp_path)
    (outcome,) = machine.warm(line, [Task('svcfw_respawn', {'interpreter': need_python(other)})])
    assert outcome.result['respawned'] is True
    assert outcome.result['version'] == [int(part) for part in other.split('.')]
    assert [path for path in os.listdir(tmp_path) if 'payload' in path] == []


@pytest.mark.parametrize(('line', 'python'), [('2.21', '3.11'), ('2.21', '3.13')])
def test_resources_beside_the_code_are_found(line, machine, tmp_path):
    """`EmbedManager` (2.21, used by dnf) reads files of the payload through importlib.resources."""
    machine.env['TMPDIR'] = str(tmp_path)
    triples = machine.both(line, [Task('ping'), Task('svcfw_embed'), Task('ping')])
    assert_alike(triples)
    assert 'import' in triples[1][2].result['content']
    assert [path for path in os.listdir(tmp_path) if 'payload' in path] == []


@ONE_OF_EACH_FORMAT
def test_processes_of_a_module_can_import_it(line, machine, tmp_path):
    machine.env['TMPDIR'] = str(tmp_path)
    methods, kinds = ('fork', 'spawn', 'forkserver'), ('pool', 'executor', 'queue')
    tasks = [Task('svcfw_spawns', {'method': method, 'kind': kind}) for method in methods for kind in kinds]
    triples = machine.both(line, tasks)
    assert_alike(triples)
    assert [warm.result['result'] for _, _, warm in triples] == [[0, 1, 4, 9, 16], [0, 1, 4, 9, 16], 3] * 3
    assert [path for path in os.listdir(tmp_path) if 'payload' in path] == []


@ONE_OF_EACH_FORMAT
def test_a_wrapper_runs_as_the_source_it_is(line, machine):
    """What a connection does with a payload that it does not understand: the same, without knowing what it is."""
    tasks = [Task('ping'), Task('svcfw_probe'), Task('svcfw_ends', {'how': 'exit_text'})]
    built = build(line, tasks)
    jobs = [job_of(built[0], machine.python, {})] + [source_job(data, machine.python, {}) for data in built]
    for data, task, warm in zip(
        built, tasks, run_warm(jobs, machine.python, machine.env, machine.cwd)[1:], strict=True
    ):
        assert comparable(warm) == comparable(run_cold(data, machine.python, {}, machine.env, machine.cwd)), task


@pytest.mark.parametrize('python', PYTHONS)
def test_any_source_runs_as_from_stdin(python, machine):
    sources = [
        b'import sys; print(sys.argv, sys.path[0], __file__, __name__, sorted(globals()), sys.stdin.read())',
        b'import __main__; print(__main__.__file__, __main__.__spec__, __main__.__loader__)',
        b'print("h\xc3\xa9"); raise SystemExit("bye")',
        b'def f():\n    return 1 / 0\nf()\n',
        b'print(1',
        b'',
        b'import threading, atexit; atexit.register(print, "end"); threading.Thread(target=print, args=(1,)).start()',
        b'print(*sorted(set(dir(__builtins__)) & {"exit", "quit", "copyright"}))',
    ]
    warm = run_warm([source_job(s, machine.python, {}) for s in sources], machine.python, machine.env, machine.cwd)
    for source, outcome in zip(sources, warm, strict=True):
        cold = run_cold(source, machine.python, {}, machine.env, machine.cwd)
        assert (outcome.status, outcome.stdout) == (cold.status, cold.stdout), source
        assert outcome.stderr.splitlines()[-1:] == cold.stderr.splitlines()[-1:], source


@pytest.mark.parametrize('python', ['3.11'])
def test_payloads_of_several_cores_share_a_template(python, machine):
    """One has imported its module_utils before the fork; the others' must be their own all the same."""
    lines = ['2.21', '2.16', '2.19', '2.21']
    tasks = [Task('svcfw_probe'), Task('stat', {'path': '/'})]
    jobs = [job_of(data, machine.python, {}) for line in lines for data in build(line, tasks)]
    warm = run_warm(jobs, machine.python, machine.env, machine.cwd)
    for number, line in enumerate(lines):
        for data, outcome in zip(build(line, tasks), warm[number * 2 :], strict=False):
            assert comparable(outcome) == comparable(run_cold(data, machine.python, {}, machine.env, machine.cwd)), line


@pytest.mark.parametrize(('line', 'python'), [('2.21', '3.8'), ('2.18', '3.6')])
def test_a_python_that_core_does_not_support_fails_in_the_same_way(line, machine):
    """With the same last words; how the import came about shows in the traceback's middle."""
    for _, cold, warm in machine.both(line, [Task('ping'), Task('ping')]):
        assert (warm.status, warm.stdout) == (cold.status, cold.stdout)
        assert warm.stderr.splitlines()[-1:] == cold.stderr.splitlines()[-1:]


@pytest.mark.parametrize('python', ['3.11'])
def test_no_secret_is_visible_to_other_users(python, machine, tmp_path):
    """Parameters are neither in an argument list nor in the environment nor in a file, cold or warm."""
    secret = 'svcfw-' + 'secret'
    look = 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n"; grep -r "svcfw-"secret $TMPDIR'
    machine.env['TMPDIR'] = str(tmp_path)
    script = tmp_path / 'look'
    script.write_text(look)
    task = {'_raw_params': f'sh {script}', '_uses_shell': True, 'stdin': secret, 'strip_empty_ends': True}
    outcomes = machine.warm('2.18', [Task('command', task), Task('command', task, env={'PYTHONHASHSEED': '1'})])
    for outcome in outcomes:
        assert secret not in outcome.result['stdout']
        assert 'TMPDIR' in outcome.result['stdout']


def test_the_support_itself_runs_modules_of_this_repository():
    assert {path.stem for path in payloads.LIBRARY.glob('*.py')} >= {'svcfw_probe', 'svcfw_ends', 'svcfw_respawn'}
