"""Virtual environments with one release line of ansible-core each, made once and kept.

The slow part (pip) is kept under $SVCFW_TEST_CACHE, by default ~/.cache/svcfw: `venvs/core-2.19` and so on. It holds
what pyproject.toml declares and nothing else, so that a dependency that is not declared is missing here as it would be
for a user. On top of it each checkout has a thin one in `build/venvs` that adds this checkout's svcfw, so that
checkouts can share the rest.
"""

import fcntl
import functools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.support.hosts import CHECKOUT
from tests.support.interpreters import find_python
from tests.support.need import CAPABILITIES, need

# The Pythons that each line's controller supports and that we prefer, best first.
PYTHONS = {
    '2.16': ('3.11', '3.12'),
    '2.17': ('3.11', '3.12'),
    '2.18': ('3.11', '3.12', '3.13'),
    '2.19': ('3.11', '3.12', '3.13'),
    '2.20': ('3.12', '3.13'),
    '2.21': ('3.13', '3.12'),
    'devel': ('3.13',),
}
#: What pip prints of a package, newest version first.
NEWEST = re.compile(r'^ansible-core \(([\d.]+(?:a|b|rc)?\d*)\)', re.M)
SCRIPTS = {
    'ansible': 'ansible.cli.adhoc',
    'ansible-config': 'ansible.cli.config',
    'ansible-doc': 'ansible.cli.doc',
    'ansible-inventory': 'ansible.cli.inventory',
    'ansible-playbook': 'ansible.cli.playbook',
    'svcfw': 'svcfw.cli.main',
}


@dataclass(frozen=True)
class Core:
    """An ansible-core with this checkout's svcfw beside it."""

    line: str
    directory: Path

    @property
    def python(self) -> Path:
        return self.directory / 'bin' / 'python'

    def script(self, name: str) -> str:
        """The path of one of SCRIPTS."""
        return str(self.directory / 'bin' / name)


def need_core(line: str) -> Core:
    """The environment of ansible-core `line` ('2.19'), made if need be; skips where no Python runs it.

    'devel' is the pre-release that the index has of the next line; skips if it has none.
    """
    base = cache() / 'venvs' / f'core-{line}'
    requirements = [devel() if line == 'devel' else f'ansible-core~={line}.0', *declared()]
    if not is_made(base, requirements):
        make_base(base, python_for(line), requirements)
    return Core(line, overlay(base))


def python_for(line: str) -> str:
    """A Python that runs ansible-core `line`; skips where there is none."""
    found = [path for path in map(find_python, PYTHONS[line]) if path]
    need(f'core-{line}', found, f'no Python for ansible-core {line} ({" or ".join(PYTHONS[line])}) on this machine')
    return found[0]


@functools.cache
def devel() -> str:
    """The requirement for the newest pre-release of a line that is not out yet; skips if there is none."""
    ask = [python_for('devel'), '-m', 'pip', '--disable-pip-version-check', 'index', 'versions', '--pre']
    newest = NEWEST.search(subprocess.run([*ask, 'ansible-core'], capture_output=True, text=True).stdout)
    version = newest.group(1) if newest else ''
    is_ahead = re.fullmatch(r'\d+\.\d+\.0(a|b|rc)\d+', version)
    need('core-devel', is_ahead, f'the newest ansible-core of the index is {version or "not to be had"}')
    return f'ansible-core=={version}'


def declared() -> list[str]:
    """The project's own dependencies, as a user's pip would read them."""
    project = tomllib.loads((CHECKOUT / 'pyproject.toml').read_text())['project']
    return list(project['dependencies'])


def site_packages(core: Core) -> Path:
    """Where the kept part of `core` has its packages."""
    (folder,) = (cache() / 'venvs' / f'core-{core.line}').glob('lib/python3*/site-packages')
    return folder


def need_package(core: Core, package: str, requirement: str) -> None:
    """Install `requirement` into the kept part of `core` unless `package` is importable there; skips if pip fails."""
    python = cache() / 'venvs' / f'core-{core.line}' / 'bin' / 'python'
    if subprocess.run([python, '-c', f'import {package}'], capture_output=True).returncode == 0:
        return
    with locked(python.parent.parent):
        done = subprocess.run([python, '-m', 'pip', 'install', '-q', requirement], capture_output=True, text=True)
    if package in CAPABILITIES:
        need(package, done.returncode == 0, f'cannot install {requirement}: {done.stderr.strip()}')


def cache() -> Path:
    """Where things are kept between runs."""
    return Path(os.environ.get('SVCFW_TEST_CACHE') or Path('~/.cache/svcfw').expanduser())


def is_made(base: Path, requirements: list[str]) -> bool:
    """Whether `base` was made whole, from just these requirements."""
    done = base / 'requirements.txt'
    return done.exists() and done.read_text().splitlines() == requirements


def make_base(base: Path, python: str, requirements: list[str]) -> None:
    """A virtual environment at `base`; whoever comes second waits for the first."""
    base.parent.mkdir(parents=True, exist_ok=True)
    with locked(base):
        if is_made(base, requirements):
            return
        shutil.rmtree(base, ignore_errors=True)
        subprocess.run([python, '-m', 'venv', base], check=True)
        pip = [base / 'bin' / 'python', '-m', 'pip', 'install', '-q', '--disable-pip-version-check']
        subprocess.run([*pip, *requirements], check=True)
        (base / 'requirements.txt').write_text(''.join(f'{line}\n' for line in requirements))


class locked:  # noqa: N801 - used as a verb
    """Holds an exclusive lock on a path's neighbour `<path>.lock`."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f'{path.name}.lock')

    def __enter__(self) -> None:
        self._file = self._path.open('w')
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *exc: object) -> None:
        self._file.close()


def overlay(base: Path) -> Path:
    """A thin environment over `base` that also has this checkout; remade when `base` is another than before."""
    directory = CHECKOUT / 'build' / 'venvs' / base.name
    (packages,) = base.glob('lib/python3*/site-packages')
    paths = f'{CHECKOUT}\n{packages}\n'
    directory.parent.mkdir(parents=True, exist_ok=True)
    with locked(directory):
        marker = directory / 'lib' / packages.parent.name / 'site-packages' / 'checkout.pth'
        if not marker.exists() or marker.read_text() != paths:
            shutil.rmtree(directory, ignore_errors=True)
            subprocess.run([base / 'bin' / 'python', '-m', 'venv', '--without-pip', directory], check=True)
            for name, module in SCRIPTS.items():
                write_script(directory, name, module)
            collection = marker.parent / 'ansible_collections' / 'svcfw' / 'svcfw'
            collection.mkdir(parents=True)
            (collection / 'plugins').symlink_to(CHECKOUT / 'ansible_plugins')
            marker.write_text(paths)
    return directory


def write_script(directory: Path, name: str, module: str) -> None:
    """What pip would write for a console script."""
    path = directory / 'bin' / name
    path.write_text(f'#!{directory}/bin/python\nimport sys\nfrom {module} import main\nsys.exit(main())\n')
    path.chmod(0o755)


if __name__ == '__main__':
    for each in sys.argv[1:]:
        print(need_core(each).directory)
