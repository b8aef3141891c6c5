"""Modules call services of the controller: what may be called, who is told to call, what faults do."""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from svcfw.mux.service_host import memory
from tests.support.ansible import Controller, Run, connection_vars, copy_playbook
from tests.support.hosts import Farm, Host
from tests.support.interpreters import need_python
from tests.support.sshd import descendants
from tests.support.timing import seconds, wait_until
from tests.support.venvs import need_core

EXAMPLE = Path(__file__).resolve().parents[2] / 'examples' / 'licences'


def svcfw(host: Host, user: str = 'sudoer', **variables: object) -> dict[str, object]:
    """Inventory variables of `host` over svcfw."""
    return {**host.inventory_vars(user), **connection_vars('svcfw-ssh'), **variables}


@pytest.fixture
def host(farm: Farm) -> Host:
    return farm.host('target')


@pytest.mark.parametrize(
    ('line', 'strategy', 'become', 'count'),
    [('2.19', 'free', False, 20), ('2.16', 'linear', True, 5), ('2.21', 'linear', False, 5)],
)
def test_the_example_shares_three_licences(
    controller: Controller, farm: Farm, tmp_path: Path, line: str, strategy: str, become: bool, count: int
) -> None:
    controller.core = need_core(line)
    controller.env |= {'ANSIBLE_STRATEGY': strategy, 'ANSIBLE_FORKS': '10', 'ANSIBLE_BECOME': str(become)}
    folder = copy_playbook(EXAMPLE, tmp_path / 'licences')
    hosts = {f'h{i}': farm.host(f'h{i}') for i in range(count)}
    run = controller.run(folder / 'site.yml', {name: svcfw(host) for name, host in hosts.items()})
    taken = run.results('Take a licence')
    got = [event['result'] for event in taken if event['kind'] == 'ok']
    refused = [event['result'] for event in taken if event['kind'] == 'failed']
    assert sorted(result['key'] for result in got) == [0, 1, 2], run.output
    for result in got:
        assert hosts[result['host']].path('/tmp/app.txt').read_text() == 'the application\n'
    assert len(refused) == count - 3
    for result in refused:
        assert 'licences.Licences.checkout: LookupError: no licence for editor is left' in result['msg']
    assert run.output.count('licences.Licences: h') == 3


# --- with a service for everything


ASKING = Path(__file__).with_name('asking')


def call(method: str, service: str = 'office.Office', **arguments: object) -> dict[str, object]:
    return {'call': {'service': service, 'method': method, 'arguments': arguments}}


class Asker:
    """Plays tasks of the module `ask` on a controller, with what the hosts may have."""

    def __init__(self, controller: Controller, folder: Path) -> None:
        self.controller = controller
        self.folder = copy_playbook(ASKING, folder)
        (self.folder / 'services' / 'misspelt.py').write_text('def broken(:')
        self.variables: dict[str, object] = {'ansible_svcfw_services': ['office.Office']}

    def tasks(self, *steps: dict[str, object], **keywords: object) -> list[dict[str, object]]:
        return [{'name': 'ask', 'ask': {'steps': list(steps)}, **keywords}]

    def play(self, inventory: object, tasks: object, *args: str, **keywords: object) -> Run:
        path = self.folder / 'site.yml'
        play = {'hosts': 'all', 'gather_facts': False, 'vars': self.variables, **keywords, 'tasks': tasks}
        path.write_text(json.dumps([play]))
        return self.controller.run(path, inventory, *args)  # type: ignore[arg-type]

    def ask(self, host: Host, *steps: dict[str, object], **keywords: object) -> list[Any]:
        """The answers of one task on one host."""
        return answers(self.play({'web1': svcfw(host)}, self.tasks(*steps, **keywords)), 'web1')


def answers(run: Run, host: str) -> list[Any]:
    result = run.result('ask', host)['result']
    assert 'answers' in result, run.output
    return list(result['answers'])


def answers_of(event: dict[str, Any]) -> list[Any]:
    return list(event['result']['answers'])


@pytest.fixture
def asker(controller: Controller, tmp_path: Path) -> Asker:
    return Asker(controller, tmp_path / 'asking')


def test_a_service_is_told_who_calls(asker: Asker, host: Host) -> None:
    plain, root = (asker.ask(host, call('who'), **keywords)[0] for keywords in ({}, {'become': True}))
    assert plain.pop('run') != root.pop('run')
    known = {'inventory_hostname': 'web1', 'host': host.address, 'login_account': 'sudoer', 'module': 'ask'}
    assert plain == {**known, 'become_account': None}
    assert root == {**known, 'become_account': 'root'}


def test_policies_go_by_host_and_account(asker: Asker, host: Host) -> None:
    inventory = {name: svcfw(host) for name in ('web1', 'web9', 'db1')}
    run = asker.play(inventory, asker.tasks(call('for_web'), call('for_root'), call('for_parents')))
    for name, allowed in (('web1', 'web'), ('web9', None), ('db1', None)):
        for_web, for_root, for_parents = answers(run, name)
        assert for_web == allowed if allowed else 'not allowed to call it (policy AllowHosts)' in for_web['error']
        assert 'not allowed to call it (policy AllowAccounts)' in for_root['error']
        assert 'not allowed to call it (policy AllowParents)' in for_parents['error']
    assert asker.ask(host, call('for_root'), become=True) == ['root']


def test_what_the_play_does_not_name_is_refused(asker: Asker, host: Host) -> None:
    unlisted, unknown = asker.ask(host, call('ask', 'office.Unlisted'), call('getcwd', 'os.path'))
    assert 'office.Unlisted is not activated, and the caller is no parent' in unlisted['error']
    assert 'os.path is not activated' in unknown['error']


def test_state_lives_as_long_as_the_run_over_hosts_and_forks(asker: Asker, farm: Farm) -> None:
    inventory = {f'h{i}': svcfw(farm.host(f'h{i}')) for i in range(3)}
    for strategy in ('linear', 'free'):
        run = asker.play(inventory, 2 * asker.tasks(call('add')), strategy=strategy)
        counts = [event['result']['answers'][0] for event in run.results('ask')]
        assert sorted(counts) == [1, 2, 3, 4, 5, 6]


def test_the_service_host_is_like_the_run(asker: Asker, host: Host) -> None:
    place = asker.ask(host, call('place'))[0]
    assert place['folder'] == str(asker.controller.directory)
    assert place['home'] == asker.controller.env['HOME']


def test_values_go_both_ways_over_senders_and_receivers(asker: Asker, host: Host) -> None:
    steps = {'numbers': {'number': 5}}, {'say': {'values': [1, 'two']}}, {'at_once': {'count': 50}}
    assert asker.ask(host, *steps) == [[0, 1, 2, 3, 4], [1, 'two'], list(range(1, 51))]


@pytest.mark.parametrize('version', ['3.6', '3.7', '3.9', '3.13'])
def test_modules_of_other_interpreters_ask_too(
    asker: Asker, host: Host, version: str, tmp_path: Path, controller: Controller
) -> None:
    """3.6 with the oldest core that runs there."""
    if version in ('3.6', '3.7'):
        controller.core = need_core('2.16')
    interpreter = need_python(version)
    file = tmp_path / 'file'
    file.write_text('content')
    asker.variables['ansible_svcfw_files'] = [str(file)]
    asker.variables['ansible_python_interpreter'] = interpreter
    steps = call('add'), {'python': {}}, {'get': {'path': str(file)}}, {'fork': {}}, {'numbers': {'number': 2}}
    # The first has all to itself, the others find what the template has prepared.
    run = asker.play({'web1': svcfw(host)}, 3 * asker.tasks(*steps))
    for number, event in enumerate(run.results('ask'), 1):
        assert 'answers' in event['result'], run.output
        count, python, content, forked, numbers = answers_of(event)
        assert (count, python, content, numbers) == (number, version, 'content', [0, 1])
        assert 'which alone may use its router' in forked[0]
        assert forked[1] is True


def test_a_module_that_starts_cold_asks_too(asker: Asker, host: Host) -> None:
    assert asker.ask(host, call('add'), environment={'PYTHONHASHSEED': '7'}) == [1]


# --- files


def test_a_host_may_have_its_files_and_no_others(asker: Asker, farm: Farm, tmp_path: Path) -> None:
    folder = tmp_path / 'artifacts'
    folder.mkdir()
    (folder / 'app').write_text('an application')
    (tmp_path / 'secret').write_text('a secret')
    (folder / 'out').symlink_to(tmp_path / 'secret')
    (folder / 'in').symlink_to('app')
    inventory = {'a': svcfw(farm.host('a'), ansible_svcfw_files=[str(folder)]), 'b': svcfw(farm.host('b'))}
    paths = [folder / 'app', folder / 'in', folder / 'out', tmp_path / 'secret', folder / '..' / 'secret']
    run = asker.play(inventory, asker.tasks(*({'get': {'path': str(path)}} for path in paths)))
    app, link, *others = answers(run, 'a')
    assert app == link == 'an application'
    for refused in [*others, *answers(run, 'b')]:
        assert 'this host may not have it' in refused['error']


def test_a_service_lets_its_caller_have_a_file(asker: Asker, farm: Farm, tmp_path: Path) -> None:
    for name in ('lent', 'other'):
        (tmp_path / name).write_text(f'what is {name}')
    inventory = {name: svcfw(farm.host(name)) for name in ('a', 'b')}
    steps = {'get': {'path': str(tmp_path / 'lent')}}, {'get': {'path': str(tmp_path / 'other')}}
    tasks = asker.tasks(call('lend', path=str(tmp_path / 'lent')), *steps)
    tasks[0]['when'] = 'inventory_hostname == "a"'
    run = asker.play(inventory, [*tasks, {**asker.tasks(*steps)[0], 'when': 'inventory_hostname == "b"'}])
    path, lent, other = answers_of(run.results('ask', 'a')[0])
    assert (path, lent) == (str(tmp_path / 'lent'), 'what is lent')
    for refused in (other, *answers(run, 'b')):
        assert 'this host may not have it' in refused['error']


def test_services_are_found_in_roles_collections_and_paths(asker: Asker, host: Host, tmp_path: Path) -> None:
    text = """
import svcfw.service


class Found(svcfw.service.Service):
    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def where(self):
        return __name__
"""
    collection = 'collections/ansible_collections/own/things/plugins/module_utils'
    folders = {
        'roles/asks/services/of_role.py': 'of_role.Found',
        f'{collection}/of_collection.py': 'ansible_collections.own.things.plugins.module_utils.of_collection.Found',
        'elsewhere/of_path.py': 'of_path.Found',
    }
    for path in folders:
        (asker.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (asker.folder / path).write_text(text)
    asker.variables['ansible_svcfw_services'] = list(folders.values())
    asker.variables['ansible_svcfw_services_path'] = [str(asker.folder / 'elsewhere')]
    steps = [call('where', name) for name in folders.values()]
    tasks = asker.folder / 'roles' / 'asks' / 'tasks' / 'main.yml'
    tasks.parent.mkdir(parents=True)
    tasks.write_text(json.dumps(asker.tasks(*steps)))
    # The service host is there before the role is.
    before = {'name': 'before', 'ask': {'steps': steps[2:]}}
    run = asker.play({'web1': svcfw(host)}, [before, {'include_role': {'name': 'asks'}}])
    found = [event['result']['answers'] for event in run.events if 'answers' in event.get('result', {})][-1]
    assert found == [name.rpartition('.')[0] for name in folders.values()]


def test_a_large_file_is_fetched_whole(asker: Asker, host: Host, tmp_path: Path) -> None:
    content = os.urandom(1 << 20) * 20
    (tmp_path / 'large').write_bytes(content)
    asker.variables['ansible_svcfw_files'] = [str(tmp_path / 'large')]
    steps = {'fetch': {'path': str(tmp_path / 'large'), 'to': '/tmp/large'}}
    assert asker.ask(host, steps) == [len(content)]
    assert host.path('/tmp/large').read_bytes() == content


def test_a_host_writes_only_where_the_controller_says(asker: Asker, farm: Farm, tmp_path: Path) -> None:
    """Neither elsewhere, nor by links, nor what can be executed; nothing where nothing is named."""
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'link').symlink_to(tmp_path / 'secret')
    (tmp_path / 'secret').write_text('a secret')
    asker.variables['ansible_svcfw_files'] = [str(tmp_path)]
    inventory = {
        'a': svcfw(farm.host('a'), ansible_svcfw_uploads=[str(tmp_path / '{{ inventory_hostname }}')]),
        'b': svcfw(farm.host('b'), ansible_svcfw_uploads=[str(tmp_path / '{{ inventory_hostname }}')]),
        'c': svcfw(farm.host('c')),
    }
    puts = [
        {'put': {'path': '/tmp/report', 'to': f'{tmp_path}/{name}', **options}}
        for name, options in [
            ('a/report', {}), ('a/link', {}), ('secret', {}), ('a/../secret', {}), ('b/report', {}), ('a/x/report', {}),
            ('a/mine', {'owner': 'root', 'mode': 0o4777}),
        ]
    ]  # fmt: skip
    run = asker.play(inventory, asker.tasks({'write': {'path': '/tmp/report', 'content': 'of a host'}}, *puts))
    _, done, link, outside, above, other, deep, odd = answers(run, 'a')
    assert done is None
    assert odd is None
    assert 'a/link is a link' in link['error']
    assert 'is no folder' in deep['error']
    for refused in (outside, above, other):
        assert 'this host may not write it. Name a folder above it in ansible_svcfw_uploads' in refused['error']
    assert (tmp_path / 'a' / 'report').read_text() == (tmp_path / 'b' / 'report').read_text() == 'of a host'
    assert (tmp_path / 'a' / 'mine').stat().st_mode & 0o7777 == 0o666
    assert (tmp_path / 'secret').read_text() == 'a secret'
    assert sorted(path.name for path in (tmp_path / 'a').iterdir()) == ['link', 'mine', 'report']
    for refused in answers(run, 'c')[1:]:
        assert 'nothing is in ansible_svcfw_uploads here' in refused['error']


def test_a_large_file_is_put_whole_and_no_more_than_may_be(asker: Asker, host: Host, tmp_path: Path) -> None:
    asker.variables |= {'ansible_svcfw_uploads': [str(tmp_path)], 'ansible_svcfw_upload_bytes': 30 << 20}
    put = {'put': {'path': '/tmp/large', 'to': str(tmp_path / 'large')}}
    digest, done, more = asker.ask(host, {'write': {'path': '/tmp/large', 'size': 20 << 20}}, put, put)
    assert done is None
    assert hashlib.sha256((tmp_path / 'large').read_bytes()).hexdigest() == digest
    assert 'web1 has put 20971520 bytes in this run, and may put 31457280' in more['error']
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith('.svcfw-')]


def test_a_service_lets_its_caller_write_a_file(asker: Asker, host: Host, tmp_path: Path) -> None:
    puts = [{'put': {'path': '/tmp/report', 'to': str(tmp_path / name)}} for name in ('report', 'other')]
    steps = {'write': {'path': '/tmp/report', 'content': 'of a host'}}, call('take', path=str(tmp_path / 'report'))
    _, path, done, refused = asker.ask(host, *steps, *puts)
    assert path == str(tmp_path / 'report')
    assert done is None
    assert (tmp_path / 'report').read_text() == 'of a host'
    assert 'this host may not write it' in refused['error']


# --- over another connection


@pytest.mark.parametrize('connection', ['ssh', 'local'])
def test_another_connection_says_what_to_do(asker: Asker, host: Host, connection: str) -> None:
    stock = {'ansible_connection': connection}
    if connection == 'local':
        stock['ansible_python_interpreter'] = sys.executable
    run = asker.play({'web1': {**svcfw(host), **stock}}, asker.tasks(call('add')))
    said = run.result('ask', 'web1')['result']['msg']
    assert said.startswith('Services of the controller cannot be had over this connection. It needs `connection: svcfw')


# --- bad input and faults


def test_what_cannot_be_done_is_told_to_the_caller(asker: Asker, host: Host) -> None:
    asker.variables['ansible_svcfw_services'] = ['office.Office', 'nowhere.Nothing']
    steps = [
        call('ask', 'nowhere.Nothing'),
        call('unknown'),
        call('add', number=1, unknown=2),
        call('odd'),
        call('fail', text='a failure of its own'),
        call('much', size=100 << 20),
        call('add'),
    ]
    *errors, last = asker.ask(host, *steps)
    parts = [
        "No module named 'nowhere'", 'unknown', 'unknown argument unknown', 'Office', 'a failure of its own',
        'above the limit',
    ]  # fmt: skip
    for answer, part in zip(errors, parts, strict=True):
        assert part in answer['error'], answer
    assert last == 1


@pytest.mark.parametrize(
    ('name', 'why'),
    [
        ('misspelt.Service', 'SyntaxError: invalid syntax (misspelt.py, line 1)'),
        ('office.Broken', 'RuntimeError: it cannot be made'),
        ('office.Nothing', 'RefusedError: no service office.Nothing: module office has no attribute Nothing'),
        ('os.path', 'RefusedError: os.path is not a subclass of svcfw.service.Service'),
        ('office.Importing', "ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_a_service_that_cannot_be_used_fails_the_tasks_that_name_it(
    asker: Asker, farm: Farm, name: str, why: str
) -> None:
    """Before anything is done on the host, and whether they call it or not."""
    inventory = {
        'a': svcfw(farm.host('a'), ansible_svcfw_services=['office.Office', name]),
        'b': svcfw(farm.host('b'), ansible_svcfw_services=['office.Office']),
    }
    tasks = [{'name': 'touch', 'file': {'path': '/tmp/touched', 'state': 'touch'}}, *asker.tasks(call('add'))]
    asker.variables = {}
    run = asker.play(inventory, tasks)
    event = run.result('touch', 'a')
    assert event['kind'] == 'failed', run.output
    assert f'{name} is in ansible_svcfw_services, and cannot be used: {why}' in event['result']['msg']
    assert not farm.host('a').path('/tmp/touched').exists()
    assert answers(run, 'b') == [1], run.output


def test_a_service_is_made_before_the_first_task_and_once(asker: Asker, farm: Farm) -> None:
    """By its log line: in a run in which no module calls it."""
    asker.variables['ansible_svcfw_services'] = ['office.Telling']
    inventory = {f'h{i}': svcfw(farm.host(f'h{i}')) for i in range(3)}
    run = asker.play(inventory, [{'name': 'first', 'ping': {}}, {'name': 'second', 'ping': {}}])
    assert run.output.count('office.Telling: it is made') == 1, run.output


def test_an_error_that_nobody_catches_ends_the_module_in_a_sentence(asker: Asker, host: Host) -> None:
    tasks = [{'name': 'ask', 'ask': {'steps': [call('fail', text='no paper')], 'ends': True}}]
    run = asker.play({'web1': svcfw(host)}, tasks)
    assert run.result('ask')['result']['msg'] == 'office.Office.fail: ValueError: no paper'
    assert 'office.Office: it is about to fail' in run.output


def test_a_service_that_exits_is_told_of_and_not_started_again(asker: Asker, host: Host) -> None:
    # Tasks that call none of them go on.
    tasks = [*asker.tasks(call('leave'), call('add')), {'name': 'after', 'ping': {}}]
    run = asker.play({'web1': svcfw(host)}, tasks)
    first, second = answers(run, 'web1')
    assert first['error'].startswith('office.Office.leave: its process has ended')
    assert 'not started again before the next run' in second['error']
    assert run.result('after')['kind'] == 'ok', run.output
    assert asker.ask(host, call('add')) == [1]


def test_a_service_that_exits_harms_no_other(asker: Asker, host: Host) -> None:
    asker.variables['ansible_svcfw_services'] = ['office.Office', 'office.Branch']
    steps = [call('add', 'office.Branch'), call('leave'), call('add', 'office.Branch')]
    first, left, second = asker.ask(host, *steps)
    assert (first, second) == (1, 2), 'it has kept what it knew'
    assert 'its process has ended' in left['error']


def test_a_service_that_eats_memory_harms_its_own_callers(asker: Asker, farm: Farm) -> None:
    """Its process has half of what there is; here less, since the machine needs the rest."""
    inventory = {f'h{i}': svcfw(farm.host(f'h{i}')) for i in range(2)}
    tasks = [
        {'name': 'eat', 'ask': {'steps': [call('eat', limit=1 << 30)], 'ends': True}, 'ignore_errors': True,
         'when': 'inventory_hostname == "h0"'},
        *asker.tasks(call('limits'), call('add')),
    ]  # fmt: skip
    run = asker.play(inventory, tasks)
    assert run.result('eat', 'h0')['result']['msg'].startswith('office.Office.eat: MemoryError: it needs more than')
    assert [answers(run, name)[0] for name in inventory] == 2 * [[1 << 30, 500]]
    assert sorted(answers(run, name)[1] for name in inventory) == [1, 2]
    usual = asker.ask(farm.host('h0'), call('limits'))[0]
    assert usual == [memory.there() // memory.PART, 500]


def test_a_method_that_hangs_keeps_its_own_callers_waiting(asker: Asker, farm: Farm) -> None:
    inventory = {f'h{i}': svcfw(farm.host(f'h{i}')) for i in range(2)}
    hang = {'call': {'service': 'office.Office', 'method': 'hang', 'timeout': 3}}
    tasks = [{'name': 'ask', 'ask': {'steps': [hang, call('add')]}}]
    run = asker.play(inventory, tasks)
    for name in inventory:
        late, count = answers(run, name)
        assert 'hang has not answered within 3 s' in late['error']
        assert count in (1, 2)


def test_a_killed_service_host_ends_the_calls_of_all_its_hosts(asker: Asker, farm: Farm) -> None:
    inventory = {f'h{i}': svcfw(farm.host(f'h{i}')) for i in range(2)}
    tasks = asker.tasks(call('place'), call('linger', seconds=1000))
    tasks[0]['register'] = 'asked'
    path = asker.folder / 'site.yml'
    play = {'hosts': 'all', 'gather_facts': False, 'vars': asker.variables, 'tasks': tasks}
    path.write_text(json.dumps([play]))
    process = asker.controller.start(path, inventory)
    wait_until(lambda: len(service_hosts(asker.controller)) == 1, seconds(60), 'the service host is there')
    pid = service_hosts(asker.controller)[0]
    wait_until(lambda: threads(pid) > 32, seconds(30), 'it serves')
    os.kill(pid, signal.SIGKILL)
    run = asker.controller.finish(process)
    for name in inventory:
        *_, lost = answers(run, name)
        assert 'has ended' in lost['error']


def test_nothing_of_a_run_is_left(asker: Asker, host: Host) -> None:
    """Neither where the main process ends as it should nor where it is killed."""
    started = asker.ask(host, call('start'))[0]
    wait_until(lambda: not is_there(started), seconds(20), 'what a service has started is gone')
    assert service_hosts(asker.controller) == []
    path = asker.folder / 'site.yml'
    tasks = asker.tasks(call('start'), call('linger', seconds=1000))
    play = {'hosts': 'all', 'gather_facts': False, 'vars': asker.variables, 'tasks': tasks}
    path.write_text(json.dumps([play]))
    process = asker.controller.start(path, {'web1': svcfw(host)})
    wait_until(lambda: service_hosts(asker.controller), seconds(60), 'the service host is there')
    wait_until(lambda: threads(service_hosts(asker.controller)[0]) > 32, seconds(30), 'it serves')
    os.killpg(process.pid, signal.SIGKILL)
    asker.controller.finish(process)
    wait_until(lambda: not service_hosts(asker.controller), seconds(20), 'the service host is gone')


@pytest.mark.parametrize('end', [{'many': {'count': 20}}, {'die': {}}, {'daemon': {'seconds': 3}}])
def test_a_module_that_ends_with_calls_open_leaves_nothing(asker: Asker, host: Host, end: dict[str, object]) -> None:
    tasks = [
        {'name': 'end', 'ask': {'steps': [call('add'), end]}, 'ignore_errors': True},
        *asker.tasks(call('add'), call('lingered')),
    ]
    run = asker.play({'web1': svcfw(host)}, tasks)
    count, lingered = answers(run, 'web1')
    assert count == 2
    assert lingered == [True] * len(lingered)


def test_a_time_out_ends_the_call(asker: Asker, host: Host) -> None:
    step = {'call': {'service': 'office.Office', 'method': 'linger', 'arguments': {'seconds': 1000}, 'timeout': 0.5}}
    late, _ = asker.ask(host, step, call('lingered'))
    assert 'has not answered within 0.5 s' in late['error']


def service_hosts(controller: Controller) -> list[int]:
    """Process ids of the multiplexer's children that hold services."""
    found = []
    for mux in controller.mux_pids():
        for pid in descendants(mux):
            try:
                words = Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')
            except OSError:
                continue
            if b'-c' in words and b'ssh' not in words[0]:
                found.append(pid)
    return found


def threads(pid: int) -> int:
    try:
        return len(os.listdir(f'/proc/{pid}/task'))
    except OSError:
        return 0


def is_there(pid: int) -> bool:
    try:
        return b') Z ' not in Path(f'/proc/{pid}/stat').read_bytes()
    except OSError:
        return False


# --- modules that travel as files


def test_async_jobs_ask_while_they_run(asker: Asker, host: Host) -> None:
    steps = {'pause': {'seconds': 1}}, call('add'), call('who')
    ask = asker.tasks(*steps, **{'async': 60, 'poll': 1})
    later = [
        {'name': 'begin', 'ask': {'steps': list(steps)}, 'async': 60, 'poll': 0, 'register': 'job'},
        {'name': 'ask', 'async_status': {'jid': '{{ job.ansible_job_id }}'}, 'register': 'state', 'delay': 1,
         'retries': 60, 'until': 'state.finished'},
    ]  # fmt: skip
    for number, tasks in ((1, ask), (1, later)):
        run = asker.play({'web1': svcfw(host)}, tasks)
        _, count, known = answers(run, 'web1')
        assert count == number
        assert known['inventory_hostname'] == 'web1'


@pytest.mark.parametrize('become', [False, True])
def test_modules_in_files_ask_too(asker: Asker, host: Host, become: bool) -> None:
    asker.controller.env['ANSIBLE_KEEP_REMOTE_FILES'] = '1'
    _, known = asker.ask(host, call('add'), call('who'), become=become)
    assert known['become_account'] == ('root' if become else None)


def test_a_pass_is_shown_only_where_something_is_offered(asker: Asker, host: Host) -> None:
    tasks = [
        {'name': 'module', 'shell': 'echo $SVCFW_LINK'},
        {'name': 'command', 'raw': 'echo $SVCFW_LINK'},
        {'name': 'nothing', 'raw': 'echo $SVCFW_LINK', 'vars': {'ansible_svcfw_services': []}},
    ]
    run = asker.play({'web1': svcfw(host)}, tasks)
    shown = {name: run.result(name)['result']['stdout'].strip() for name in ('module', 'command', 'nothing')}
    assert shown['command'].startswith('@svcfw-')
    assert shown['module'] == shown['nothing'] == ''


# --- what is told at the end


def test_the_end_of_a_run_tells_what_services_did(asker: Asker, farm: Farm) -> None:
    asker.controller.env['ANSIBLE_CALLBACKS_ENABLED'] += ',svcfw.svcfw.services'
    asker.variables['ansible_svcfw_services'] = ['office.Office', 'office.Slow']
    inventory = {f'h{i}': svcfw(farm.host(f'h{i}')) for i in range(2)}
    run = asker.play(inventory, asker.tasks(call('work', 'office.Slow'), call('fail', text='no')), '-v')
    told = [line for line in run.output.splitlines() if line.startswith('svcfw: office.')]
    assert [line.rpartition(', ')[0] for line in told] == [
        'svcfw: office.Office.fail: 2 calls, 2 executions, 2 failures',
        'svcfw: office.Slow.work: 2 calls, 1 executions, 0 failures',
    ]
    assert not [line for line in asker.play(inventory, asker.tasks()).output.splitlines() if 'svcfw: ' in line]
