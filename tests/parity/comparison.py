"""Pairs what two runs of a playbook reported, task by task and host by host, whatever the order of the hosts was."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tests.support.ansible import Run
from tests.support.compare import PATTERNS, differing, normalised

#: Files that hold times or random names: payloads left behind, results of jobs, the heads of crontabs.
OF_THE_MOMENT = (
    'ansible-tmp-N/',
    'ansible_payload_N/',
    '.ansible_async/',
    'cron/crontabs/',
    '.git/logs/',
    '/etc/pam.d/',
    '.gz',
    '.zip',
    '.gnupg/pubring.kbx',
)

Event = dict[str, Any]


def different(stock: Run, ours: Run, stock_folder: str, our_folder: str) -> list[str]:
    """One line for each difference: "TASK @HOST: PATH: STOCK != OURS"."""
    first, second = by_task(stock.events, stock_folder), by_task(ours.events, our_folder)
    lines = []
    for key in first | second:
        task, host = key
        lefts, rights = first.get(key, []), second.get(key, [])
        for left, right in zip(lefts, rights, strict=False):
            lines += [f'{task} @{host}: {line}' for line in differing(left, right)]
        if len(lefts) != len(rights):
            lines.append(f'{task} @{host}: {len(lefts)} results != {len(rights)}: {ending(lefts)} != {ending(rights)}')
    if stock.rc != ours.rc and not any('.kind: ' in line for line in lines):
        lines.append(f'exit status: {stock.rc} != {ours.rc}')
    return lines


def by_task(events: Iterable[Event], folder: str) -> dict[tuple[str, str], list[Event]]:
    """(task, host) -> its events in order, without what is of the moment."""
    found = defaultdict(list)
    for event in events:
        if event['kind'] == 'recap':  # counts what is compared task by task
            continue
        task = str(event.get('task', event['kind']))
        found[task, str(event.get('host', 'all'))].append(normalised(event, (folder,)))
    return dict(found)


def ending(events: list[Event]) -> str:
    return f'{events[-1]["kind"]} {str(events[-1].get("result"))[:600]}' if events else 'none'


def changed(stock: dict[str, str], ours: dict[str, str]) -> list[str]:
    """One line for each file that the runs left differently."""
    first, second = plain_names(stock), plain_names(ours)
    names = sorted(first.keys() | second.keys())
    return [
        f'file {name}: {first.get(name, ["unchanged"])} != {second.get(name, ["unchanged"])}'
        for name in names
        if first.get(name) != second.get(name)
    ]


def plain_names(changes: dict[str, str]) -> dict[str, list[str]]:
    """Paths without their random parts -> what is there, sorted."""
    found = defaultdict(list)
    for path, text in changes.items():
        for pattern, replacement in PATTERNS:
            path = pattern.sub(replacement, path)
        is_of_the_moment = any(part in path for part in OF_THE_MOMENT)
        found[path].append(' '.join(text.split()[:2]) if is_of_the_moment else text)
    return {path: sorted(texts) for path, texts in found.items()}
