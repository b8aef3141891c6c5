"""What a target's `aliases` say about how it is run."""

from pathlib import Path

import pytest

from tests.support.core_source import TARGETS
from tests.support.core_targets import Target, names


def made(source: Path, name: str, aliases: str, *files: str) -> Target:
    folder = source / TARGETS / name
    folder.mkdir(parents=True)
    (folder / 'aliases').write_text(aliases)
    for file in files:
        (folder / file).touch()
    return Target.load(source, name)


def test_a_folder_with_runme_is_a_script_and_another_a_role(tmp_path: Path) -> None:
    assert made(tmp_path, 'raw', '', 'runme.sh').is_script
    assert not made(tmp_path, 'copy', '').is_script
    assert names(tmp_path) == ['copy', 'raw']


@pytest.mark.parametrize(
    ('name', 'aliases', 'on_controller'),
    [
        ('copy', 'shippable/posix/group2\n', False),
        ('delegate_to', 'needs/ssh\ncontext/controller\n', True),
        ('lookup_file', '', True),
        ('become_su', 'context/target\n', False),
        ('pause', 'context/controller  # an action that runs on the controller\n', True),
    ],
)
def test_where_it_works(tmp_path: Path, name: str, aliases: str, on_controller: bool) -> None:
    assert made(tmp_path, name, aliases).is_on_controller is on_controller


def test_facts_setup_targets_and_environment(tmp_path: Path) -> None:
    target = made(tmp_path, 'find', '# words\nsetup/always/setup_x # why\ngather_facts/no\nenv/set/NAME/some/value\n')
    assert (target.setup, target.gathers_facts) == (['setup_x'], False)
    assert target.environment == {'NAME': 'some/value'}
    assert made(tmp_path, 'stat', '').gathers_facts
