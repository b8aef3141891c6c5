"""What the comparison of two runs sees, and what it leaves out."""

from typing import Any

from tests.parity import deviations
from tests.parity.comparison import changed, different
from tests.support.ansible import Run


def event(task: str = 'one', host: str = 'target', kind: str = 'ok', **result: object) -> dict[str, Any]:
    return {'task': task, 'host': host, 'kind': kind, 'action': 'command', 'result': result}


def lines(*events: tuple[dict[str, Any], dict[str, Any]]) -> list[str]:
    first, second = ([pair[index] for pair in events] for index in (0, 1))
    return different(Run(0, '', first), Run(0, '', second), '/first', '/second')


def test_a_different_kind_and_value_are_told_with_task_and_host() -> None:
    assert lines((event(rc=0), event(kind='failed', rc=1))) == [
        "one @target: .kind: 'ok' != 'failed'",
        "one @target: .result.rc: '0' != '1'",
    ]


def test_times_and_folders_are_left_out() -> None:
    first = event(start='12:00', stdout='/first/home', cmd='/root/.ansible/tmp/ansible-tmp-1.5-2-3/x')
    second = event(start='13:00', stdout='/second/home', cmd='/root/.ansible/tmp/ansible-tmp-6.5-7-8/x')
    assert lines((first, second)) == []


def test_hosts_may_come_in_any_order() -> None:
    first, second = event(host='a', rc=0), event(host='b', rc=1)
    assert lines((first, second), (second, first)) == []


def test_a_task_that_did_not_run_is_told() -> None:
    stock, ours = Run(0, '', [event(), event('two')]), Run(4, '', [event()])
    found = different(stock, ours, '/first', '/second')
    assert [line.partition(':')[0] for line in found] == ['two @target', 'exit status']


def test_the_exit_status_counts_where_the_tasks_do_not_explain_it() -> None:
    assert different(Run(0, '', [event()]), Run(2, '', [event()]), '/first', '/second') == ['exit status: 0 != 2']
    found = different(Run(0, '', [event()]), Run(2, '', [event(kind='failed')]), '/first', '/second')
    assert found == ["one @target: .kind: 'ok' != 'failed'"]


def test_files_are_compared_without_the_random_part_of_their_names() -> None:
    stock = {'target:/tmp/ansible-tmp-1.5-2-3/x': '-rw------- 0:0 5 aa', 'target:/etc/x': '-rw-r--r-- 0:0 1 bb'}
    ours = {'target:/tmp/ansible-tmp-2.5-3-4/x': '-rw------- 0:0 6 cc'}
    assert changed(stock, ours) == ["file target:/etc/x: ['-rw-r--r-- 0:0 1 bb'] != ['unchanged']"]


def test_a_deviation_is_for_its_topic_and_ways() -> None:
    entry = deviations.Deviation('raw', r'\.rc:', 'why', ('local',))
    assert entry.matches("one @target: .result.rc: '0' != '1'")
    for each in deviations.DEVIATIONS:
        assert each.reason
        assert each in [found for way in each.ways or ('openssh',) for found in deviations.of(each.topic, way)]
