"""How the verdicts over two connections are compared."""

from pathlib import Path

import pytest

from tests.support.core_runs import Verdict
from tests.upstream import CONNECTIONS, read_list, table, worse


def verdict(target: str, column: str, passed: bool) -> Verdict:
    return Verdict(target, CONNECTIONS[column], passed, 1.0, 1, '' if passed else 'because', Path('log'))


BOTH = [
    verdict('good', 'ssh', True),
    verdict('good', 'svcfw', True),
    verdict('worse', 'ssh', True),
    verdict('worse', 'svcfw', False),
    verdict('better', 'ssh', False),
    verdict('better', 'svcfw', True),
    verdict('bad', 'ssh', False),
    verdict('bad', 'svcfw', False),
]


def test_only_a_target_that_passes_over_ssh_can_be_worse() -> None:
    assert [each.target for each in worse(BOTH)] == ['worse']


def test_without_ssh_beside_it_each_failure_counts() -> None:
    assert [each.target for each in worse([each for each in BOTH if each.connection != 'ssh'])] == ['worse', 'bad']


def test_the_table_counts_and_names_what_differs() -> None:
    text = table(BOTH, list(CONNECTIONS))
    assert 'ssh: 2 of 4 targets passed' in text
    assert 'svcfw: 2 of 4 targets passed' in text
    assert 'better over svcfw: better' in text
    assert 'fails over both: bad' in text
    assert 'worse over svcfw: worse' in text
    assert 'because' in text


@pytest.mark.parametrize('which', ['run', 'short'])
def test_no_target_stands_in_a_list_twice(which: str) -> None:
    assert len(read_list()[which]) == len(set(read_list()[which]))


def test_the_short_list_is_part_of_the_whole() -> None:
    assert set(read_list()['short']) <= set(read_list()['run'])
