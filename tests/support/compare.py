"""Compares what two runs of a playbook reported.

Left out is only what two runs over stock ssh were seen to differ in, and what the ssh program says of itself.
"""

import re
from collections.abc import Iterable
from typing import Any

from tests.support.ansible import Run

# Keys whose values are times, process numbers or of the moment, wherever they stand in a result.
VOLATILE = frozenset({
    'start', 'end', 'delta', 'attempts', 'child_pid', 'stop', 'atime', 'mtime', 'ctime', 'inode', 'dev', 'elapsed',
    'ansible_date_time', 'ansible_uptime_seconds', 'ansible_loadavg', 'ansible_memfree_mb', 'ansible_memory_mb',
    'ansible_swapfree_mb', 'ansible_mounts', 'ansible_env_pid', 'cache_update_time', 'ansible_processor_nproc',
    # Paths and data of this machine at the moment of the run (block devices, fibre channel names, pid-bound links).
    'ansible_devices', 'ansible_device_links', 'ansible_fips', 'ansible_lvm', 'ansible_interfaces',
    'ansible_virtualization_tech_guest',  # a set, in any order
})  # fmt: skip

# Environment variables that tell of the login itself.
VOLATILE_ENVIRONMENT = frozenset({'SSH_CLIENT', 'SSH_CONNECTION', 'SSH_TTY', '_', 'XDG_SESSION_ID'})

# What the ssh program reports of itself among a task's results: the end of a session with a tty, and its attempts at
# files whose names sftp or scp cannot take, after which another way worked.
CLIENT_NOISE = re.compile(r'Shared connection to \S+ closed\.(\r\n)?|.*(sftp|scp) transfer mechanism failed on .*')

# Random parts of names.
PATTERNS = (
    (re.compile(r'ansible-tmp-[\d.]+-\d+-\d+'), 'ansible-tmp-N'),
    (re.compile(r'ansible-moduletmp-[\d.]+-\w+'), 'ansible-moduletmp-N'),
    (re.compile(r'ansible-local-\w+'), 'ansible-local-N'),
    (re.compile(r'/svcfw-run-\w+'), '/svcfw-run-N'),  # of a controller, for its sockets
    (re.compile(r'/tmp/ansible_[\w.]+?_payload_\w+'), '/tmp/ansible_payload_N'),
    (re.compile(r'/tmp[a-z0-9_]{8}\b'), '/tmpN'),
    (re.compile(r'^(\.|tmp)[a-z0-9_]{8}$'), '.N'),  # the controller's temporary file behind `copy: content=`
    (re.compile(r'\bj?\d{6,}\.\d+\b'), 'JOB'),
    (re.compile(r'"(start|end|delta)": "[^"]*"'), 'TIME'),  # in the text of a result that could not be read
    (re.compile(r'\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~'), '.BACKUP~'),
    (re.compile(r'\bparity\.?[a-z0-9_]{8}$'), 'parityN'),  # of the module tempfile
    (re.compile(r'^Paused for \d+\.\d+ seconds$'), 'Paused for N seconds'),
    (re.compile(r'BECOME-SUCCESS-\w+'), 'BECOME-SUCCESS-N'),
    (re.compile(r'/[^\s\'"=]*/farm\d*/(?:\d+-)?'), 'FARM/'),  # keys and known hosts, within arguments
    # `unarchive` tries its handlers in any order.
    (re.compile(r'(?s)(Failed to find handler for .* is installed\.).*'), r'\1'),
    (re.compile(r'\b127\.\d+\.\d+\.\d+\b'), 'ADDRESS'),
)


def normalised(value: Any, folders: Iterable[str] = ()) -> Any:
    """`value` without its volatile parts; `folders` are controller folders that differ between the runs."""
    if isinstance(value, dict):
        items = {key: normalised(each, folders) for key, each in value.items() if counts(key)}
        if items.get('warnings') == []:
            del items['warnings']
        return items
    if isinstance(value, list):
        return [normalised(each, folders) for each in value if not is_client_noise(each)]
    if is_client_noise(value):
        return ''
    if isinstance(value, str):
        for folder in folders:
            value = value.replace(folder, 'FOLDER')
        for pattern, replacement in PATTERNS:
            value = pattern.sub(replacement, value)
    return value


def counts(key: str) -> bool:
    """Whether what stands under `key` in a result is to be compared."""
    # What callbacks are told of a delegate names the connection, which is meant to differ; and ansible-core 2.21 looks
    # for the rest among the options of its own plugins only, not those of collections.
    return key not in VOLATILE | VOLATILE_ENVIRONMENT | {'_ansible_delegated_vars'}


def is_client_noise(value: Any) -> bool:
    """Whether `value` is a text that the ssh program added."""
    return isinstance(value, str) and CLIENT_NOISE.fullmatch(value) is not None


def differences(one: Run, other: Run, folders: tuple[Iterable[str], Iterable[str]] = ((), ())) -> list[str]:
    """One line for each thing that `other` reported differently; empty if the runs are alike."""
    first = [normalised(event, folders[0]) for event in one.events]
    second = [normalised(event, folders[1]) for event in other.events]
    found = []
    for index, (left, right) in enumerate(zip(first, second, strict=False)):
        if (left.get('task'), left['kind']) != (right.get('task'), right['kind']):
            found.append(f'event {index}: {summary(left)} != {summary(right)}')
            return found
        found += [f'{left.get("task", left["kind"])}: {line}' for line in differing(left, right)]
    if len(first) != len(second):
        found.append(f'{len(first)} events != {len(second)}')
    return found


def summary(event: dict[str, Any]) -> str:
    """Task, kind and result of an event, cut short."""
    return f'{event.get("task")!r} {event["kind"]} {str(event.get("result"))[:2000]}'


def differing(left: Any, right: Any, path: str = '') -> list[str]:
    """Where two values differ, innermost first cause only."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = sorted(left.keys() | right.keys())
        absent = '<absent>'
        return [
            line for key in keys for line in differing(left.get(key, absent), right.get(key, absent), f'{path}.{key}')
        ]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [line for index, pair in pairs for line in differing(*pair, f'{path}[{index}]')]
    if left == right:
        return []
    start = where_to_begin(str(left), str(right))
    return [f'{path}: {str(left)[start:][:400]!r} != {str(right)[start:][:400]!r}']


def where_to_begin(left: str, right: str) -> int:
    """From where to show two texts, so that what differs is seen of long ones."""
    pairs = enumerate(zip(left, right, strict=False))
    common = next((index for index, (one, other) in pairs if one != other), min(len(left), len(right)))
    return common - 100 if common > 300 else 0
