"""Fixtures that any test may ask for. Nothing here starts before a test asks."""

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from svcfw.files.put import Put
from tests.support import need
from tests.support.ansible import Controller
from tests.support.hosts import Farm, running_farm
from tests.support.sshd import Sshd, running_sshd
from tests.support.venvs import need_core

MANY_DESCRIPTORS = 200
NAMED = Put._named


def pytest_configure(config: pytest.Config) -> None:
    # What a developer's shell, or a background job, happens to have is in the environment of no user's program.
    for name in [name for name in os.environ if name.startswith('PYTHON')]:
        del os.environ[name]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        need.required()
    except ValueError as exc:
        raise pytest.UsageError(str(exc)) from exc


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have measured: `record_property('figures', text)`."""
    reports = [report for kind in ('passed', 'failed') for report in terminalreporter.stats.get(kind, [])]
    figures = [text for report in reports for name, text in report.user_properties if name == 'figures']
    if figures:
        terminalreporter.section('figures')
        terminalreporter.write_line('\n'.join(figures))


@pytest.fixture(scope='session', autouse=True)
def files_travel() -> Iterator[None]:
    """Children of this machine are sent files like those of others, but where a test is about that."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Put, '_named', lambda self: None)
        yield


@pytest.fixture
def files_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children of this machine copy files themselves, as they do."""
    monkeypatch.setattr(Put, '_named', NAMED)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's, which `tmp_path` does not have for everybody."""
    with tempfile.TemporaryDirectory(prefix='svcfw-', dir='/tmp') as folder:
        yield Path(folder)


@pytest.fixture(scope='module', autouse=True)
def descriptors_of_garbage() -> Iterator[None]:
    """Close those of objects in cycles now and then: select() takes none beyond 1024."""
    yield
    if len(os.listdir('/dev/fd')) > MANY_DESCRIPTORS:
        gc.collect()


@pytest.fixture(scope='session')
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A shared server that accepts key logins; tests must not stop it or change its keys (see `own_sshd`)."""
    with running_sshd(tmp_path_factory.mktemp('sshd')) as server:
        yield server


@pytest.fixture
def own_sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A server for one test, which may do with it what it likes."""
    with running_sshd(tmp_path / 'sshd') as server:
        yield server


@pytest.fixture(scope='session')
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """Starts throw-away hosts: `farm.host()`; skips without root."""
    with running_farm(tmp_path_factory.mktemp('farm')) as farm:
        yield farm


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    """A place to run playbooks from, with ansible-core 2.19; its multiplexer ends with the test."""
    with Controller(need_core('2.19'), tmp_path / 'controller') as controller:
        yield controller
