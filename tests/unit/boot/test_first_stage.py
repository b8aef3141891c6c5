import os
import resource
import shlex
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from svcfw.boot import first_stage
from svcfw.transport import messages
from svcfw.transport.dialogue import STDERR, LoginDialogue
from tests.support.interpreters import find_python, need_python
from tests.support.timing import seconds

REPORT = zlib.compress(b'import os, sys; print(sys.version_info[:2], os.read(0, 100))')
SHELLS = ['sh', 'dash', 'bash', 'zsh', 'ksh', 'fish', 'tcsh', 'csh', 'busybox']


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    """The words that a login with this shell puts before a command."""
    path = shutil.which(request.param)
    if path is None:
        pytest.skip(f'no {request.param} on this machine')
    return [path, 'sh', '-c'] if request.param == 'busybox' else [path, '-c']


@pytest.fixture
def path_of(tmp_path: Path):
    """Makes a PATH where only these names, each for a Python of that version, and the needs of a shell are found."""

    def make(**versions: str | None) -> dict[str, str]:
        folder = tmp_path / 'bin'
        folder.mkdir()
        for name, version in versions.items():
            (folder / name).symlink_to(need_python(version))
        return {'PATH': str(folder), 'HOME': str(tmp_path)}

    return make


def run(command: list[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> tuple[int, str, str]:
    result = subprocess.run(
        command, input=REPORT + b'frames', capture_output=True, env=env, cwd=cwd, timeout=seconds(20)
    )
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def text(*hints: str) -> str:
    return first_stage.text(len(REPORT), hints)


def test_every_login_shell_passes_it_on(shell: list[str]) -> None:
    assert run([*shell, text(need_python('3.8'))]) == (0, "(3, 8) b'frames'\n", '')


def test_a_hint_may_contain_blanks(shell: list[str], tmp_path: Path) -> None:
    odd = tmp_path / 'a  "$HOME" `b` *'
    odd.symlink_to(need_python('3.8'))
    assert run([*shell, text(str(odd))]) == (0, "(3, 8) b'frames'\n", '')


@pytest.mark.parametrize('hint', ["it's", 'back\\slash', 'wow!', 'new\nline', 'nul\0'])
def test_a_hint_that_some_shell_would_change_is_refused(hint: str) -> None:
    with pytest.raises(ValueError, match='login shell'):
        text(hint)


def test_a_python_that_is_too_old_gives_way(shell: list[str], path_of) -> None:
    env = path_of(**{'python3': '2.7', 'python3.8': '3.8'})
    assert run([*shell, text()], env) == (0, "(3, 8) b'frames'\n", '')


def test_a_hint_that_is_not_there_gives_way(path_of) -> None:
    env = path_of(**{'python3.9': '3.9'})
    assert run(['/bin/sh', '-c', text('/opt/none/python')], env) == (0, "(3, 9) b'frames'\n", '')


def test_none_at_all_names_what_was_tried(shell: list[str], path_of, monkeypatch: pytest.MonkeyPatch) -> None:
    env = path_of(python='2.7')
    names = tuple(name for name in first_stage.CANDIDATES if not name.startswith('/'))
    monkeypatch.setattr(first_stage, 'CANDIDATES', names)
    status, out, err = run([*shell, text('pypy3')], env)
    assert (status, out) == (127, '')
    assert err == f'SVCFW-NO-PYTHON: tried pypy3 {" ".join(names)}(2.7)\n'


def test_a_known_python_that_is_too_old_says_so() -> None:
    status, out, err = run(first_stage.argv([need_python('2.7')], len(REPORT)))
    assert (status, out) == (1, '')
    assert err.startswith('SVCFW-NO-PYTHON: tried ')
    assert err.endswith('(2.7)\n')


@pytest.mark.parametrize('version', ['3.6', '3.7', '3.8', '3.11', '3.13'])
def test_a_known_python_needs_no_shell(version: str) -> None:
    major, minor = version.split('.')
    command = first_stage.argv([need_python(version)], len(REPORT))
    assert run(command) == (0, f"({major}, {minor}) b'frames'\n", '')


def test_the_current_directory_is_not_imported_from(tmp_path: Path) -> None:
    (tmp_path / 'zlib.py').write_text('raise SystemExit("from the current directory")')
    for version in ('3.6', '3.13'):
        python = find_python(version)
        if python:
            assert run(first_stage.argv([python], len(REPORT)), cwd=tmp_path)[0] == 0


def test_an_input_that_ends_early_ends_it() -> None:
    command = first_stage.argv([need_python('3.8')], len(REPORT) + 100)
    assert run(command) == (9, '', '')


def test_nothing_beyond_the_second_stage_is_taken() -> None:
    read_fd, write_fd = os.pipe()
    os.write(write_fd, REPORT + b'x' * 200)
    os.close(write_fd)
    with os.fdopen(read_fd, 'rb') as source:
        command = first_stage.argv([need_python('3.8')], len(REPORT))
        out = subprocess.run(command, stdin=source, capture_output=True, timeout=seconds(20)).stdout
        assert out == b"(3, 8) b'" + b'x' * 100 + b"'\n"
        assert source.read() == b'x' * 100


def test_nested_text_has_no_dollar_sign_and_is_the_same_search(shell: list[str], path_of, tmp_path: Path) -> None:
    env = path_of(**{'python3.8': '3.8'})
    (tmp_path / 'bin' / 'printf').symlink_to('/usr/bin/printf')
    broken(tmp_path / 'bin' / "it's")
    nested = first_stage.nested_text(len(REPORT), ["it's", '/opt/$HOME/python'])
    assert '$' not in nested
    assert run(['/bin/sh', '-c', f'exec {nested}'], env) == (0, "(3, 8) b'frames'\n", '')
    # As `su -c` hands it to a login shell of any kind.
    words = f'/bin/sh -c {shlex.quote(f"exec {nested}")}'
    assert run([*shell, words], env) == (0, "(3, 8) b'frames'\n", '')


def broken(path: Path) -> Path:
    """A program in the place of a Python that finds none of its own: a shim, or one whose library is gone."""
    path.write_text('#!/bin/sh\necho python: command not found >&2\ncat >/dev/null\nexit 127\n')
    path.chmod(0o755)
    return path


def test_one_that_does_not_start_gives_way(shell: list[str], path_of, tmp_path: Path) -> None:
    env = path_of(**{'python3.8': '3.8'})
    broken(tmp_path / 'bin' / 'python3')
    assert run([*shell, text()], env) == (0, "(3, 8) b'frames'\n", '')


def test_one_that_does_not_start_is_named_with_its_status(
    path_of, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env = path_of()
    monkeypatch.setattr(first_stage, 'CANDIDATES', ('python3',))
    broken(tmp_path / 'bin' / 'python3')
    status, out, err = run(['/bin/sh', '-c', text()], env)
    assert (status, out, err) == (127, '', 'SVCFW-NO-PYTHON: tried python3(status 127)\n')


def test_hints_come_first_in_their_order(path_of, tmp_path: Path) -> None:
    env = path_of(python3='3.13', second='3.8', third='3.9')
    broken(tmp_path / 'bin' / 'first')
    assert run(['/bin/sh', '-c', text('first', 'second', 'third')], env)[1] == "(3, 8) b'frames'\n"


def test_a_shim_leaves_no_variables_behind(shell: list[str], tmp_path: Path) -> None:
    python = need_python('3.8')
    folder = tmp_path / 'shims'
    folder.mkdir()
    write_script(folder / 'python3', f'PATH={tmp_path}/added:$PATH SET_BY_SHIM=1 exec {python} "$@"')
    path = f'{folder}:{os.environ["PATH"]}'
    report = zlib.compress(b'import os, sys; print(os.environ["PATH"], "SET_BY_SHIM" in os.environ, sys.executable)')
    done = subprocess.run(
        [*shell, first_stage.text(len(report))],
        input=report, capture_output=True, env={**os.environ, 'PATH': path}, timeout=seconds(20), check=True,
    )  # fmt: skip
    assert done.stdout.decode() == f'{path} False {python}\n'


def test_a_wrapper_is_taken_with_what_it_sets(tmp_path: Path) -> None:
    wrapper = tmp_path / 'wrapper'
    write_script(wrapper, f'PATH=/its/own exec {need_python("3.8")} "$@"')
    report = zlib.compress(b'import os; print(os.environ["PATH"])')
    done = subprocess.run(
        ['/bin/sh', '-c', first_stage.text(len(report), only=str(wrapper))],
        input=report, capture_output=True, timeout=seconds(20), check=True,
    )  # fmt: skip
    assert done.stdout == b'/its/own\n'


def write_script(path: Path, text: str) -> None:
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)


@pytest.mark.skipif(shutil.which('dash') is None, reason='no dash')
def test_a_host_without_descriptors_is_not_one_without_python() -> None:
    """dash cannot redirect with so few: whatever Python there is, it is not started."""
    few = (11, 11)
    command = ['dash', *first_stage.search_argv(len(REPORT))[1:]]
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds(20),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, few),
    )  # fmt: skip
    assert result.returncode == 127
    for language in (messages.SSH, messages.LOCAL):
        dialogue = LoginDialogue('web1', language)
        dialogue.receive(STDERR, result.stderr.encode())
        assert dialogue.ended(127).kind == 'busy'


def test_a_host_without_python_is_not_one_without_descriptors(tmp_path: Path) -> None:
    _, _, said = run(first_stage.search_argv(len(REPORT), only='/nowhere/python'), {'PATH': str(tmp_path)})
    assert said == 'SVCFW-BAD-PYTHON: /nowhere/python\n'
