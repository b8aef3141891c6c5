"""What is known of ssh programs from one multiplexer to the next."""

import os
import shutil
from pathlib import Path

import pytest

from svcfw.mux import ssh_versions
from svcfw.transport import openssh


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[object, ...], tuple[int, int]]:
    made: dict[tuple[object, ...], tuple[int, int]] = {}
    monkeypatch.setattr(openssh, 'versions', made)
    return made


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A binary that does not tell its version, so that whoever asks it is found out."""
    path = tmp_path / 'a program'
    path.write_bytes(Path(shutil.which('true') or '').read_bytes())
    path.chmod(0o755)
    return path


def handed_over(folder: Path, known: dict[tuple[object, ...], tuple[int, int]]) -> None:
    """The end of one multiplexer, and the start of the next."""
    ssh_versions.remember(folder)
    known.clear()
    ssh_versions.recall(folder)


def test_a_binary_is_not_asked_again(tmp_path: Path, program: Path, known) -> None:  # type: ignore[no-untyped-def]
    known[openssh.identity(str(program))] = 9, 2
    handed_over(tmp_path, known)
    assert openssh._version(str(program)) == (9, 2)
    assert os.stat(tmp_path / 'ssh-versions').st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a program', 'ssh-versions']


def test_a_replaced_one_is(tmp_path: Path, program: Path, known) -> None:  # type: ignore[no-untyped-def]
    known[openssh.identity(str(program))] = 9, 2
    handed_over(tmp_path, known)
    content = program.read_bytes()
    program.unlink()
    program.write_bytes(content)
    program.chmod(0o755)
    assert openssh._version(str(program)) == (0, 0)


def test_a_script_is_too(tmp_path: Path, program: Path, known) -> None:  # type: ignore[no-untyped-def]
    program.write_text('#!/bin/sh\nexec true\n')
    known[openssh.identity(str(program))] = 9, 2
    handed_over(tmp_path, known)
    assert known == {}


@pytest.mark.parametrize('text', ['', 'x', '9.2 1 2 3 /bin/ssh\n', '9.2 1 2 3 4 5 ssh\n', '\0\n', '9.2 ' * 10000])
def test_what_is_wrong_is_ignored(tmp_path: Path, text: str, known) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / 'ssh-versions').write_text(text)
    ssh_versions.recall(tmp_path)
    assert known == {}


def test_what_is_no_text_is_ignored_and_a_folder_too(tmp_path: Path, known) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / 'ssh-versions').write_bytes(b'\xff\xfe')
    ssh_versions.recall(tmp_path)
    (tmp_path / 'ssh-versions').unlink()
    (tmp_path / 'ssh-versions').mkdir()
    known[openssh.identity('/bin/true')] = 9, 2
    handed_over(tmp_path, known)
    assert known == {}
    assert [path.name for path in tmp_path.iterdir()] == ['ssh-versions']


def test_where_nothing_can_be_written_nothing_happens(tmp_path: Path, known) -> None:  # type: ignore[no-untyped-def]
    known[openssh.identity('/bin/true')] = 9, 2
    handed_over(tmp_path / 'gone', known)
    assert known == {}
