"""A target is not trusted: whatever its agent says, the multiplexer lives on, and other targets notice nothing."""

import os
import sys

import pytest

from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.mux.client import line
from svcfw.mux.client.client import DeferredError, Target
from svcfw.mux.requests import Command
from tests.support.mux import Dialogue, Mux, account, in_thread, link, resident_bytes
from tests.support.timing import seconds

HERE = Target(link())
MiB = 1024 * 1024

# Makes the agent of a context another one: the body of `on_message(agent, operation, message)` stands in for its own.
SITE = """import builtins
import sys
original = builtins.__import__


def __import__(name, *rest):
    module = original(name, *rest)
    if name == 'svcfw.agent.agent':
        builtins.__import__ = original
        change(sys.modules[name])
    return module


builtins.__import__ = __import__


def on_message(agent, operation, message):
    from svcfw.core import handles
    from svcfw.core.wire.frames import Frame
    def raw(handle, payload, flags=0):
        agent._router.send(Frame(0, agent._router.own_id, agent._router.own_id, handle, 0, flags, payload))
    def send(handle, value):
        raw(handle, agent._router.codec.encode(value))
    asked = message.frame.reply_to
    {body}


FACTS = {facts}


def change(module):
    def changed(agent, message):
        if message.is_dead:
            return
        value = message.value()
        if type(value) is bytes:
            value = agent._router.codec.decode(module.packing.unpack(value))
        operation = value[0]
        if on_message(agent, operation, message):
            own(agent, message)
    own, module.Agent._on_message = module.Agent._on_message, changed
    if FACTS is not None:
        def start(router):
            module.Agent(router)
            return FACTS
        module.start = module.takes_router(module.inline(start))
"""


def hostile(mux: Mux, body: str, facts: object = None) -> Target:
    """A target whose agent does `body` instead of its work (and its work too where that returns true)."""
    folder = mux.folder / 'hostile'
    folder.mkdir()
    (folder / 'sitecustomize.py').write_text(SITE.format(body=body, facts=facts))
    python = folder / 'python'
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return Target(link(host='evil', python=str(python)))


def check_others(mux: Mux) -> None:
    assert mux.client().run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'


NONSENSE = [
    'message.reply(5)',
    'message.reply(None)',
    'message.reply(())',
    'message.reply(("part",))',
    'message.reply(("part", "text", 3))',
    'message.reply(("part", b"", b"", b""))',
    'message.reply(("done", "0", b"", b""))',
    'message.reply(("done", 0, b""))',
    'message.reply(("done", 0, b"", [b""]))',
    'message.reply(("done", True, b"", b""))',
    'message.reply(agent._router.myself())',
    'raw(asked, b"\\xff\\xff\\xff")',
    'raw(asked, b"")',
    'message.reply(("part", bytes(5 * 1024 * 1024), b""))',
    'send(handles.AGENT, 5)',
    'send(handles.AGENT, (1, 2, 3, 4, 5))',
    'send(handles.AGENT, ("x", "put", "path", 1, "cause"))',
    'raw(handles.AGENT, b"\\xff")',
]


@pytest.mark.parametrize('body', NONSENSE)
def test_nonsense_cuts_the_link(mux, body):
    client = mux.client()
    client.facts(HERE)
    with pytest.raises(ChannelError, match='broke the protocol'):
        client.run_command(hostile(mux, body), 'echo', None, '/bin/sh')
    assert 'evil broke the protocol' in mux.log
    assert client.run_command(HERE, 'echo on', None, '/bin/sh').stdout == b'on\n'
    check_others(mux)


@pytest.mark.parametrize('method', ['flush', 'expand_user', 'fetch_file', 'run_source'])
def test_nonsense_as_any_answer(mux, method, tmp_path):
    client = mux.client()
    (tmp_path / 'local').touch()
    arguments = {
        'flush': (), 'expand_user': ('~',), 'fetch_file': ('/x', str(tmp_path / 'local')),
        'run_source': (b'', ['/x/python'], {}),
    }[method]  # fmt: skip
    with pytest.raises((ChannelError, StartError)):
        getattr(client, method)(hostile(mux, 'message.reply([5])'), *arguments)
    check_others(mux)


@pytest.mark.parametrize('facts', ['5', '{}', '{"home": 5}', 'b"x"'])
def test_facts_that_are_none(mux, facts):
    client = mux.client()
    with pytest.raises(StartError, match='malformed facts of an agent'):
        client.facts(hostile(mux, 'return True', facts))
    mux.wait_for(lambda: not mux.agents(), 'the end of the context')
    check_others(mux)


def test_answers_to_what_others_asked(mux, tmp_path):
    client, other = mux.client(), mux.client()
    os.mkfifo(tmp_path / 'gate')
    join = in_thread(client.run_command, HERE, f'echo > {tmp_path}/pid; cat {tmp_path}/gate', None, '/bin/sh')
    mux.wait_for((tmp_path / 'pid').exists, 'the job')
    body = 'for handle in range(900, 1200): send(handle, ("done", 0, b"lies", b""))'
    other._request(hostile(mux, body), Command('/bin/sh', 'echo', b'', None, None), 0)
    mux.wait_for(lambda: 'which was not asked' in mux.log, 'the lies to be refused')
    (tmp_path / 'gate').write_text('truth')
    assert join().stdout == b'truth'


def test_failures_of_others(mux):
    client, other = mux.client(), mux.client()
    other.facts(HERE)
    body = 'for n in range(100): send(handles.AGENT, (n, "put", "/x", 1, "lies"))\n    return True'
    with pytest.raises(DeferredError, match='lies'):
        client.run_command(hostile(mux, body), 'echo', None, '/bin/sh')
    other.flush(HERE)


def test_output_beyond_all_credit(mux):
    body = 'for _ in range(2000): message.reply(("part", bytes(256 * 1024), b""))'
    client = mux.client()
    client._request(hostile(mux, body), Command('/bin/sh', 'echo', b'', None, None), 1)  # and does not read
    mux.wait_for(lambda: 'broke the protocol' in mux.log, 'the link to be cut')
    assert resident_bytes(client.mux_pid) < 96 * MiB
    check_others(mux)


@pytest.mark.parametrize('claim', ['1', '0', 'agent._router.own_id', '10**6', '"1"'])
def test_a_child_that_is_somebody_else(mux, claim):
    client = mux.client()
    client.facts(HERE)  # context 1
    facts = {'home': '/', 'user': 'x', 'uid': 0, 'python': '/x', 'version': (3, 6, 0), 'shell': '/bin/sh'}
    body = f'message.reply(("child ready", {claim}, {facts!r})) if operation == "child" else message.reply(None)'
    evil = hostile(mux, body)
    with pytest.raises(StartError, match='broke the protocol'):
        client.run_command(Target(evil.link, account(Dialogue('BOOT')).become), 'echo', None, '/bin/sh')
    check_others(mux)


def test_a_child_that_shows_things_without_end(mux):
    body = 'for _ in range(2000): message.reply(("child output", bytes(100000)))'
    evil = hostile(mux, body)
    with pytest.raises(StartError, match='too much output'):
        mux.client().run_command(Target(evil.link, account(Dialogue('BOOT')).become), 'echo', None, '/bin/sh')
    check_others(mux)


def test_a_child_that_never_comes(mux):
    evil = hostile(mux, 'return None')
    with pytest.raises(StartError, match='not ready in time') as raised:
        mux.client().run_command(Target(evil.link, account(Dialogue('BOOT')).become, 1), 'echo', None, '/bin/sh')
    assert raised.value.kind == 'timeout'


def test_an_agent_that_does_not_read_stops_its_client_and_nobody_else(mux, tmp_path, monkeypatch):
    with open(tmp_path / 'local', 'wb') as file:
        file.truncate(300 * MiB)
    client = mux.client()
    evil = hostile(mux, 'import time; time.sleep(1000)')
    client.facts(evil)
    # The multiplexer says that it is there, so the client would go on waiting: here it gives up at the first look.
    client._socket.settimeout(seconds(2))
    monkeypatch.setattr(line, 'LOOKS', 1)
    monkeypatch.setattr(client._line, '_has_heard', lambda: False)
    with pytest.raises(ChannelError):
        client.put_file(evil, str(tmp_path / 'local'), str(tmp_path / 'remote'))
    assert resident_bytes(client.mux_pid) < 96 * MiB
    check_others(mux)
    client.abort()
    assert mux.client().reset(evil)
    mux.wait_for(lambda: not mux.processes('hostile'), 'the end of the agent')
    assert 'Error' not in mux.log
