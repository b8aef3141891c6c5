"""What type checkers see of the public API: the stubs say what the modules do, for right programs and wrong ones."""

import ast
import importlib
import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import svcfw
import svcfw.service
from docs import make_reference
from svcfw.boot import bundle
from svcfw.transport.spec import Spec
from tests.support.hosts import CHECKOUT
from tests.support.need import need
from tests.support.timing import seconds

PACKAGE = CHECKOUT / 'svcfw'
TYPED = CHECKOUT / 'tests' / 'support' / 'typed'
EXAMPLES = sorted((CHECKOUT / 'examples').glob('*.py'))

_EXPECTED = re.compile(r'# wrong: (.*)')
_OBJECTION = re.compile(r'^(.*?):(\d+): error: .*\[([a-z-]+)\]$', re.M)


def stub(module: str) -> Path:
    """Where the stub of one of our modules is, or would be."""
    path = CHECKOUT.joinpath(*module.split('.'))
    return path / '__init__.pyi' if path.is_dir() else path.with_suffix('.pyi')


def module_of(path: Path) -> str:
    return '.'.join(path.relative_to(CHECKOUT).with_suffix('').parts)


def python_m(*command: object, cwd: Path) -> str:
    """The output of a module that is run, whatever its status."""
    need('mypy', importlib.util.find_spec('mypy'), 'no mypy in this environment')
    done = subprocess.run(
        [sys.executable, '-m', *map(str, command)],
        cwd=cwd,
        env={**os.environ, 'PYTHONPATH': str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=seconds(300),
    )
    return done.stdout + done.stderr


def test_stubs_say_what_the_modules_do(tmp_path: Path) -> None:
    # Without packages, since stubtest would take all modules in them for stubs.
    modules = [module_of(path) for path in PACKAGE.rglob('*.pyi') if path.name != '__init__.pyi']
    config = tmp_path / 'mypy.ini'
    config.write_text('[mypy]\nfollow_imports = silent\n')
    assert python_m('mypy.stubtest', '--concise', '--mypy-config-file', config, *modules, cwd=CHECKOUT) == ''


def test_the_package_has_the_names_that_its_stub_says() -> None:
    body = ast.parse(stub('svcfw').read_text()).body
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    exported = {each.asname: node.module for node in imports for each in node.names if each.asname}
    assert exported == svcfw._PUBLIC
    assert set(exported) <= set(dir(svcfw))
    (main,) = (node for node in body if isinstance(node, ast.FunctionDef))
    parameters = {
        each.arg: ast.literal_eval(value) for each, value in zip(main.args.args, main.args.defaults, strict=True)
    }
    assert parameters == {name: each.default for name, each in inspect.signature(svcfw.main).parameters.items()}


def test_the_services_have_the_names_that_their_stub_says() -> None:
    body = ast.parse(stub('svcfw.service').read_text()).body
    imported = {each.name for node in body if isinstance(node, ast.ImportFrom) for each in node.names}
    assert imported == set(svcfw.service.__all__)
    for node in body:
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert all(getattr(svcfw.service, each.name) is getattr(module, each.name) for each in node.names)
    assert imported <= set(dir(svcfw.service))


def test_every_public_name_has_a_type() -> None:
    modules = {*svcfw._PUBLIC.values(), *make_reference.LIBRARY, *make_reference.SERVICES}
    modules |= {type_of(getattr(svcfw.service, name)).__module__ for name in svcfw.service.__all__}
    assert [name for name in sorted(modules) if not stub(name).exists()] == []


def type_of(value: Any) -> Any:
    return value if hasattr(value, '__name__') else type(value)


def test_the_options_of_ssh_are_the_fields_of_a_spec() -> None:
    (options,) = (
        node
        for node in ast.parse(stub('svcfw.transport.spec').read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == '_SshOptions'
    )
    named = {ast.unparse(node.target) for node in options.body if isinstance(node, ast.AnnAssign)}
    fields = {name for name, each in inspect.signature(Spec).parameters.items() if each.kind is not each.VAR_KEYWORD}
    assert named == fields - {'host', 'port', 'user', 'password'}


def test_programs_get_objections_where_they_are_wrong_and_only_there(tmp_path: Path) -> None:
    # Not in the checkout: to a user's program, svcfw is a package of others.
    programs = [Path(shutil.copy(path, tmp_path)) for path in (*EXAMPLES, *TYPED.glob('*.py'))]
    output = python_m('mypy', '--config-file=', '--strict', '--cache-dir', tmp_path / 'cache', *programs, cwd=tmp_path)
    objections = {(Path(path).name, int(line), code) for path, line, code in _OBJECTION.findall(output)}
    expected = {
        (path.name, number, code)
        for path in programs
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for found in _EXPECTED.findall(line)
        for code in found.split(', ')
    }
    assert objections == expected, output
    assert len({line for _, line, _ in expected}) > 30


def program(path: Path, *arguments: str) -> 'subprocess.CompletedProcess[str]':
    return subprocess.run(
        [sys.executable, path, *arguments],
        env={**os.environ, 'PYTHONPATH': str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=seconds(60),
    )


def test_the_right_program_runs() -> None:
    done = program(TYPED / 'right.py')
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.splitlines() == ['9.0', '0', "('half', 'way')", '[0, 1, 2]', 'x', 'FileNotFoundError', 'config']


@pytest.mark.parametrize(
    ('command', 'output'),
    [
        ('survey.py local local', r'(local: kernel \S+, load [\d.]+, \d+ MiB free\n){2}'),
        ('search.py ^root: /etc/passwd local', r'local:1: root:.*\nlocal: 1 lines match\n'),
        ('search.py x /no/such local', r'local: .*No such file or directory.*\n'),
        ('verify.py /etc/passwd local local', r'(local: the same\n){2}'),
        ('verify.py /etc/passwd', ''),
    ],
)
def test_an_example_runs(command: str, output: str) -> None:
    name, *arguments = command.split()
    done = program(CHECKOUT / 'examples' / name, *arguments)
    assert (done.returncode, done.stderr) == (0, '')
    assert re.fullmatch(output, done.stdout), done.stdout


def test_stubs_do_not_travel() -> None:
    assert {Path(path).suffix for path, _ in bundle.sources().values()} == {'.py'}
