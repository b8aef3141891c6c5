"""What is told of a target that failed."""

from tests.support.core_runs import why

FAILED = """
TASK [first] *******************
fatal: [testhost]: FAILED! => {"msg": "never mind"}
...ignoring

TASK [second] ******************
fatal: [testhost]: FAILED! => {"msg": "no"}

RUNNING HANDLER [clean up] *****
changed: [testhost]
"""


def test_the_task_that_ended_the_run_is_named_with_what_it_said() -> None:
    assert why(FAILED) == 'second: fatal: [testhost]: FAILED! => {"msg": "no"}'


def test_a_result_of_several_lines_is_told_in_one() -> None:
    output = 'TASK [assert] ***\nfatal: [testhost]: FAILED! => {\n    "assertion": "x is y",\n    "changed": false\n}\n'
    assert why(output) == 'assert: fatal: [testhost]: FAILED! => { "assertion": "x is y", "changed": false }'


def test_a_script_that_ended_by_itself_is_told_by_its_last_line() -> None:
    assert why('TASK [first] ***\nok: [testhost]\n+ grep EXEC out\n') == '+ grep EXEC out'
    assert why('') == 'no output'
