"""requirements/*.txt: nothing without a version and a hash, and nothing left out that pyproject.toml names."""

import re
import tomllib

import pytest

from tests.support.hosts import CHECKOUT

FOLDER = CHECKOUT / 'requirements'
LOCKED = sorted(path.name for path in FOLDER.glob('*.txt'))
_NAME = re.compile(r'^([A-Za-z0-9._-]+)')


def entries(name: str) -> list[str]:
    """Each requirement of a file with its hashes, as one line."""
    text = re.sub(r'^\s*#.*\n', '', (FOLDER / name).read_text(), flags=re.MULTILINE).replace('\\\n', ' ')
    return [line for line in text.splitlines() if line.strip()]


def names(lines: list[str]) -> set[str]:
    found = {_NAME.match(line)[1].lower().replace('_', '-').replace('.', '-') for line in lines}  # type: ignore[index]
    return found - {'svcfw'}


@pytest.mark.parametrize('name', LOCKED)
def test_each_has_a_version_and_hashes(name: str) -> None:
    assert [line for line in entries(name) if '==' not in line or '--hash=sha256:' not in line] == []


def test_all_that_the_project_names_is_there() -> None:
    project = tomllib.loads((CHECKOUT / 'pyproject.toml').read_text())
    extras = project['project']['optional-dependencies']
    needed = [*project['project']['dependencies'], *extras['ansible']]
    assert names(needed) <= names(entries('run.txt'))
    everything = [*needed, *extras['test'], *extras['dev'], *extras['molecule'], *project['build-system']['requires']]
    assert names(everything) <= names(entries('dev.txt'))
    tools = [line for line in (FOLDER / 'tools.in').read_text().splitlines() if not line.startswith('#')]
    assert names(tools) <= names(entries('tools.txt'))
