"""Draws what benchmarks.playbook has measured. Needs matplotlib (`pip install 'svcfw[dev]'`).

python -m benchmarks.plots FILE.json FOLDER
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use('Agg')
from matplotlib import pyplot

KINDS = {'wall': 'seconds', 'controller': "seconds of the controller's CPU", 'target': "seconds of the targets' CPU"}
GROWTH = 'growth'


def draw(result: dict[str, Any], folder: Path) -> list[Path]:
    """One picture for each scenario and delay, one for the growth over hosts. Returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    below = f'ansible-core {result["core"]}, {result["cpus"]} CPUs, {result["rounds"]} rounds, {result["date"]}, load '
    below += f'{result["load_before"]:.1f} to {result["load_after"]:.1f}'
    drawn = []
    for each in result['measured']:
        if each['scenario'] == GROWTH:
            continue
        figure, axes = pyplot.subplots(1, len(KINDS), figsize=(12, 0.8 + 0.35 * len(each['costs'])), sharey=True)
        for axis, (kind, label) in zip(axes, KINDS.items(), strict=True):
            bars(axis, each['costs'], kind, label)
        title = f'{each["scenario"]}: {each["hosts"]} hosts, {each["delay_ms"]:g} ms one way'
        drawn.append(save(figure, folder / f'playbook-{each["scenario"]}-{each["delay_ms"]:g}ms.svg', title, below))
    growth = [each for each in result['measured'] if each['scenario'] == GROWTH]
    if growth:
        drawn.append(lines(growth, folder / 'playbook-growth.svg', below))
    return drawn


def bars(axis: Any, costs: dict[str, list[dict[str, float]]], kind: str, label: str) -> None:
    """Medians as bars, all rounds as points."""
    for place, runs in enumerate(costs.values()):
        values = [run[kind] for run in runs]
        axis.barh(place, statistics.median(values), color='tab:blue', alpha=0.6)
        axis.plot(values, [place] * len(values), 'k.', markersize=3)
    axis.set_yticks(range(len(costs)), list(costs))
    axis.invert_yaxis()
    axis.set_xlabel(label)


def lines(growth: list[dict[str, Any]], path: Path, below: str) -> Path:
    """Seconds for each host over the number of hosts."""
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4))
    for axis, kind in zip(axes, ('wall', 'controller'), strict=True):
        for name in growth[0]['costs']:
            values = [statistics.median(run[kind] for run in each['costs'][name]) / each['hosts'] for each in growth]
            axis.plot([each['hosts'] for each in growth], values, marker='o', label=name)
        axis.set_xlabel('hosts')
        axis.set_ylabel(f'{KINDS[kind]} for each host')
        axis.set_ylim(bottom=0)
    axes[0].legend(fontsize='small')
    return save(figure, path, 'Growth', below)


def save(figure: Any, path: Path, title: str, below: str) -> Path:
    figure.suptitle(title)
    figure.text(0.5, 0.0, below, ha='center', fontsize='small')
    figure.tight_layout()
    figure.savefig(path, bbox_inches='tight')
    pyplot.close(figure)
    return path


if __name__ == '__main__':
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
