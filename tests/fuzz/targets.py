"""All fuzz targets: functions of bytes which raise nothing unless something is wrong; loaded one by one."""

import importlib
from collections.abc import Callable

_IN = {
    'wire_targets': ('codec', 'frames', 'bootstrap', 'dialogue', 'sealed'),
    'mux_targets': ('agent_answers', 'child_answers', 'clients_requests', 'declared', 'template_events'),
    'file_targets': ('manifests', 'folders', 'files', 'deltas', 'wanted', 'kept_payloads'),
    'router_target': ('router',),
}
#: Name of a target -> the module that it is in.
TARGETS = {name: module for module, names in _IN.items() for name in names}


def target(name: str) -> Callable[[bytes], None]:
    found: Callable[[bytes], None] = getattr(importlib.import_module(f'tests.fuzz.{TARGETS[name]}'), name)
    return found
