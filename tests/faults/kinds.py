"""The kinds of faults: each begins at something of a scene, and says how it is undone."""

import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.faults.scene import NAMES, ROLES, Scene

Undo = Callable[[], None]

#: Those that can hit many things.
_OFTEN = {'kill': 4, 'stop': 3}
#: Where limits are of use: what opens and forks.
_LIMITED = ('multiplexer', 'agent', 'root agent', 'template')
_OF_LOGIN = ('agent', 'template')  # root has no limit of processes


class Fault:
    """What happens once `results` results of the run are there and `pause_s` have passed, for `lasts_s`."""

    def __init__(self, random: Random, results: int) -> None:
        self.kind = random.choices(sorted(KINDS), [_OFTEN.get(kind, 1) for kind in sorted(KINDS)])[0]
        self.host = random.choice(NAMES)
        roles = KINDS[self.kind][1]
        self.role = random.choice(roles) if roles else ''
        self.results = random.randrange(results)
        self.pause_s = random.choice([0.0, random.uniform(0, 0.05), random.uniform(0, 0.6)])
        self.lasts_s = random.choice([0.2, 1.0, 4.0])
        self.which = random.random()
        self.side = random.choice(['controller', self.host])
        self.jump_s = random.choice([-86400.0 * 400, -60.0, 60.0, 86400.0 * 400])

    def begin(self, scene: Scene) -> Undo | None:
        """None if there is nothing now that it could hit."""
        return KINDS[self.kind][0](self, scene)

    def hits(self) -> set[str]:
        """The hosts whose results may suffer."""
        is_for_all = self.role == 'multiplexer' or (self.kind == 'clock' and self.side == 'controller')
        return set(NAMES) if is_for_all else {self.host}

    def __str__(self) -> str:
        what = f'{self.kind} {self.role} {self.side if self.kind == "clock" else self.host}'
        return f'{what} after {self.results} results and {self.pause_s:.2f} s for {self.lasts_s:g} s'


def _one(fault: Fault, scene: Scene) -> int | None:
    found = scene.find(fault.role, fault.host)
    return found[int(fault.which * len(found))] if found else None


def _kill(fault: Fault, scene: Scene) -> Undo | None:
    pid = _one(fault, scene)
    if pid is None or not _signal(pid, signal.SIGKILL):
        return None
    return lambda: None


def _stop(fault: Fault, scene: Scene) -> Undo | None:
    pid = _one(fault, scene)
    if pid is None or not _signal(pid, signal.SIGSTOP):
        return None
    return lambda: [None, _signal(pid, signal.SIGCONT)][0]


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _cut(fault: Fault, scene: Scene) -> Undo:
    scene.lines[fault.host].cut()
    return lambda: None


def _delay(fault: Fault, scene: Scene) -> Undo:
    scene.lines[fault.host].hold()
    return scene.lines[fault.host].release


def _full_disk(fault: Fault, scene: Scene) -> Undo:
    """Of the host: all that tasks write to, /tmp included."""
    host = scene.hosts[fault.host]
    disk = host.directory / 'disk'

    def resize(size: str) -> bool:
        mount = ['mount', '-o', f'remount,size={size}', 'tmpfs', str(disk)]
        return subprocess.run(['nsenter', '-t', str(host.pid), '-m', *mount], capture_output=True).returncode == 0

    while True:
        used = os.statvfs(f'/proc/{host.pid}/root{disk}')
        if resize(f'{(used.f_blocks - used.f_bfree) * used.f_frsize // 1024}k'):
            return lambda: [None, resize('2g')][0]
        # more has been written meanwhile


def _no_descriptors(fault: Fault, scene: Scene) -> Undo | None:
    pid = _one(fault, scene)
    if pid is None:
        return None
    with contextlib.suppress(OSError):
        return _limited(pid, resource.RLIMIT_NOFILE, 'nofile', len(os.listdir(f'/proc/{pid}/fd')))
    return None


def _no_processes(fault: Fault, scene: Scene) -> Undo | None:
    pid = _one(fault, scene)
    return None if pid is None else _limited(pid, resource.RLIMIT_NPROC, 'nproc', 0)


def _limited(pid: int, number: int, name: str, value: int) -> Undo | None:
    """A lower soft limit of a process, by another one of its account: more than root may do here."""
    try:
        status = Path(f'/proc/{pid}/status').read_text()
        ids = {line.split()[0]: line.split()[1] for line in status.splitlines() if line.startswith(('Uid', 'Gid'))}
        before = resource.prlimit(pid, number)[0]
    except (OSError, PermissionError):
        return None
    as_owner = ['setpriv', f'--reuid={ids["Uid:"]}', f'--regid={ids["Gid:"]}', '--clear-groups']

    def limit(soft: int) -> bool:
        text = 'unlimited' if soft == resource.RLIM_INFINITY else soft
        done = subprocess.run([*as_owner, 'prlimit', '--pid', str(pid), f'--{name}={text}:'], capture_output=True)
        return done.returncode == 0

    return (lambda: [None, limit(before)][0]) if limit(value) else None


def _clock(fault: Fault, scene: Scene) -> Undo:
    scene.clocks[fault.side].jump(fault.jump_s)
    return lambda: scene.clocks[fault.side].jump(0)


#: Kind -> what begins it, and the roles that it is for.
KINDS: dict[str, tuple[Callable[[Fault, Scene], Undo | None], tuple[str, ...]]] = {
    'kill': (_kill, tuple(ROLES)),
    'stop': (_stop, tuple(ROLES)),
    'cut': (_cut, ()),
    'delay': (_delay, ()),
    'full disk': (_full_disk, ()),
    'no descriptors': (_no_descriptors, _LIMITED),
    'no processes': (_no_processes, _OF_LOGIN),
    'clock': (_clock, ()),
}
