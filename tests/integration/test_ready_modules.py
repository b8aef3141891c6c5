"""The collection's modules that ask ready services of the controller."""

from pathlib import Path

import pytest

from tests.integration.test_module_services import Asker, svcfw
from tests.support.ansible import Controller
from tests.support.hosts import Farm, Host


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
            {**service_call('add', 'refused'), 'vars': {'ansible_svcfw_services': []}}, 'office.Office is not activated',
        ),
    }  # fmt: skip
    tasks = [{**task, 'ignore_errors': True} for task, _ in wrong.values()]
    run = asker.play({'web1': svcfw(host)}, tasks)
    for name, (_, said) in wrong.items():
        assert said in run.result(name)['result']['msg'], run.output
