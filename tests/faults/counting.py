"""What a run with a fault comes to: results lost, tasks doubled, waits without end, processes left over."""

import collections
from dataclasses import dataclass, field

from tests.faults import play
from tests.faults.scene import NAMES, Scene
from tests.support.ansible import Run

#: Kinds of events that are the result of a task.
_RESULTS = ('ok', 'failed', 'ignored', 'unreachable', 'skipped')


@dataclass
class Outcome:
    """Of one run; each entry names what is wrong."""

    seed: int
    faults: list[str]
    has_hit: bool = True
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    #: Results that failed on a host that no fault was for.
    spread: list[str] = field(default_factory=list)
    #: Results that failed where the fault was: as they may.
    failed: int = 0
    seconds: float = 0.0

    def wrong(self) -> list[str]:
        found = []
        for kind in ('lost', 'doubled', 'hung', 'orphaned', 'spread'):
            found += [f'seed {self.seed} ({"; ".join(self.faults)}): {kind}: {each}' for each in getattr(self, kind)]
        return found


def count(outcome: Outcome, scene: Scene, run: Run, hit: set[str]) -> None:
    """Compare results with the lines and files on the hosts."""
    for host in NAMES:
        lines = collections.Counter(scene.hosts[host].path(play.LINES).read_text().splitlines())
        outcome.doubled += [f'{line} on {host}, {n} times' for line, n in lines.items() if n > 1]
        for task in play.NAMES:
            results = [event for event in run.results(task, host) if event['kind'] in _RESULTS]
            if len(results) != 1:
                outcome.lost.append(f'{len(results)} results of {task} on {host}')
                continue
            if results[0]['kind'] != 'ok':
                outcome.failed += host in hit
                if host not in hit:
                    outcome.spread.append(f'{task} on {host}: {str(results[0]["result"])[:300]}')
                continue
            missing = [line for line in play.LINED.get(task, ()) if not lines[line]]
            outcome.lost += [f'{line} on {host} did not run, and is said to be ok' for line in missing]
            if task in play.COPIED and not _is_there(scene, host, task):
                outcome.lost.append(f'{task} on {host} is not there as it is said to be')


def _is_there(scene: Scene, host: str, task: str) -> bool:
    path = scene.hosts[host].path(f'{play.HOME}/{task}')
    return path.exists() and path.read_text() == play.COPIED[task]


def figures(outcomes: list[Outcome]) -> str:
    """The sums, as they are printed."""
    sums = {
        'runs': len(outcomes),
        'with a fault that hit': sum(each.has_hit for each in outcomes),
        'failed results where the fault was': sum(each.failed for each in outcomes),
    }
    for kind in ('lost', 'doubled', 'hung', 'orphaned', 'spread'):
        sums[kind] = sum(len(getattr(each, kind)) for each in outcomes)
    return ', '.join(f'{name} {value}' for name, value in sums.items())
