"""Hosts, the lines to them, and a controller with its multiplexer: what faults happen to, found by what it does."""

import contextlib
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.faults import clock, play
from tests.faults.line import Line
from tests.support.ansible import Controller, connection_vars
from tests.support.hosts import Farm
from tests.support.mux import command, parent_of, state
from tests.support.sshd import LOOPBACK, descendants
from tests.support.venvs import need_core

NAMES = ('left', 'right')


class Scene:
    """Two hosts and a controller; what runs in them is asked for anew each time."""

    def __init__(self, farm: Farm, directory: Path) -> None:
        self.library = clock.built(directory)
        self.hosts = {name: farm.host(name) for name in NAMES}
        self.clocks = {name: clock.give(host, self.library) for name, host in self.hosts.items()}
        self.lines = {name: Line(host.address, host.port) for name, host in self.hosts.items()}
        for name, host in self.hosts.items():
            kind, key = host.known_hosts.read_text().split()[1:3]
            with host.known_hosts.open('a') as known:
                known.write(f'[{LOOPBACK}]:{self.lines[name].port} {kind} {key}\n')
        self.clocks['controller'] = clock.Clock(directory / 'clock')
        env = {
            'LD_PRELOAD': str(self.library),
            'SVCFW_TEST_CLOCK': str(directory / 'clock'),
            'ANSIBLE_LIBRARY': str(play.LIBRARY),
            'ANSIBLE_FORKS': '4',
        }
        self.controller = Controller(need_core('2.19'), directory / 'controller', env)
        self.play = self.controller.write_play(play.tasks(self.controller.directory))

    def inventory(self) -> dict[str, dict[str, object]]:
        return {
            name: {
                **host.inventory_vars(play.USER),
                **connection_vars('svcfw-ssh'),
                'ansible_host': LOOPBACK,
                'ansible_port': self.lines[name].port,
                'ansible_svcfw_idle_timeout': 1,
                'ansible_timeout': 15,
            }
            for name, host in self.hosts.items()
        }

    def start(self) -> 'subprocess.Popen[str]':
        """Begin a run, with nothing left of the one before."""
        for host in self.hosts.values():
            for name in ('small', 'large', 'ran'):
                host.path(f'{play.HOME}/{name}').unlink(missing_ok=True)
            lines = host.path(play.LINES)
            lines.touch()
            os.chown(lines, *_owner(host.path(play.HOME)))
        return self.controller.start(self.play, self.inventory())

    def results(self) -> int:
        """How many results the run has had so far."""
        return (self.controller.directory / 'events.jsonl').read_bytes().count(b'\n')

    # -- processes

    def find(self, role: str, host: str) -> list[int]:
        """The processes that are this now; see ROLES."""
        return ROLES[role](self, host)

    def _multiplexers(self, host: str) -> list[int]:
        return self.controller.mux_pids()

    def _clients(self, host: str) -> list[int]:
        """Programs `ssh` of the multiplexer, for this host."""
        port = str(self.lines[host].port)
        below = [pid for mux in self.controller.mux_pids() for pid in descendants(mux)]
        return [pid for pid in below if _is(pid, 'ssh') and port in command(pid).split()]

    def _servers(self, host: str) -> list[int]:
        return [pid for pid in descendants(self.hosts[host].pid)[1:] if command(pid).startswith('sshd')]

    def _agents(self, host: str) -> list[int]:
        """Contexts: Python that something else has started."""
        return [pid for pid in self._pythons(host) if not _is(parent_of(pid), 'python')]

    def _login_agents(self, host: str) -> list[int]:
        return [pid for pid in self._agents(host) if not _is(parent_of(pid), 'sudo')]

    def _root_agents(self, host: str) -> list[int]:
        return [pid for pid in self._agents(host) if _is(parent_of(pid), 'sudo')]

    def _templates(self, host: str) -> list[int]:
        agents = self._agents(host)
        return [pid for pid in self._pythons(host) if parent_of(pid) in agents]

    def _runs(self, host: str) -> list[int]:
        templates = self._templates(host)
        return [pid for pid in self._pythons(host) if parent_of(pid) in templates]

    def _sudos(self, host: str) -> list[int]:
        return [pid for pid in descendants(self.hosts[host].pid) if _is(pid, 'sudo')]

    def _pythons(self, host: str) -> list[int]:
        return [pid for pid in descendants(self.hosts[host].pid) if _is(pid, 'python')]

    def on_host(self, host: str) -> list[int]:
        """All that runs on a host but its first process."""
        return [pid for pid in descendants(self.hosts[host].pid)[1:] if state(pid) not in ('', 'Z')]

    def on_controller(self) -> list[int]:
        """All that this controller has started."""
        mark = b'XDG_RUNTIME_DIR=%s' % os.fsencode(self.controller.runtime)
        found = []
        for name in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                if mark in Path(f'/proc/{name}/environ').read_bytes().split(b'\0') and state(int(name)) != 'Z':
                    found.append(int(name))
        return found

    def close(self) -> None:
        for line in self.lines.values():
            line.close()
        self.controller.__exit__()


#: What a fault can hit -> how it is found.
ROLES: dict[str, Any] = {
    'multiplexer': Scene._multiplexers,
    'ssh': Scene._clients,
    'sshd': Scene._servers,
    'agent': Scene._login_agents,
    'root agent': Scene._root_agents,
    'template': Scene._templates,
    'module run': Scene._runs,
    'sudo': Scene._sudos,
}


def _is(pid: int, program: str) -> bool:
    return os.path.basename(command(pid).split(' ')[0]).startswith(program)


def _owner(path: Path) -> tuple[int, int]:
    return path.stat().st_uid, path.stat().st_gid
