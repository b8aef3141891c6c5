"""What README and docs tell people to type works, and what they name is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hosts import CHECKOUT
from tests.support.timing import seconds

DOCUMENTS = [CHECKOUT / 'README.md', *sorted((CHECKOUT / 'docs').glob('*.md'))]
FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.S)
# With pages whose programs another test runs.
PAGES = [*DOCUMENTS, *sorted((CHECKOUT / 'docs' / 'topics').glob('*.md'))]
LINK = re.compile(r'\]\(([^)#:]+)\)')

# Code blocks that other tests run in another form, or that install from an index.
RUN_ELSEWHERE = ('pip install', 'python3 dev.py test', 'benchmarks.playbook', 'apt-get')


def blocks(language: str) -> list[tuple[str, str]]:
    """(document, text) of every code block in that language."""
    return [
        (path.name, text) for path in DOCUMENTS for found, text in FENCE.findall(path.read_text()) if found == language
    ]


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    dangling = [link for link in LINK.findall(path.read_text()) if not (path.parent / link).exists()]
    assert not dangling


@pytest.mark.parametrize(('document', 'text'), blocks('python'))
def test_python_blocks_run(document: str, text: str, tmp_path: Path) -> None:
    program = tmp_path / 'example.py'
    program.write_text(text)
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=CHECKOUT,
        env={'PYTHONPATH': str(CHECKOUT), 'PATH': '/usr/bin:/bin', 'HOME': str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=seconds(60),
    )
    assert done.returncode == 0, f'{document}:\n{done.stderr}'


@pytest.mark.slow
@pytest.mark.parametrize(('document', 'text'), blocks('sh'))
def test_shell_commands_run(document: str, text: str, tmp_path: Path) -> None:
    commands = [line for line in text.splitlines() if line and not any(each in line for each in RUN_ELSEWHERE)]
    for command in commands:
        done = subprocess.run(
            command, shell=True, cwd=CHECKOUT, capture_output=True, text=True, timeout=seconds(300),
            env={'PATH': f'{Path(sys.executable).parent}:/usr/bin:/bin', 'HOME': str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, f'{document}: {command}\n{done.stdout}{done.stderr}'


@pytest.mark.parametrize(('document', 'text'), blocks('yaml'))
def test_yaml_blocks_are_yaml(document: str, text: str) -> None:
    yaml = pytest.importorskip('yaml')
    assert yaml.safe_load(text), document


def test_every_command_of_dev_py_that_documents_name_exists() -> None:
    known = (CHECKOUT / 'dev.py').read_text()
    named = {word for path in DOCUMENTS for word in re.findall(r'python3 dev\.py (\w+)', path.read_text())}
    assert named
    assert not [word for word in named if f'    {word}' not in known]
