#!/usr/bin/env python3
"""Works in a checkout from a bare Python 3.11 with pip: `python3 dev.py demo` or `python3 dev.py test`.

Makes a virtual environment in build/venv on first use (and again when pyproject.toml has changed) and runs in it:

    demo                 a playbook against this machine, over svcfw and over the stock connection
    test [PYTEST ARGS]   the tests; without arguments all of them, on every core
    lint                 formatting, lint, types, layers, the floor for targets
    run COMMAND ...      anything else, such as: run ansible-doc -t connection svcfw.svcfw.svcfw
    lock                 requirements/*.txt anew: the newest releases, with hashes (needs PyPI)
    audit                known vulnerabilities of what they name (needs PyPI)
    sbom                 build/sbom.json: what svcfw needs, as CycloneDX

With SVCFW_LOCKED=1 the environment has what requirements/dev.txt names, and pip checks the hashes. Without, it has what
the user's index has: a mirror need not have those very releases.
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
# What lock, audit and sbom use: no part of what they look at.
TOOLS = ROOT / 'build' / 'tools'
REQUIREMENTS = ROOT / 'requirements'
IS_LOCKED = os.environ.get('SVCFW_LOCKED', '') not in ('', '0')
# uv's command for each file of requirements/. With markers for every Python and system, not only this one.
LOCK = [
    *('uv', 'pip', 'compile', '--quiet', '--universal', '--python-version', '3.11', '--generate-hashes', '--upgrade'),
    *('--no-config', '--default-index', 'https://pypi.org/simple'),
    *('--custom-compile-command', 'python3 dev.py lock'),
]
LOCKED = {
    'run.txt': ['--extra', 'ansible', 'pyproject.toml'],
    'dev.txt': ['--extra', 'dev', 'pyproject.toml', 'requirements/build.in'],
    'tools.txt': ['requirements/tools.in'],
}

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
    if command == 'lock':
        return max(
            in_tools([*LOCK, *arguments, '--output-file', f'requirements/{name}']) for name, arguments in LOCKED.items()
        )
    if command == 'audit':
        audited = rest or [f'requirements/{name}' for name in LOCKED]
        return max(
            in_tools(['pip-audit', '--strict', '--disable-pip', '--require-hashes', '--requirement', name])
            for name in audited
        )
    if command == 'sbom':
        described = ['--pyproject', 'pyproject.toml', '--output-reproducible', '--output-file', 'build/sbom.json']
        return in_tools(['cyclonedx-py', 'requirements', *described, 'requirements/run.txt'])
    if command == 'run' and rest:
        return in_venv(rest, 'dev')
    print(__doc__)
    return 0 if command in ('help', '-h', '--help') else 2


def in_venv(command: list[str], extra: str) -> int:
    """Run one of the virtual environment's programs in the checkout; returns its exit status."""
    prepare(extra)
    return run_in(VENV, command)


def in_tools(command: list[str]) -> int:
    """The same for the tools that look at what is installed from elsewhere."""
    wanted = REQUIREMENTS / ('tools.txt' if IS_LOCKED else 'tools.in')
    hashes = ['--require-hashes'] if IS_LOCKED else []
    install(TOOLS, wanted.name, [wanted], [[*hashes, '--requirement', str(wanted)]])
    return run_in(TOOLS, command)


def run_in(folder: Path, command: list[str]) -> int:
    path = f'{folder / "bin"}{os.pathsep}{os.environ.get("PATH", os.defpath)}'
    return subprocess.run(command, cwd=ROOT, env={**os.environ, 'PATH': path, 'VIRTUAL_ENV': str(folder)}).returncode


def prepare(extra: str) -> None:
    """Make the virtual environment and install the checkout with `extra` in it, unless that is done already."""
    project = ROOT / 'pyproject.toml'
    if IS_LOCKED:
        locked = REQUIREMENTS / 'dev.txt'
        # pip checks no hash of a folder; hatchling, which it would fetch for the build, is there by then.
        ourselves = ['--no-deps', '--no-build-isolation', '--editable', str(ROOT)]
        install(VENV, 'locked', [project, locked], [['--require-hashes', '--requirement', str(locked)], ourselves])
    else:
        install(VENV, extra, [project], [['--editable', f'{ROOT}[{extra}]']])


def install(folder: Path, name: str, files: list[Path], steps: list[list[str]]) -> None:
    """Make a virtual environment by these steps of `pip install`, unless that is done and `files` have not changed."""
    done = folder / f'installed-{name}'
    state = hashlib.sha256(b''.join(path.read_bytes() for path in files) + sys.version.encode()).hexdigest()
    if done.exists() and done.read_text() == state:
        return
    print(f'installing into {folder.relative_to(ROOT)} (once) ...', flush=True)
    python = folder / 'bin' / 'python'
    if not python.exists():
        shutil.rmtree(folder, ignore_errors=True)
        # Without pip of its own: Debian's python3 has no ensurepip unless python3-venv is installed.
        venv.create(folder, with_pip=False, symlinks=True)
    for step in steps:
        command = [*pip(), '--python', str(python), 'install', '--quiet', '--disable-pip-version-check', *step]
        # A locked build runs the programs of that environment.
        path = f'{folder / "bin"}{os.pathsep}{os.environ.get("PATH", os.defpath)}'
        status = subprocess.run(command, cwd=ROOT, env={**os.environ, 'PATH': path}).returncode
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
