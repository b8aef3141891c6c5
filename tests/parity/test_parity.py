"""Whatever works over `ssh` works over `svcfw`: each topic's playbook, task by task, and the files that it leaves.

The reference is a run over stock ssh (stock `local` for our local transport) from the same state. What two runs over
stock differ in is left out (`tests/support/compare.py`); what is meant to differ is listed in `deviations.py`.
"""

import functools
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration import made_files
from tests.parity import comparison, deviations, inside
from tests.parity.galaxy import need_collections
from tests.parity.prepare import prepare
from tests.parity.topics import TOPICS, Topic
from tests.support.ansible import Controller, Run, connection_vars
from tests.support.hosts import PASSWORD, Farm, Host
from tests.support.interpreters import find_python
from tests.support.need import need, need_long, need_program
from tests.support.timing import seconds, wait_until
from tests.support.venvs import Core, cache, need_core

PLAYBOOKS = Path(__file__).with_name('playbooks')
LINE = '2.19'

#: way -> the connection's variables
WAYS = {
    'openssh': connection_vars('svcfw-ssh'),
    'short-name': {'ansible_connection': 'svcfw'},
    'paramiko': connection_vars('svcfw-paramiko'),
    'local': connection_vars('svcfw-local'),
    # Nothing of ours: whether the comparison compares what two runs have in common.
    'stock': {'ansible_connection': 'ssh'},
}
REFERENCES = {'stock ssh': {'ansible_connection': 'ssh'}, 'stock local': {'ansible_connection': 'local'}}

DISCOVERY_MODES = ('auto', 'auto_silent', 'auto_legacy', 'auto_legacy_silent')

#: One topic over one way on a busy machine; most take less than a minute on an idle one.
TOPIC_S = 900

#: Now and then stock ssh waits in vain for a become command that has gone ahead. Such a run is no reference.
HAS_MISSED_PROMPT = re.compile(r"^[^!]*'[^']*Timeout \(\d+s\) waiting for privilege escalation prompt:[^!]* != ")
ATTEMPTS = 3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * seconds(TOPIC_S))]


@dataclass(frozen=True)
class Outcome:
    """What a run reported, what it changed on its hosts and fetched from them, and its own folder."""

    run: Run
    changes: dict[str, str]
    fetched: dict[str, bytes]
    folder: str


PlayOver = Callable[..., Outcome]


@pytest.fixture(scope='module')
def play_over(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> PlayOver:
    """Runs a topic's playbook over a way, or a reference, on new hosts; each combination, and attempt, once."""
    top = tmp_path_factory.mktemp('parity')
    top.chmod(0o755)
    source = make_source(top / 'source')

    @functools.cache
    def play_once(topic: Topic, way: str, attempt: int = 0) -> Outcome:
        return play(farm, top / str(attempt), source, topic, way)

    return play_once


def make_source(folder: Path) -> Path:
    """The controller's files that are sent: always the same ones."""
    made_files.make(folder)
    # RFC 8410: an Ed25519 key is 32 bytes behind a fixed head.
    key = bytes.fromhex('302e020100300506032b657004220420') + bytes(range(32))
    (folder / 'known.pem').write_text(
        f'-----BEGIN PRIVATE KEY-----\n{b64encode(key).decode()}\n-----END PRIVATE KEY-----\n'
    )
    return folder


def play(farm: Farm, top: Path, source: Path, topic: Topic, way: str) -> Outcome:
    """Run a topic's playbook over a way, or a reference, on new hosts."""
    core = need_core(LINE)
    folder = top / f'{topic.name}-{way}'.replace(' ', '-')
    target, second = (prepared(farm, name) for name in ('target', 'second'))
    try:
        with place(core, folder, topic, way, target, source) as controller:
            controller.trust(target, second)
            run = play_topic(controller, topic, inventory_of(target, second, way), source, folder)
        for host in (target, second):
            wait_until(lambda host=host: not runs_async_wrapper(host), seconds(30), 'async_wrapper has ended')
        changes = {f'{host.name}:{path}': text for host in (target, second) for path, text in host.changes().items()}
    finally:
        target.stop()
        second.stop()
    return Outcome(run, changes, tree(folder / 'fetched'), str(folder))


def prepared(farm: Farm, name: str) -> Host:
    host = farm.host(name)
    prepare(host)
    return host


@contextmanager
def place(core: Core, folder: Path, topic: Topic, way: str, target: Host, source: Path) -> Iterator[Controller]:
    """Where ansible-playbook runs: on this machine, or on the target itself where connections are local."""
    env = {'ANSIBLE_PIPELINING': '1', **dict(topic.env)}
    if topic.needs_collections:
        base = cache() / 'venvs' / f'core-{core.line}' / 'bin' / 'python'
        env['ANSIBLE_COLLECTIONS_PATH'] = str(need_collections(core.line, base))
    with Controller(core, folder / 'controller', env) as controller:
        (folder / 'fetched').mkdir()
        if way == 'short-name':
            subprocess.run([core.script('svcfw'), 'enable'], env=controller.env, check=True, capture_output=True)
        if is_local(way):
            shutil.copytree(PLAYBOOKS, folder / 'playbooks')
            shown = (folder, controller.runtime)
            inside.show(target, source)
            (controller.directory / 'events.jsonl').touch()  # to be the account's own
            controller.core = inside.enter(core, target, 'sudoer', folder / 'programs', *shown)
            target.remember_state()
        yield controller


def is_local(way: str) -> bool:
    return way in ('local', 'stock local')


def reference_of(way: str) -> str:
    return 'stock local' if is_local(way) else 'stock ssh'


def differences(stock: Outcome, ours: Outcome) -> list[str]:
    """One line for each thing that the runs reported, left or fetched differently."""
    lines = comparison.different(stock.run, ours.run, stock.folder, ours.folder)
    lines += comparison.changed(stock.changes, ours.changes)
    names = sorted(stock.fetched.keys() | ours.fetched.keys())
    return lines + [f'fetched {name}' for name in names if stock.fetched.get(name) != ours.fetched.get(name)]


def inventory_of(target: Host, second: Host, way: str) -> dict[str, dict[str, object]]:
    """The playbooks' hosts; `withpass` is the target with another account, whose sudo asks for the password."""
    common = {**(WAYS | REFERENCES)[way], 'ansible_timeout': int(seconds(5))}
    hosts: dict[str, dict[str, object]] = {'target': {**target.inventory_vars('sudoer'), **common}}
    for mode in DISCOVERY_MODES:
        hosts[f'mode-{mode}'] = hosts['target']
    if not is_local(way):
        hosts['second'] = {**second.inventory_vars('sudoer'), **common}
        hosts['withpass'] = {**target.inventory_vars('sudopw'), **common, 'ansible_become_password': PASSWORD}
    return hosts


def play_topic(
    controller: Controller, topic: Topic, inventory: dict[str, dict[str, object]], source: Path, folder: Path
) -> Run:
    """Run the topic's playbook with the variables that all of them may use."""
    if not (folder / 'playbooks').exists():
        shutil.copytree(PLAYBOOKS, folder / 'playbooks')
    vault = ('--vault-password-file', str(folder / 'playbooks' / 'vault-password'))
    variables = {
        'source': str(source),
        'fetched': str(folder / 'fetched'),
        'password': PASSWORD,
        'python_old': find_python('3.8') or '/usr/bin/python3',
        'python_new': find_python('3.12') or '/usr/bin/python3',
    }
    playbook = folder / 'playbooks' / f'{topic.name}.yml'
    return controller.finish(controller.start(playbook, inventory, *vault, **variables), TOPIC_S)


def runs_async_wrapper(host: Host) -> bool:
    return any('async_wrapper' in line for line in host.processes())


def tree(folder: Path) -> dict[str, bytes]:
    """Relative path -> content of each file under `folder`."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def need_on_hosts(capability: str) -> None:
    """Skip unless this machine, and with it each host, has a program or Debian's Python package."""
    if capability == 'pexpect':
        found = subprocess.run(['/usr/bin/python3', '-c', 'import pexpect'], capture_output=True).returncode == 0
        need(capability, found, 'no pexpect for /usr/bin/python3')
    else:
        need_program(capability, capability)


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('topic', TOPICS, ids=lambda topic: topic.name)
def test_a_topic_goes_as_over_stock(play_over: PlayOver, topic: Topic, way: str) -> None:
    if not topic.is_short or way != 'openssh':
        need_long('all topics over all ways')
    if is_local(way) and not topic.is_local:
        pytest.skip('is about other hosts')
    for capability in topic.needs:
        need_on_hosts(capability)
    meant = [] if way == 'stock' else deviations.of(topic.name, way)
    ours = play_over(topic, way)
    for attempt in range(ATTEMPTS):
        stock = play_over(topic, reference_of(way), attempt)
        assert stock.run.recap, stock.run.output
        lines = differences(stock, ours)
        unmeant = [line for line in lines if not any(each.matches(line) for each in meant)]
        if not any(HAS_MISSED_PROMPT.search(line) for line in unmeant):
            break
    assert not unmeant, '\n'.join(unmeant) + '\n\n' + ours.run.output[-6000:]
    vanished = [each.pattern for each in meant if each.must_show and not any(each.matches(line) for line in lines)]
    assert not vanished, f'no longer different: {vanished}'
