"""What whole runs of ansible are compared on, and the ways to run them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.support.venvs import Core, site_packages

#: Of the files that are copied.
FILES, FILE_BYTES = 200, 2000


@dataclass(frozen=True)
class Scenario:
    """A playbook of the folder `plays`, or `ansible -m ping` where there is none.

    hosts: how many, one measurement for each number; user: an account of the hosts; again: whether contestants with
    processes that stay run it three times; has_floor: whether there is a play floor-NAME.
    """

    name: str
    play: str = ''
    hosts: Sequence[int] = (1,)
    forks: int = 5
    user: str = 'plain'
    become: bool = False
    again: bool = True
    has_floor: bool = False
    files: int = 0


SCENARIOS = {
    each.name: each
    for each in (
        Scenario('A', 'loop', has_floor=True),
        Scenario('T', 'tasks', has_floor=True),
        Scenario('B', 'mixed', has_floor=True),
        Scenario('C-loop', 'files-loop', files=FILES),
        Scenario('C-folder', 'files-folder', files=FILES),
        Scenario('C-enabled', 'files-short', files=FILES),
        Scenario('D', 'hosts', hosts=(20,), forks=10, has_floor=True),
        Scenario('E', 'mixed', user='sudoer', become=True),
        Scenario('first', 'mixed', again=False),
        Scenario('growth', 'hosts', hosts=(5, 20, 80), forks=10),
        Scenario('ping'),
    )
}


def small(scenario: Scenario) -> Scenario:
    """The same in a size for a try."""
    hosts = tuple(dict.fromkeys(min(number, 2 + place) for place, number in enumerate(scenario.hosts)))
    return replace(scenario, hosts=scenario.hosts if scenario.hosts == (1,) else hosts, files=min(scenario.files, 5))


@dataclass(frozen=True)
class Contestant:
    """A way to run them. connection: what the inventory says, '' for nothing.

    strategy: the plugin; enable: whether `svcfw enable` comes first; is_floor: runs the play floor-NAME; stays: its
    processes serve later runs.
    """

    name: str
    connection: str = ''
    env: tuple[tuple[str, str], ...] = ()
    strategy: str = ''
    enable: bool = False
    is_floor: bool = False
    stays: bool = False


def contestants(core: Core) -> list[Contestant]:
    strategies = site_packages(core) / 'ansible_mitogen' / 'plugins' / 'strategy'
    quiet = ('ANSIBLE_DEPRECATION_WARNINGS', '0')
    return [
        Contestant('floor', is_floor=True),
        Contestant('ssh', 'ssh'),
        # Each task logs in: what a run costs that finds no master.
        Contestant('ssh+pipelining', 'ssh', (('ANSIBLE_PIPELINING', '1'),)),
        Contestant(
            'ssh without master', 'ssh', (('ANSIBLE_PIPELINING', '1'), ('ANSIBLE_SSH_ARGS', '-o ControlMaster=no'))
        ),
        Contestant('mitogen', 'ssh', (('ANSIBLE_STRATEGY_PLUGINS', str(strategies)), quiet), 'mitogen_linear'),
        Contestant('svcfw', 'svcfw', enable=True, stays=True),
        Contestant('svcfw by strategy', '', (quiet,), 'svcfw_linear', enable=True, stays=True),
        Contestant('svcfw.svcfw.svcfw', 'svcfw.svcfw.svcfw', stays=True),
    ]
