from typing import Any

from tests.support.ansible import Run
from tests.support.compare import differences


def run_of(**result: Any) -> Run:
    return Run(0, '', [{'kind': 'ok', 'host': 'h', 'task': 't', 'result': result}])


def test_times_and_random_names_do_not_count() -> None:
    one = run_of(rc=0, start='1', src='/home/u/.ansible/tmp/ansible-tmp-1700000000.5-12-345/x', folder='/one/a')
    two = run_of(rc=0, start='2', src='/home/u/.ansible/tmp/ansible-tmp-1800000000.7-99-678/x', folder='/two/a')
    assert differences(one, two, (('/one',), ('/two',))) == []


def test_a_different_or_absent_value_counts() -> None:
    assert differences(run_of(rc=0, stdout=['a', 'b']), run_of(rc=1, stdout=['a', 'c'])) == [
        "t: .result.rc: '0' != '1'",
        "t: .result.stdout[1]: 'b' != 'c'",
    ]
    assert differences(run_of(rc=0), run_of()) == ["t: .result.rc: '0' != '<absent>'"]


def test_another_order_or_number_of_events_counts() -> None:
    one = run_of(rc=0)
    assert differences(one, Run(0, '', one.events * 2)) == ['1 events != 2']
    other = Run(0, '', [{**one.events[0], 'kind': 'failed'}])
    (line,) = differences(one, other)
    assert line.startswith("event 0: 't' ok")


def test_what_the_ssh_program_says_does_not_count() -> None:
    said = {
        'stderr': 'Shared connection to 127.0.0.1 closed.\r\n',
        'warnings': ['sftp transfer mechanism failed on [h].'],
    }
    assert differences(run_of(rc=0, **said), run_of(rc=0, stderr='')) == []
    assert differences(run_of(warnings=['a warning']), run_of()) == [
        "t: .result.warnings: \"['a warning']\" != '<absent>'"
    ]
