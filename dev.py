#!/usr/bin/env python3
"""Works in a checkout from a bare Python 3.11 with pip: `python3 dev.py demo` or `python3 dev.py test`.

Makes a virtual environment in build/venv on first use (and again when pyproject.toml has changed) and runs in it:

    demo                 a playbook against this machine, over svcfw and over the stock connection
    test [PYTEST ARGS]   the tests; without arguments all of them, on every core
    lint                 formatting, lint, types, layers, the floor for targets
    run COMMAND ...      anything else, such as: run ansible-doc -t connection svcfw.svcfw.svcfw
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / 'build' / 'venv'
PYTHON = VENV / 'bin' / 'python'

# What runs on targets has Python 3.6 as its floor. vermin knows each version's syntax and library; ruff and mypy don't.
TARGET_CODE = [
    'svcfw/__init__.py',
    'svcfw/core',
    'svcfw/service',
    'svcfw/files',
    'svcfw/agent',
    'svcfw/transport',
    'svcfw/program',
    'svcfw/boot/first_stage.py',
    'svcfw/boot/loader.py',
    'ansible_plugins/module_utils',
]
# Stubs of these modules, and the transport by paramiko, stay on controllers.
NOT_SENT = ['--exclude-regex', r'\.pyi$|/paramiko/']
# Most tests wait for processes of their own. A file's tests stay together: they share hosts.
ALL_TESTS = ['-n', 'auto', '--dist', 'loadfile']
LINT = (
    ['ruff', 'format', '--check', '.'],
    ['ruff', 'check', '.'],
    ['mypy'],
    ['lint-imports'],
    ['vermin', '--quiet', '-t=3.6-', '--eval-annotations', '--no-tips', '--violations', *NOT_SENT, *TARGET_CODE],
)


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - what runs this is not chosen by pip
        sys.exit(f'Python 3.11 or later is needed, this is {sys.version.split()[0]}')
    command, *rest = sys.argv[1:] or ['help']
    if command == 'demo':
        return in_venv(['svcfw', 'demo', *rest], 'ansible')
    if command == 'test':
        return in_venv(['python', '-m', 'pytest', *(rest or ALL_TESTS)], 'dev')
    if command == 'lint':
        return max(in_venv([*line, *rest], 'dev') for line in LINT)
    if command == 'run' and rest:
        return in_venv(rest, 'dev')
    print(__doc__)
    return 0 if command in ('help', '-h', '--help') else 2


def in_venv(command: list[str], extra: str) -> int:
    """Run one of the virtual environment's programs in the checkout; returns its exit status."""
    prepare(extra)
    path = f'{PYTHON.parent}{os.pathsep}{os.environ.get("PATH", os.defpath)}'
    return subprocess.run(command, cwd=ROOT, env={**os.environ, 'PATH': path, 'VIRTUAL_ENV': str(VENV)}).returncode


def prepare(extra: str) -> None:
    """Make the virtual environment and install the checkout with `extra` in it, unless that is done already."""
    done = VENV / f'installed-{extra}'
    state = hashlib.sha256((ROOT / 'pyproject.toml').read_bytes() + sys.version.encode()).hexdigest()
    if done.exists() and done.read_text() == state:
        return
    print(f'installing into {VENV.relative_to(ROOT)} (once) ...', flush=True)
    if not PYTHON.exists():
        shutil.rmtree(VENV, ignore_errors=True)
        # Without pip of its own: Debian's python3 has no ensurepip unless python3-venv is installed.
        venv.create(VENV, with_pip=False, symlinks=True)
    install = ['install', '--quiet', '--disable-pip-version-check', '--editable', f'{ROOT}[{extra}]']
    status = subprocess.run([*pip(), '--python', str(PYTHON), *install], cwd=ROOT).returncode
    if status:
        sys.exit(status)
    done.write_text(state)


def pip() -> list[str]:
    """A pip (22.3 or later, which knows --python) from outside the virtual environment."""
    if importlib.util.find_spec('pip'):
        return [sys.executable, '-m', 'pip']
    found = shutil.which('pip3') or shutil.which('pip')
    if found is None:
        sys.exit('pip is needed: neither `python3 -m pip` nor a `pip` on PATH was found')
    return [found]


if __name__ == '__main__':
    sys.exit(main())
