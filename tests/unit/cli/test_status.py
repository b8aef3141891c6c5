import io

import pytest

from svcfw.cli import status

CONTEXT = {
    'name': 'web1', 'account': 'me', 'state': 'up', 'age_s': 200.0, 'idle_s': 0.0, 'calls': [], 'wait_for_it': 0,
    'queued_bytes': 0, 'under_way_bytes': 0, 'kept_there_bytes': 0, 'children': [],
}  # fmt: skip


def answer(*contexts):
    return {'pid': 12, 'age_s': 7300.0, 'clients': 2, 'clients_bytes': 2048, 'contexts': list(contexts)}


def test_hosts_in_order_with_what_is_asked_of_them():
    child = {**CONTEXT, 'name': 'web1 as another account', 'account': 'root', 'calls': [('module', 61.0)]}
    first = {**CONTEXT, 'children': [child], 'queued_bytes': 3 << 20, 'kept_there_bytes': 100, 'idle_s': 5.0}
    second = {**CONTEXT, 'name': 'db1', 'account': '', 'state': 'starts', 'wait_for_it': 2}
    assert list(status.lines(answer(first, second))) == [
        'multiplexer: process 12, 2 h 1 min old, 2 clients (2 KiB held for them), 2 hosts',
        'db1: starts, 3 min 20 s old, waited for by 2',
        'web1 (me): up, 3 min 20 s old, idle for 5 s, 3 MiB held for it, 100 B kept there',
        '  web1 as another account (root): up, 3 min 20 s old',
        '    module: asked 1 min 1 s ago, not answered',
    ]


def test_a_host_cannot_forge_a_line():
    assert len(list(status.lines(answer({**CONTEXT, 'account': 'me)\nweb2 (root\x1b[2J'})))) == 2
    assert '\x1b' not in ''.join(status.lines(answer({**CONTEXT, 'account': '\x1b[2J'})))


def test_without_a_multiplexer(short_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('XDG_RUNTIME_DIR', str(short_path))
    out = io.StringIO()
    assert status.run(out) == 0
    assert out.getvalue() == 'no multiplexer is running\n'
