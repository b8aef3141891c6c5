"""The collection's modules that ask ready services of the controller."""

import ast
import hashlib
import json
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.integration.test_module_services import Asker, answers_of, call, svcfw
from tests.support.ansible import Controller
from tests.support.artifact_server import ArtifactServer
from tests.support.flow import line
from tests.support.hosts import CHECKOUT, Farm, Host
from tests.support.interpreters import need_python
from tests.support.sshd import LOOPBACK
from tests.support.timing import seconds, wait_until
from tests.support.venvs import need_core


@pytest.fixture
def host(farm: Farm) -> Host:
    return farm.host('target')


@pytest.fixture
def asker(controller: Controller, tmp_path: Path) -> Asker:
    return Asker(controller, tmp_path / 'asking')


# --- service_call


def service_call(method: str, name: str = 'call', **options: object) -> dict[str, object]:
    return {'name': name, 'svcfw.svcfw.service_call': {'service': 'office.Office', 'method': method, **options}}


def test_a_task_calls_a_service_and_has_its_result(asker: Asker, host: Host) -> None:
    tasks = [
        {**service_call('add', arguments={'number': 5}), 'register': 'sum'},
        {'name': 'use', 'debug': {'msg': '{{ sum.result + 1 }}'}},
        service_call('who', 'who'),
        service_call('much', 'bytes', arguments={'size': 3}),
    ]
    run = asker.play({'web1': svcfw(host)}, tasks)
    result = run.result('call')['result']
    assert (result['result'], result['changed']) == (5, False), run.output
    assert str(run.result('use')['result']['msg']) == '6'
    assert run.result('who')['result']['result']['inventory_hostname'] == 'web1'
    assert run.result('bytes')['result']['result'] == '\0\0\0'


def test_a_call_is_skipped_in_check_mode_unless_the_task_says_otherwise(asker: Asker, host: Host) -> None:
    tasks = [service_call('add'), {**service_call('add', 'anyhow'), 'check_mode': False}]
    run = asker.play({'web1': svcfw(host)}, tasks, '--check')
    assert run.result('call')['kind'] == 'skipped'
    assert run.result('anyhow')['result']['result'] == 1


def test_a_call_that_cannot_be_says_why(asker: Asker, host: Host) -> None:
    wrong = {
        'fails': (service_call('fail', 'fails', arguments={'text': 'no paper'}), 'office.Office.fail: ValueError: no'),
        'late': (service_call('linger', 'late', arguments={'seconds': 1000}, timeout=0.1), 'office.Office.linger'),
        'odd': (service_call('much', 'odd', arguments={'timeout': 3}), '`timeout` cannot be called in this way'),
        'refused': (
            {**service_call('add', 'refused'), 'vars': {'ansible_svcfw_services': []}},
            'office.Office is not activated',
        ),
    }  # fmt: skip
    tasks = [{**task, 'ignore_errors': True} for task, _ in wrong.values()]
    run = asker.play({'web1': svcfw(host)}, tasks)
    for name, (_, said) in wrong.items():
        assert said in run.result(name)['result']['msg'], run.output


# --- artifact


@pytest.fixture
def server() -> Iterator[ArtifactServer]:
    with ArtifactServer() as server:
        yield server


def artifact(server: ArtifactServer, name: str = 'artifact', **options: object) -> dict[str, object]:
    options = {'src': f'{server.url}/app.tar', 'dest': '/tmp/app.tar', **options}
    return {'name': name, 'svcfw.svcfw.artifact': options}


@pytest.mark.parametrize(('strategy', 'line'), [('linear', '2.19'), ('free', '2.16'), ('free', '2.21')])
def test_all_hosts_get_what_was_downloaded_once(
    asker: Asker, farm: Farm, server: ArtifactServer, strategy: str, line: str
) -> None:
    asker.controller.core = need_core(line)
    asker.variables = {}
    server.files['/app.tar'] = content = os.urandom(3 << 20)
    hosts = {f'h{i}': farm.host(f'h{i}') for i in range(6)}
    inventory = {name: svcfw(host) for name, host in hosts.items()}
    tasks = [artifact(server, mode='0640', owner='root'), artifact(server, 'again', mode='0640')]
    run = asker.play(inventory, tasks, strategy=strategy, become=True)
    for name, host in hosts.items():
        result = run.result('artifact', name)['result']
        assert result['changed'], run.output
        assert result['checksum'] == 'sha256:' + hashlib.sha256(content).hexdigest()
        assert not run.result('again', name)['result']['changed']
        path = host.path('/tmp/app.tar')
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o7777 == 0o640
    assert server.downloads == ['/app.tar']


#: For ssh: a host that is reached by a port that no file knows.
UNKNOWN = '-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'


def counting(stack: ExitStack, host: Host, folder: Path) -> tuple[int, Path]:
    """A port that leads to a host, and the file that holds how many bytes have gone that way."""
    counter = folder / f'{host.address}.bytes'
    return stack.enter_context(line(host.address, host.port, 0, counter=str(counter))), counter


@pytest.mark.slow
@pytest.mark.parametrize(('hosts', 'aliases'), [(1, 100), (20, 1)])
def test_each_link_carries_a_content_once(
    asker: Asker, farm: Farm, server: ArtifactServer, tmp_path: Path, hosts: int, aliases: int
) -> None:
    """However many names of the inventory lead to an account; the service that they call executes once, too."""
    size = 2 << 20
    server.files['/app.tar'] = content = os.urandom(size)
    asker.controller.env['ANSIBLE_FORKS'] = '100'
    asker.variables['ansible_svcfw_services'] = ['office.Office', 'office.Slow']
    asker.variables['ansible_svcfw_files'] = [str(tmp_path / 'large')]
    (tmp_path / 'large').write_bytes(os.urandom(size))
    machines = [farm.host(f'h{i}') for i in range(hosts)]
    with ExitStack() as stack:
        ways = [counting(stack, machine, tmp_path) for machine in machines]
        inventory = {
            f'h{i}-{alias}': {
                **svcfw(machine), 'ansible_host': LOOPBACK, 'ansible_port': port, 'ansible_ssh_common_args': UNKNOWN,
            }
            for i, (machine, (port, _)) in enumerate(zip(machines, ways, strict=True)) for alias in range(aliases)
        }  # fmt: skip
        asker.play(inventory, [{'name': 'warm', 'ping': {}}])
        before = [sum(struct.unpack_from('2Q', counter.read_bytes())) for _, counter in ways]
        place = '/tmp/{{ inventory_hostname }}'
        fetch = {'fetch': {'path': str(tmp_path / 'large'), 'to': f'{place}.large'}}
        gather = call('gather', 'office.Slow', number=len(inventory))
        tasks = [artifact(server, dest=place), *asker.tasks(fetch, call('arrive'), gather)]
        run = asker.play(inventory, tasks)
        carried = [
            sum(struct.unpack_from('2Q', counter.read_bytes())) - earlier
            for (_, counter), earlier in zip(ways, before, strict=True)
        ]
    assert server.downloads == ['/app.tar']
    for name in inventory:
        path = machines[int(name[1:].partition('-')[0])].path(f'/tmp/{name}')
        assert path.read_bytes() == content, run.output
        assert path.with_name(f'{name}.large').read_bytes() == (tmp_path / 'large').read_bytes()
    assert [answers_of(event)[2] for event in run.results('ask')] == len(inventory) * [1], run.output
    for each in carried:  # both contents, the modules once, some KiB for each run of one
        assert 2 * size < each < 2 * size + (1 << 20) + aliases * (20 << 10)


def test_a_later_run_asks_whether_it_has_changed_and_with_a_checksum_does_not(
    asker: Asker, host: Host, server: ArtifactServer
) -> None:
    server.files['/app.tar'] = b'one'
    checksum = 'sha256:' + hashlib.sha256(b'one').hexdigest()
    inventory = {'web1': svcfw(host)}
    asker.play(inventory, [artifact(server)])
    assert server.asked == [('/app.tar', 200)]
    asker.play(inventory, [artifact(server, dest='/tmp/other')])
    assert server.asked == [('/app.tar', 200), ('/app.tar', 304)]
    assert host.path('/tmp/other').read_bytes() == b'one'
    asker.play(inventory, [artifact(server, dest='/tmp/third', checksum=checksum)])
    assert host.path('/tmp/third').read_bytes() == b'one'
    assert len(server.asked) == 2
    server.files['/app.tar'] = b'two'
    run = asker.play(inventory, [artifact(server)])
    assert run.result('artifact')['result']['changed']
    assert host.path('/tmp/app.tar').read_bytes() == b'two'
    folder = Path(asker.controller.env['HOME']) / '.cache' / 'svcfw' / 'artifacts'
    wait_until(lambda: not list(folder.glob('run-*')), seconds(10), 'what the run has held is gone')


def test_check_mode_of_an_artifact_changes_nothing_on_the_host(
    asker: Asker, host: Host, server: ArtifactServer
) -> None:
    server.files['/app.tar'] = b'one'
    host.path('/tmp/same').write_bytes(b'one')
    tasks = [artifact(server), artifact(server, 'same', dest='/tmp/same'),
             artifact(server, 'known', checksum='sha256:' + 64 * '0')]  # fmt: skip
    run = asker.play({'web1': svcfw(host)}, tasks, '--check')
    assert [run.result(name)['result']['changed'] for name in ('artifact', 'same', 'known')] == [True, False, True]
    assert not host.path('/tmp/app.tar').exists()


def test_a_file_of_the_controller_is_an_artifact_too(asker: Asker, host: Host, server: ArtifactServer) -> None:
    (asker.folder / 'files').mkdir()
    (asker.folder / 'files' / 'app').write_text('mine')
    checksum = 'sha1:' + hashlib.sha1(b'mine').hexdigest()
    tasks = [artifact(server, src='app', dest='/tmp/', checksum=checksum),
             artifact(server, 'again', src='app', dest='/tmp/app')]  # fmt: skip
    run = asker.play({'web1': svcfw(host)}, tasks)
    assert host.path('/tmp/app').read_text() == 'mine', run.output
    assert not run.result('again')['result']['changed']


def test_an_artifact_that_cannot_be_had_says_why(asker: Asker, host: Host, server: ArtifactServer) -> None:
    server.files['/app.tar'] = b'one'
    other = 'sha256:' + 64 * '0'
    wrong = {
        'missing': ({'src': f'{server.url}/nothing'}, 'the server answers 404'),
        'other': ({'checksum': other}, f'not {other}'),
        'scheme': ({'src': 'file:///etc/shadow'}, 'neither http nor https'),
        'redirected': ({'src': f'{server.url}/to/file:///etc/shadow'}, 'the server answers 302'),
        'digits': ({'checksum': 'sha256:12'}, 'are no digits of sha256'),
        'folder': ({'dest': '/nowhere/app'}, '/nowhere is no folder'),
        'stock': ({'dest': '/tmp/app'}, 'cannot be had over this connection'),
    }
    tasks = [{**artifact(server, name, **options), 'ignore_errors': True} for name, (options, _) in wrong.items()]
    tasks[-1]['connection'] = 'ssh'
    tasks[-1]['vars'] = {'ansible_connection': 'ssh'}
    run = asker.play({'web1': svcfw(host)}, tasks)
    for name, (_, said) in wrong.items():
        assert said in run.result(name)['result']['msg'], run.output
    assert not host.path('/tmp/app.tar').exists()


def test_a_host_has_the_controller_download_nothing_by_itself(asker: Asker, host: Host, server: ArtifactServer) -> None:
    """Even where the service is named for all its modules."""
    name = 'svcfw.ansible.services.ready.artifacts.Artifacts'
    asker.variables = {'ansible_svcfw_services': [name]}
    asked = asker.ask(host, call('obtain', name, key='0' * 64), call('obtain', name, url=server.url))
    assert 'does not ask for that' in asked[0]['error']
    assert 'missing argument key' in asked[1]['error'] or 'unknown argument' in asked[1]['error']
    assert server.asked == []


def test_a_host_is_not_told_the_password_of_a_url(asker: Asker, host: Host, server: ArtifactServer) -> None:
    server.files['/app.tar'] = b'one'
    server.account = 'me:a secret'
    url = server.url.replace('://', '://me:a%20secret@') + '/app.tar'
    run = asker.play({'web1': svcfw(host)}, [artifact(server, src=url)], '-vvv')
    assert host.path('/tmp/app.tar').read_bytes() == b'one', run.output
    assert 'a%20secret' not in json.dumps(run.result('artifact')['result'])


# --- semaphore


def semaphore(name: str = 'hold', **options: object) -> dict[str, object]:
    return {'name': name, 'svcfw.svcfw.semaphore': {'name': 'work', **options}}


def counted(**options: object) -> list[dict[str, object]]:
    """Work of which a service of the tests counts how much is under way."""
    enter, leave = service_call('enter', 'enter'), service_call('leave_again', 'leave')
    return [{'block': [semaphore(**options), enter, leave], 'always': [semaphore('release', state='released')]}]


@pytest.mark.parametrize(('strategy', 'forks'), [('free', 8), ('host_pinned', 3)])
def test_no_more_hosts_hold_a_semaphore_than_it_has_slots(asker: Asker, farm: Farm, strategy: str, forks: int) -> None:
    inventory = {f'h{i}': svcfw(farm.host(f'h{i}')) for i in range(6)}
    asker.controller.env['ANSIBLE_FORKS'] = str(forks)
    run = asker.play(inventory, [*counted(slots=2), *counted(slots=2)], strategy=strategy)
    assert len(run.results('release')) == 12, run.output
    counts = [event['result']['result'] for event in run.results('enter')]
    assert len(counts) == 12
    assert max(counts) <= 2


def test_a_host_that_would_wait_in_vain_fails_at_once(asker: Asker, farm: Farm) -> None:
    inventory = {f'h{i}': svcfw(farm.host(f'h{i}')) for i in range(3)}
    run = asker.play(inventory, [semaphore(slots=2)])
    failed = [event['result']['msg'] for event in run.results('hold') if event['kind'] == 'failed']
    assert len(failed) == 1, run.output
    assert 'with the strategy linear it would not be released' in failed[0]
    assert 'Use `strategy: host_pinned` or `free`, or take no more hosts at a time than there are slots' in failed[0]
    run = asker.play(inventory, counted(slots=2), serial=2)  # what it says to do
    assert [event['kind'] for event in run.results('release')] == 3 * ['ok'], run.output
    asker.controller.env['ANSIBLE_FORKS'] = '2'
    run = asker.play(inventory, [semaphore(timeout=3)], strategy='free')
    failed = [event['result']['msg'] for event in run.results('hold') if event['kind'] == 'failed']
    assert any('all 2 forks of the run would wait' in text for text in failed), run.output


def test_a_host_waits_no_longer_than_it_is_to(asker: Asker, farm: Farm) -> None:
    inventory = {f'h{i}': svcfw(farm.host(f'h{i}')) for i in range(2)}
    run = asker.play(inventory, [semaphore(timeout=0.5)], strategy='free')
    (failed,) = [event['result']['msg'] for event in run.results('hold') if event['kind'] == 'failed']
    assert failed.startswith('semaphore work: h')
    assert failed.endswith('holds its slots, and none was released within 0.5 s')
    # What was held has ended with the run.
    run = asker.play({'h0': inventory['h0']}, [semaphore(), semaphore('again')])
    assert [run.result(name)['kind'] for name in ('hold', 'again')] == ['ok', 'ok']


def test_a_semaphore_has_the_same_slots_everywhere_and_none_in_check_mode(asker: Asker, farm: Farm) -> None:
    inventory = {f'h{i}': svcfw(farm.host(f'h{i}')) for i in range(2)}
    tasks = [semaphore(slots="{{ 2 if inventory_hostname == 'h0' else 3 }}")]
    run = asker.play(inventory, tasks)
    (failed,) = [event['result']['msg'] for event in run.results('hold') if event['kind'] == 'failed']
    assert 'semaphore work is in use with' in failed
    run = asker.play(inventory, [semaphore()], '--check')
    assert [event['kind'] for event in run.results('hold')] == ['ok', 'ok']


def test_a_host_holds_nothing_that_its_task_does_not_say(asker: Asker, host: Host) -> None:
    name = 'svcfw.ansible.services.ready.semaphores.Semaphores'
    asker.variables = {'ansible_svcfw_services': [name]}
    asked = asker.ask(host, call('hold', name, key='0' * 64), call('host_is_out', name, host='h1'))
    assert 'does not ask for that' in asked[0]['error']
    assert 'no exposed method host_is_out' in asked[1]['error']


@pytest.mark.parametrize('way', ['fails', 'is unreachable', 'fails and nobody is told'])
def test_what_a_lost_host_holds_is_free_with_the_callback(asker: Asker, farm: Farm, way: str) -> None:
    if 'nobody' not in way:
        asker.controller.env['ANSIBLE_CALLBACKS_ENABLED'] += ',svcfw.svcfw.services'
    inventory = {f'h{i}': svcfw(farm.host(f'h{i}')) for i in range(2)}
    lost: dict[str, object] = {'name': 'lost', 'command': '/bin/false'}
    if way == 'is unreachable':
        lost = {**lost, 'vars': {'ansible_port': 1}}
    first = [{**task, 'when': "inventory_hostname == 'h0'"} for task in (semaphore(), lost)]
    run = asker.play(inventory, [*first, semaphore('next')])  # where it is not free this fails at once
    assert run.result('lost', 'h0')['kind'] == ('unreachable' if way == 'is unreachable' else 'failed'), run.output
    assert run.result('next', 'h1')['kind'] == ('failed' if 'nobody' in way else 'ok'), run.output


def test_all_three_run_on_the_oldest_interpreter(asker: Asker, host: Host, server: ArtifactServer) -> None:
    asker.controller.core = need_core('2.16')
    asker.variables['ansible_python_interpreter'] = need_python('3.6')
    server.files['/app.tar'] = b'one'
    run = asker.play({'web1': svcfw(host)}, [service_call('add'), artifact(server), semaphore()])
    assert [run.result(name)['kind'] for name in ('call', 'artifact', 'hold')] == ['ok'] * 3, run.output


@pytest.mark.parametrize('line', ['2.16', '2.19', '2.21'])
@pytest.mark.parametrize('name', ['artifact', 'semaphore', 'service_call'])
def test_each_has_a_page_with_what_its_options_and_results_are(controller: Controller, name: str, line: str) -> None:
    """As core shows it; and the page names every option that the module takes, and its examples name no other."""
    core = controller.core = need_core(line)
    command = [core.script('ansible-doc'), '--json', f'svcfw.svcfw.{name}']
    done = subprocess.run(command, env=controller.env, capture_output=True, text=True, check=True)
    page = json.loads(done.stdout)[f'svcfw.svcfw.{name}']
    shown = subprocess.run(command[:1] + command[2:], env=controller.env, capture_output=True, text=True, check=True)
    assert all(option in shown.stdout for option in page['doc']['options'])
    assert 'ERROR' not in shown.stderr + done.stderr
    taken = taken_options(Path(CHECKOUT) / 'ansible_plugins' / 'modules' / f'{name}.py')
    options = page['doc']['options']
    assert set(options) >= taken
    assert set(options) - taken <= COMMON
    assert all(option['description'] for option in options.values())
    assert all(value['description'] for value in page['return'].values())
    used = {
        option
        for play in yaml.safe_load(page['examples'])
        for task in tasks_of(play)
        for option in task.get(f'svcfw.svcfw.{name}', {})
    }
    assert used
    assert used <= set(options)
    assert 'check_mode' in page['doc']['attributes']


#: Options of all modules with files, which a fragment of core describes.
COMMON = {'mode', 'owner', 'group', 'seuser', 'serole', 'setype', 'selevel', 'unsafe_writes', 'attributes'}


def taken_options(path: Path) -> set[str]:
    """The names in a module's argument_spec; those with an underscore are the action's."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == 'argument_spec':
            assert isinstance(node.value, ast.Call)
            return {str(each.arg) for each in node.value.keywords if not str(each.arg).startswith('_')}
    raise AssertionError('no argument_spec')


def tasks_of(tasks: object) -> list[dict[str, dict[str, object]]]:
    """All tasks of a play or a list of these, blocks taken apart."""
    if isinstance(tasks, list):
        return [task for each in tasks for task in tasks_of(each)]
    assert isinstance(tasks, dict)
    inner = [tasks_of(tasks[key]) for key in ('tasks', 'block', 'always', 'rescue') if key in tasks]
    return [task for each in inner for task in each] or [tasks]
