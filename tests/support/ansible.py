"""Runs real `ansible-playbook` processes and collects what they did."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.support.hosts import Host
from tests.support.timing import seconds
from tests.support.venvs import Core

CALLBACKS = Path(__file__).with_name('callback')

Inventory = Mapping[str, Mapping[str, object]]


@dataclass
class Run:
    """What one ansible-playbook did: exit code, output (both streams), and its events as `collect` wrote them."""

    rc: int
    output: str
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """Host -> counts (ok, changed, failures, unreachable, skipped, rescued, ignored); empty if it never ended."""
        recaps = [event['hosts'] for event in self.events if event['kind'] == 'recap']
        return recaps[-1] if recaps else {}

    def results(self, task: str, host: str | None = None) -> list[dict[str, Any]]:
        """The events of the task so named, in order."""
        return [e for e in self.events if e.get('task') == task and host in (None, e.get('host'))]

    def result(self, task: str, host: str | None = None) -> dict[str, Any]:
        """The last event of the task so named; AssertionError with the output if there is none."""
        found = self.results(task, host)
        assert found, f'no result of {task!r} in:\n{self.output}'
        return found[-1]


class Controller:
    """A place from which playbooks run: its own home, configuration, inventory and multiplexer.

    Attributes: core, directory, env, runtime (the folder with the multiplexer's). A context manager: on leaving, the
    multiplexer is stopped.
    """

    def __init__(self, core: Core, directory: Path, env: Mapping[str, str] | None = None) -> None:
        self.core = core
        self.directory = directory
        # Not below `directory`: the path of a UNIX socket has at most 107 bytes.
        self.runtime = Path(tempfile.mkdtemp(prefix='svcfw-run-'))
        home = directory / 'home'
        home.mkdir(parents=True, exist_ok=True)
        (directory / 'ansible.cfg').write_text('[defaults]\n')
        kept = {name: os.environ[name] for name in ('PATH', 'LANG', 'SVCFW_TEST_TIME_SCALE') if name in os.environ}
        self.env = {
            **kept,
            'LC_ALL': 'C.UTF-8',
            'HOME': str(home),
            'XDG_RUNTIME_DIR': str(self.runtime),
            'ANSIBLE_SSH_CONTROL_PATH_DIR': str(self.runtime / 'cp'),
            'ANSIBLE_HOME': str(home / '.ansible'),
            'ANSIBLE_TIMEOUT': str(int(seconds(10))),
            'ANSIBLE_CONFIG': str(directory / 'ansible.cfg'),
            'ANSIBLE_CALLBACK_PLUGINS': str(CALLBACKS),
            'ANSIBLE_CALLBACKS_ENABLED': 'collect',
            'ANSIBLE_NOCOLOR': '1',
            'ANSIBLE_RETRY_FILES_ENABLED': '0',
            'SVCFW_COLLECT': str(directory / 'events.jsonl'),
            **(env or {}),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop_mux()
        shutil.rmtree(self.runtime, ignore_errors=True)

    def stop_mux(self) -> None:
        """End the multiplexer with all its contexts, if there is one."""
        subprocess.run([self.core.script('svcfw'), 'stop'], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def mux_pids(self) -> list[int]:
        """The processes of this controller's multiplexer (none or one)."""
        runtime = os.fsencode(self.runtime / 'svcfw')
        found = []
        for entry in Path('/proc').iterdir():
            try:
                if entry.name.isdigit() and runtime in (entry / 'cmdline').read_bytes().split(b'\0'):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def trust(self, *hosts: Host) -> None:
        """Put the hosts' keys where clients look that know no ssh options (paramiko's, which go by $HOME)."""
        folder = Path(self.env['HOME']) / '.ssh'
        folder.mkdir(mode=0o700, exist_ok=True)
        with (folder / 'known_hosts').open('a') as known:
            known.writelines(host.known_hosts.read_text() for host in hosts)

    def start(
        self,
        playbook: Path,
        inventory: Inventory,
        *args: str,
        enter: Callable[[], None] | None = None,
        **variables: object,
    ) -> 'subprocess.Popen[str]':
        """Start ansible-playbook on `playbook` in a process group of its own; `variables` are extra variables.

        `enter` is called in the new process before its exec.
        """
        hosts = self.write_inventory(inventory)
        (self.directory / 'events.jsonl').write_text('')
        command = [self.core.script('ansible-playbook'), '-i', str(hosts), *args]
        if variables:
            command += ['-e', json.dumps(variables)]
        return subprocess.Popen(
            [*command, str(playbook)],
            env=self.env,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            start_new_session=True,
            preexec_fn=enter,
        )

    def write_inventory(self, inventory: Inventory) -> Path:
        """The inventory as a file."""
        hosts = self.directory / 'inventory.json'
        hosts.write_text(json.dumps({'all': {'hosts': inventory}}))
        return hosts

    def finish(self, process: 'subprocess.Popen[str]', timeout_s: float = 300) -> Run:
        """Wait for a started run; AssertionError with its output so far if it is not done after `timeout_s` (unscaled).

        Returns although something that the run left behind holds the output open.
        """
        try:
            output, _ = process.communicate(timeout=seconds(timeout_s))
        except subprocess.TimeoutExpired as exc:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            raise AssertionError(f'ansible-playbook hangs:\n{output}') from exc
        return Run(process.returncode, output, self.events())

    def run(self, playbook: Path, inventory: Inventory, *args: str, **variables: object) -> Run:
        """`start` and `finish`."""
        return self.finish(self.start(playbook, inventory, *args, **variables))

    def play(self, inventory: Inventory, tasks: Sequence[Mapping[str, object]], *args: str, **keywords: object) -> Run:
        """Run one play of `tasks` on all hosts, without gathering facts; `keywords` are those of the play."""
        return self.run(self.write_play(tasks, **keywords), inventory, *args)

    def write_play(self, tasks: Sequence[Mapping[str, object]], **keywords: object) -> Path:
        """A playbook file of one play of `tasks` on all hosts (JSON is YAML)."""
        path = self.directory / 'play.yml'
        path.write_text(json.dumps([{'hosts': 'all', 'gather_facts': False, **keywords, 'tasks': list(tasks)}]))
        return path

    def events(self) -> list[dict[str, Any]]:
        """What the last run has had of events so far, as `collect` wrote them."""
        with (self.directory / 'events.jsonl').open(encoding='utf-8', errors='surrogateescape') as lines:
            return [json.loads(line) for line in lines]


def connection_vars(connection: str) -> dict[str, object]:
    """Inventory variables for one of: ssh, paramiko_ssh, svcfw-ssh, svcfw-paramiko, svcfw-auto."""
    name, _, transport = connection.partition('-')
    if name != 'svcfw':
        return {'ansible_connection': connection}
    return {'ansible_connection': 'svcfw.svcfw.svcfw', 'ansible_svcfw_transport': transport}


def copy_playbook(source: Path, directory: Path) -> Path:
    """A copy of a playbook's folder, so that runs share nothing; returns the new folder."""
    shutil.copytree(source, directory)
    return directory
