"""What a run on real hosts tells its user, compared with stock's where scripts look for it; and no secret in it."""

import re
import shlex
import shutil
from typing import Any

import pytest

from tests.support.ansible import Controller, Run, connection_vars
from tests.support.hosts import CHECKOUT, PASSWORD, Farm, Host
from tests.support.timing import seconds, wait_until

SECRET = 'geheim-4711'
HELLO = {'name': 'say', 'raw': 'echo hello'}
COPY = {'name': 'copy', 'copy': {'content': 'some text', 'dest': '/tmp/copied'}}
TASKS: list[dict[str, Any]] = [
    HELLO,
    {'name': 'run', 'command': 'id -un'},
    COPY,
    {'name': 'fetch', 'fetch': {'src': '/etc/hostname', 'dest': 'fetched/'}},
    {'name': 'loop', 'command': 'echo {{ item }}', 'loop': [1, 2]},
]
#: Discovery asks more on some cores, and finds what is not the same everywhere.
FIXED = {'ansible_python_interpreter': '/usr/bin/python3'}


@pytest.fixture
def host(farm: Farm, controller: Controller) -> Host:
    host = farm.host('web1')
    controller.trust(host)
    return host


def ours(host: Host, user: str = 'plain', transport: str = 'auto', **variables: object) -> dict[str, object]:
    password = bool(variables.pop('password', False))
    return {**host.inventory_vars(user, password), **connection_vars(f'svcfw-{transport}'), **FIXED, **variables}


def lines(run: Run, host: Host, beginning: str = '') -> list[str]:
    """What was told of the host, without its name; only lines that begin so."""
    told = [line.removeprefix(f'<{host.address}> ') for line in run.output.splitlines() if f'<{host.address}> ' in line]
    return [line for line in told if line.startswith(beginning)]


def message(run: Run, name: str) -> str:
    return str([event for event in run.events if event.get('host') == name][-1]['result']['msg'])


# -- -v ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(('transport', 'why'), [('auto', 'openssh (ssh found)'), ('paramiko', 'paramiko (as set)')])
def test_one_line_for_a_host_and_run(controller: Controller, host: Host, transport: str, why: str) -> None:
    inventory = {'web1': ours(host, transport=transport), 'same': ours(host, transport=transport)}
    told = [lines(controller.play(inventory, TASKS, '-v'), host) for _ in range(2)]
    for age, said in zip(('new', 'reused'), told, strict=True):
        [line] = said
        assert re.fullmatch(rf'svcfw: {re.escape(why)}, /\S+ 3\.\d+\.\d+, {age} context', line)


def test_nothing_without_v(controller: Controller, host: Host) -> None:
    assert lines(controller.play({'web1': ours(host)}, TASKS), host) == []


def test_after_a_reset_the_new_context_is_told_of(controller: Controller, host: Host) -> None:
    run = controller.play({'web1': ours(host)}, [HELLO, {'meta': 'reset_connection'}, HELLO], '-v')
    assert [line.rpartition(', ')[2] for line in lines(run, host)] == ['new context', 'new context']


def test_a_fall_back_is_told_of_once(controller: Controller, farm: Farm) -> None:
    host = farm.host('bare')
    for folder in ('/usr/bin', '/usr/local/bin'):
        for python in host.path(folder).glob('python*'):
            python.unlink()
    run = controller.play({'bare': ours(host)}, [HELLO, HELLO, HELLO], '-v')
    [line] = lines(run, host)
    assert line.startswith('svcfw: L3, stock ssh: no Python 3.6 or newer found there')


# -- -vvv ----------------------------------------------------------------------------------------------------------


def commands(run: Run, host: Host) -> list[str]:
    """Of either connection, with temporary names made alike."""
    found = []
    for line in lines(run, host):
        kind, _, rest = line.partition('EXEC ')
        if kind == 'SSH: ' and rest.startswith('ssh '):
            words = shlex.split(rest)
            if words[-1].endswith('...'):
                continue  # ours: what carries the connection
            found.append(words[-1])
        elif kind == '':
            found.append(rest)
    return [plain(command) for command in found]


def plain(text: str) -> str:
    text = re.sub(r'ansible-tmp-[\d.]+-\d+-\d+', 'TMP', text)
    return re.sub(r'ansible-local-\w+/\.\w+', 'LOCAL', text)


def test_the_lines_that_scripts_look_for_are_stocks(controller: Controller, host: Host) -> None:
    stock_vars = {**host.inventory_vars(), 'ansible_connection': 'ssh', 'ansible_pipelining': True, **FIXED}
    told = []
    for variables in (stock_vars, ours(host)):
        run = controller.play({'web1': variables}, TASKS, '-vvv')
        host.path('/tmp/copied').unlink()
        shutil.rmtree(controller.directory / 'fetched')
        told.append({
            'commands': commands(run, host),
            'users': set(lines(run, host, 'ESTABLISH SSH CONNECTION FOR USER: ')),
            'fetched': lines(run, host, 'FETCH '),
            'put': [plain(line) for line in lines(run, host, 'PUT ')],
        })  # fmt: skip
        # Stock shows what sftp left, too.
        assert len(lines(run, host, '(0, b')) >= len(commands(run, host))
    stock, svcfw = told
    assert svcfw == stock
    assert svcfw['users'] == {'ESTABLISH SSH CONNECTION FOR USER: plain'}
    assert any('umask 77 && mkdir -p' in command for command in svcfw['commands'])
    assert len(svcfw['fetched']) == len(svcfw['put']) == 1


def test_without_pipelining_a_modules_command_names_interpreter_and_temporary_folder(
    controller: Controller, host: Host
) -> None:
    # As core's own test of shell plugins looks for it, spaces and all.
    host.path('/tmp/p y t h o n').symlink_to('/usr/bin/python3')
    names = {'ansible_python_interpreter': '/tmp/p y t h o n', 'ansible_remote_tmp': '/tmp/t m p'}
    variables = ours(host, ansible_pipelining='0', **names)
    run = controller.play({'web1': variables}, [{'name': 'ping', 'ping': None}], '-vvv')
    assert run.rc == 0, run.output
    line = next(line for line in lines(run, host, 'EXEC ') if 'p y t h o n' in line)
    assert """'"'"'/tmp/p y t h o n'"'"'""" in line
    assert """'"'"'/tmp/t m p/ansible-tmp-""" in line


def test_each_operation_with_its_time_bytes_and_way(controller: Controller, host: Host) -> None:
    run = controller.play({'web1': ours(host)}, TASKS, '-vvv')
    spent = [line for line in lines(run, host) if re.match(r'svcfw: \d+\.\d+ s', line)]
    shape = re.compile(
        r'svcfw: (?P<all>[\d.]+) s \(controller (?P<controller>[\d.]+)(, start (?P<start>[\d.]+))?, '
        r'wait (?P<wait>[\d.]+), target (?P<target>[\d.]+)\), \d+ bytes sent, \d+ received(; .+)?'
    )
    assert len(spent) == sum(len(lines(run, host, kind)) for kind in ('EXEC ', 'PUT ', 'FETCH '))
    for line in spent:
        found = shape.fullmatch(line)
        assert found, line
        parts = {name: float(value) for name, value in found.groupdict().items() if value}
        assert abs(2 * parts['all'] - sum(parts.values())) < 0.01, line
    assert 'start' in spent[0]
    assert not any('start' in line for line in spent[1:])
    assert {line.rpartition('; ')[2] for line in spent} >= {'L0, modules run from memory', 'answered ahead'}
    assert sum(float(re.search(r'target ([\d.]+)', line)[1]) for line in spent) > 0  # type: ignore[index]


def test_the_command_line_of_ssh(controller: Controller, host: Host) -> None:
    run = controller.play({'web1': ours(host, user='sudopw', password=True)}, [HELLO], '-vvv')
    [line] = lines(run, host, 'SSH: EXEC ')
    words = shlex.split(line)
    assert words[2] == 'ssh'
    assert f'Port={host.port}' in words
    assert host.address in words
    assert PASSWORD not in run.output


# -- -vvvv ---------------------------------------------------------------------------------------------------------


def test_what_ssh_says(controller: Controller, host: Host) -> None:
    run = controller.play({'web1': ours(host)}, [HELLO, HELLO], '-vvvv')
    said = lines(run, host, 'SSH: debug')
    assert sum('Authentication succeeded' in line or 'Authenticated to' in line for line in said) <= 1
    assert any(line.startswith('SSH: debug3: ') for line in said)
    again = controller.play({'web1': ours(host)}, [HELLO], '-vvvv')
    assert lines(again, host, 'SSH: debug') == []
    assert any('reset_connection' in line for line in lines(again, host))


def test_what_ssh_says_when_it_fails(controller: Controller, host: Host) -> None:
    inventory = {'web1': ours(host, ansible_port=1)}
    run = controller.play(inventory, [HELLO], '-vvvv')
    assert any('Connection refused' in line for line in lines(run, host, 'SSH: debug1: '))
    assert 'port 1 of' in message(run, 'web1')
    assert 'debug' not in message(run, 'web1')


def test_no_secret_at_any_verbosity(controller: Controller, host: Host) -> None:
    inventory = {'web1': ours(host, user='sudopw', password=True, ansible_become_password=PASSWORD)}
    tasks = [
        {'name': 'command', 'command': f'echo {SECRET}', 'no_log': True},
        {'name': 'raw', 'raw': f'echo {SECRET}', 'no_log': True},
        {'name': 'copy', 'copy': {'content': SECRET, 'dest': '/tmp/copied'}, 'no_log': True},
        {'name': 'root', 'command': f'echo {SECRET}', 'become': True, 'no_log': True},
        {'name': 'in a parameter', 'copy': {'content': SECRET, 'dest': '/tmp/copied'}, 'become': True},
    ]
    run = controller.play(inventory, tasks[:-1], '-vvvvv')
    assert run.rc == 0, run.output
    assert SECRET not in run.output
    assert PASSWORD not in run.output
    assert SECRET not in '\n'.join(lines(controller.play(inventory, tasks[-1:], '-vvvvv'), host, 'EXEC'))


# -- errors --------------------------------------------------------------------------------------------------------


def test_errors_name_place_account_cause_and_remedy(controller: Controller, host: Host) -> None:
    log = f'{controller.runtime}/svcfw/mux.log'
    wrong = {'ansible_ssh_private_key_file': '/nonexistent/key'}
    cases = {
        'port': (ours(host, ansible_port=1), ['port 1 of', 'Check that the host is up']),
        'key': (ours(host, **wrong), ['login refused; the server accepts', 'Check user, key and password.']),
        'password': (
            ours(host, ansible_password='wrong', ansible_ssh_private_key_file='/nonexistent/key'),
            ['password'],
        ),
        'strange': (
            ours(host, ansible_ssh_common_args='-F /dev/null -o UserKnownHostsFile=/dev/null'),
            ['host key', 'known_hosts'],
        ),
        'paramiko': (ours(host, transport='paramiko', **wrong), ['/nonexistent/key']),
        'name': (ours(host, ansible_host='no.such.invalid'), ['has no address', 'Set ansible_host']),
    }
    run = controller.play({name: variables for name, (variables, _) in cases.items()}, [HELLO])
    for name, (variables, parts) in cases.items():
        said = message(run, name)
        assert f'plain@{variables["ansible_host"]}: ' in said, said
        for part in parts:
            assert part in said
        assert said.count(str(variables['ansible_host'])) <= 2, said
        sentences = re.split(r'[:;.] ', said)
        assert len(sentences) == len(set(sentences)), said
    assert log not in run.output


def test_a_lost_connection_names_the_log_which_says_more(controller: Controller, host: Host) -> None:
    playbook = controller.write_play([{'name': 'linger', 'shell': 'echo >/tmp/started; sleep 1000'}])
    process = controller.start(playbook, {'web1': ours(host)})
    wait_until(lambda: host.path('/tmp/started').exists(), seconds(30), 'the task runs')
    host.kill_sessions()
    run = controller.finish(process)
    said = message(run, 'web1')
    assert said.count('lost') == 1, said
    assert f'plain@{host.address}: the connection was lost' in said
    log = controller.runtime / 'svcfw' / 'mux.log'
    assert str(log) in said
    assert f'{host.address}' in log.read_text()


@pytest.mark.parametrize('method', ['su', 'sudo'])
def test_no_prompt_sticks_to_a_reason(controller: Controller, host: Host, method: str) -> None:
    become = {'become': True, 'become_method': method, 'become_user': 'other'}
    inventory = {'web1': ours(host, user='sudopw', ansible_become_password='wrong')}
    run = controller.play(inventory, [{'name': 'as other', 'command': 'id', **become}])
    assert 'assword:' not in message(run, 'web1')
    assert f'Incorrect {method} password' in message(run, 'web1')


# -- what the documentation shows ----------------------------------------------------------------------------------


def shape(line: str) -> 're.Pattern[str]':
    """What a line of the page stands for: any numbers, any account, anything for three dots."""
    pattern = re.escape(line.replace('bob', 'plain')).replace(r'\.\.\.', '.*')
    return re.compile(re.sub(r'\d+(\\\.\d+)*', lambda found: r'\d+(\.\d+)*', pattern))


def test_the_documentation_shows_what_is_told(controller: Controller, host: Host, farm: Farm) -> None:
    page = (CHECKOUT / 'docs' / 'troubleshooting.md').read_text()
    shown = [line for block in re.findall(r'```text\n(.*?)```', page, re.DOTALL) for line in block.splitlines()]
    bare = farm.host('bare')
    for folder in ('/usr/bin', '/usr/local/bin'):
        for python in bare.path(folder).glob('python*'):
            python.unlink()
    inventory = {'web1': ours(host), 'port': ours(host, ansible_port=1), 'bare': ours(bare)}
    run = controller.play(inventory, [TASKS[0], TASKS[1], TASKS[2]], '-vvvv')
    told = [*run.output.splitlines(), message(run, 'port').removeprefix('Task failed: ')]
    for line in shown:
        assert any(shape(line).fullmatch(each) for each in told), line
