"""The folder from which hosts of one run fetch."""

import os
from pathlib import Path

from svcfw.ansible.services.ready.artifacts import _RunFolder


def test_a_folder_is_there_as_long_as_its_run(tmp_path: Path) -> None:
    first = _RunFolder(tmp_path)
    (tmp_path / 'run-killed').mkdir()
    second = _RunFolder(tmp_path)
    assert not (tmp_path / 'run-killed').exists()
    assert {os.path.dirname(each.place('key')) for each in (first, second)} == set(map(str, tmp_path.iterdir()))
    first.remove()
    second.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_run_needs_no_folder_of_its_user(tmp_path: Path) -> None:
    folder = _RunFolder(tmp_path / 'nowhere')
    assert os.path.isdir(os.path.dirname(folder.place('key')))
    folder.remove()
