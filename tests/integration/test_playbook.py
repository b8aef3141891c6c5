"""One playbook of over a hundred tasks gives over svcfw the results and the host that it gives over stock ssh."""

import functools
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration import made_files
from tests.support.ansible import Controller, Run, connection_vars, copy_playbook
from tests.support.compare import differences
from tests.support.hosts import PASSWORD, Farm, Host
from tests.support.interpreters import need_python
from tests.support.need import need_long
from tests.support.timing import seconds, wait_until
from tests.support.venvs import need_core

PLAYBOOK = Path(__file__).with_name('playbook')
WORK = '/home/sudoer/work'
#: Lines of ansible-core that are played in any case: one for each format of payloads, 2.16 with a Python 3.6.
SHORT = ('2.16', '2.19')
#: Where our `copy` stands for stock's, as after `svcfw enable`.
WITH_LINKS = ('2.16', '2.19', '2.21')

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Outcome:
    """What a run reported, what it changed on the targets and fetched from them, and its own folder."""

    run: Run
    changes: dict[str, str]
    fetched: dict[str, bytes]
    folder: str


PlayOver = Callable[[str, str, str], Outcome]


@pytest.fixture(scope='module')
def play_over(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> PlayOver:
    """Runs the playbook with (core line, connection, target Python or '') on new hosts; each combination once."""
    top = tmp_path_factory.mktemp('playbook')
    source = made_files.make(top / 'source')

    @functools.cache
    def play(line: str, connection: str, python: str) -> Outcome:
        core = need_core(line)
        interpreter = {'ansible_python_interpreter': need_python(python)} if python else {}
        folder = top / '-'.join((line, connection, python))
        # Pipelining makes stock ssh some twenty seconds faster and leaves no files behind when a task breaks.
        with Controller(core, folder / 'controller', {'ANSIBLE_PIPELINING': '1'}) as controller:
            target, second = farm.host('target'), farm.host('second')
            controller.trust(target, second)
            if connection != 'ssh' and line in WITH_LINKS:
                subprocess.run([core.script('svcfw'), 'enable'], env=controller.env, check=True, capture_output=True)
            common = {**connection_vars(connection), **interpreter}
            run = run_site(controller, inventory_of(target, second, common), source, folder)
        for host in (target, second):
            # It removes a job's files up to five seconds after the job has ended.
            wait_until(lambda host=host: not runs_async_wrapper(host), seconds(30), 'async_wrapper has ended')
        changes = {f'{host.name}:{path}': text for host in (target, second) for path, text in host.changes().items()}
        target.stop()
        second.stop()
        return Outcome(run, changes, tree(folder / 'fetched'), str(folder))

    return play


def inventory_of(target: Host, second: Host, common: dict[str, object]) -> dict[str, dict[str, object]]:
    """The playbook's hosts; `withpass` is the target with another account, whose sudo asks for the password."""
    return {
        'target': {**target.inventory_vars('sudoer'), **common},
        'second': {**second.inventory_vars('plain'), **common},
        'withpass': {**target.inventory_vars('sudopw'), **common, 'ansible_become_password': PASSWORD},
    }


def run_site(controller: Controller, inventory: dict[str, dict[str, object]], source: Path, folder: Path) -> Run:
    """Run a copy of the playbook in `folder`, which gets a folder `fetched` too."""
    playbook = copy_playbook(PLAYBOOK, folder / 'playbook')
    vault = ('--vault-password-file', str(playbook / 'vault-password'))
    fetched = str(folder / 'fetched')
    return controller.run(playbook / 'site.yml', inventory, *vault, source=str(source), fetched=fetched, work=WORK)


def runs_async_wrapper(host: Host) -> bool:
    return any('async_wrapper' in line for line in host.processes())


def tree(folder: Path) -> dict[str, bytes]:
    """Relative path -> content of each file under `folder`."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def assert_same(stock: Outcome, ours: Outcome) -> None:
    assert stock.run.recap['target']['ok'] > 100, stock.run.output
    found = differences(stock.run, ours.run, ((stock.folder,), (ours.folder,)))
    assert not found, '\n'.join(found) + '\n\n' + ours.run.output[-6000:]
    assert ours.run.rc == stock.run.rc
    assert ours.run.recap == stock.run.recap
    assert ours.changes == stock.changes
    assert ours.fetched == stock.fetched


# Stock ssh is the slow half: each core line once, the interpreters of the target spread over them.
@pytest.mark.parametrize(
    ('line', 'transport', 'python'),
    [
        ('2.16', 'ssh', '3.6'),
        ('2.18', 'ssh', ''),
        ('2.19', 'ssh', ''),
        ('2.19', 'paramiko', ''),
        ('2.21', 'ssh', '3.13'),
    ],
)
def test_results_and_host_are_those_of_stock_ssh(play_over: PlayOver, line: str, transport: str, python: str) -> None:
    if line not in SHORT:
        need_long('two minutes for a line whose payloads are those of another')
    assert_same(play_over(line, 'ssh', python), play_over(line, f'svcfw-{transport}', python))
