"""What is counted as lost, doubled and spread."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import counting, play
from tests.faults.counting import Outcome
from tests.faults.scene import NAMES
from tests.support.ansible import Run


class Played:
    """A run of which all is right, until a test changes something."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.lines = {name: [line for lines in play.LINED.values() for line in lines] for name in NAMES}
        self.files = {name: dict(play.COPIED) for name in NAMES}
        self.events: list[dict[str, Any]] = [
            {'kind': 'ok', 'task': task, 'host': host, 'result': {}} for task in play.NAMES for host in NAMES
        ]

    def wrong(self, *hit: str) -> list[str]:
        hosts = {}
        for name in NAMES:
            home = self._directory / name / play.HOME.lstrip('/')
            home.mkdir(parents=True)
            (home / 'ran').write_text(''.join(f'{line}\n' for line in self.lines[name]))
            for file, text in self.files[name].items():
                (home / file).write_text(text)
            hosts[name] = SimpleNamespace(path=lambda inside, name=name: self._directory / name / inside.lstrip('/'))
        outcome = Outcome(1, ['a fault'])
        scene: Any = SimpleNamespace(hosts=hosts)
        counting.count(outcome, scene, Run(0, '', self.events), set(hit))
        return [line.split(': ', 1)[1] for line in outcome.wrong()]


@pytest.fixture
def played(tmp_path: Path) -> Played:
    return Played(tmp_path)


def test_nothing(played: Played) -> None:
    assert played.wrong() == []


def test_a_result_that_does_not_come(played: Played) -> None:
    played.events.pop(0)
    assert played.wrong('left', 'right') == ['lost: 0 results of first on left']


def test_a_task_that_is_said_to_be_ok_and_did_not_run(played: Played) -> None:
    played.lines['right'].remove('loop 2')
    assert played.wrong() == ['lost: loop 2 on right did not run, and is said to be ok']


def test_a_file_that_is_said_to_be_there(played: Played) -> None:
    played.files['left']['large'] = 'half'
    assert played.wrong('left') == ['lost: large on left is not there as it is said to be']


def test_a_task_that_ran_twice(played: Played) -> None:
    played.lines['left'].append('root')
    assert played.wrong('left') == ['doubled: root on left, 2 times']


def test_a_failure_counts_where_no_fault_was(played: Played) -> None:
    played.events[0]['kind'] = 'unreachable'
    assert played.wrong('left') == []


def test_a_failure_where_none_was(played: Played) -> None:
    played.events[0]['kind'] = 'unreachable'
    (line,) = played.wrong('right')
    assert line.startswith('spread: first on left')
