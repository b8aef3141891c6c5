"""Services between real contexts: over `local` and ssh, hosted above and below, down to Python 3.6."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import svcfw.service
from svcfw.core.context import Context
from svcfw.core.receivers.select import Select
from svcfw.core.wire.errors import CallError, ChannelError, TimeoutError
from svcfw.program.router import Router
from tests.integration import remote_services as there
from tests.support.interpreters import need_python
from tests.support.sshd import Sshd
from tests.support.timing import seconds, wait_until

REFUSED = 'svcfw.service.errors.RefusedError'
ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / 'docs' / 'examples' / 'files.py'
LONG = seconds(60)
PLACE, IN_ORDER, SLOW = there.Place.name(), there.InOrder.name(), there.Slow.name()


@pytest.fixture
def router() -> Iterator[Router]:
    with Router() as router:
        yield router


@pytest.fixture(params=['ours', '3.6'])
def python(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == 'ours' else need_python(request.param)


@pytest.fixture(params=['local', 'ssh'])
def child(request: pytest.FixtureRequest, router: Router, python: str | None) -> Context:
    if request.param == 'local':
        return router.local(python=python)
    return over_ssh(router, request.getfixturevalue('sshd'), python)


def over_ssh(router: Router, server: Sshd, python: str | None) -> Context:
    return router.ssh(
        server.host, username=server.user, port=server.port, ssh_common_args=server.ssh_options(), python=python
    )


class TestHostedAbove:
    def test_a_child_calls(self, router: Router, child: Context) -> None:
        with svcfw.service.Pool(router, [there.Place(router)]) as pool:
            myself = router.myself()
            assert child.call(there.call, myself, PLACE, 'echo', value={'a': [1, b'2']}) == {'a': [1, b'2']}
            kind, text = child.call(there.outcome, myself, PLACE, 'where')
            assert (kind, 'is not allowed to call it (policy AllowParents)' in text) == (REFUSED, True)
            kind, text = child.call(there.outcome, myself, IN_ORDER, 'append', value=1)
            assert (kind, 'is not permitted to activate it' in text) == (REFUSED, True)
            assert child.call(there.call_many, myself, PLACE, 'echo', count=500) == 500
            assert pool.stats()[PLACE]['echo']['calls'] == 501

    def test_a_grandchild_calls_through_its_parent(self, router: Router, child: Context, python: str | None) -> None:
        grandchild = child.call(there.start_child, python)
        with svcfw.service.Pool(router, [there.Place(router)]):
            assert grandchild.call(there.call, router.myself(), PLACE, 'echo', value='far') == 'far'
            assert grandchild.call(there.outcome, router.myself(), PLACE, 'where')[0] == REFUSED

    def test_a_stopped_pool_is_an_end_for_a_child_that_waits(self, router: Router, child: Context) -> None:
        pool = svcfw.service.Pool(router, [there.Slow(router)])
        service: Any = pool.get_service(there.Slow)
        answer = child.call_async(there.outcome, router.myself(), SLOW, 'compute', value=1)
        wait_until(lambda: service.threads, LONG, 'the call has begun')
        pool.stop(join=False)
        assert answer.get(LONG) == ('ChannelError', 'the pool was stopped')
        service.go.set()
        pool.join()


class TestHostedBelow:
    def test_the_pool_is_made_at_the_first_call(self, child: Context, python: str | None) -> None:
        assert not pool_threads(child)
        pid, version = child.call_service(there.Place, 'where')
        assert pid != os.getpid()
        assert version == (sys.version_info[:2] if python is None else (3, 6)) or 'ssh' in str(child)
        assert pool_threads(child) == 16
        assert [child.call_service(there.Place, 'echo', value=i) for i in range(100)] == list(range(100))
        with pytest.raises(CallError, match='ValueError: why') as raised:
            child.call_service(there.Place, 'fail', text='why')
        assert 'remote_services.py' in raised.value.traceback

    def test_by_name_without_any_call_before(self, child: Context) -> None:
        assert child.call_service('tests.integration.remote_services.Place', 'echo', value=1) == 1

    def test_calls_that_race_with_its_making(self, child: Context) -> None:
        replies = [child.call_service_async(there.InOrder, 'append', value=i) for i in range(100)]
        assert [len(reply.get(LONG)) for reply in replies] == list(range(1, 101))

    def test_a_pool_made_by_hand(self, child: Context) -> None:
        child.call(there.host)
        assert child.call_service(there.Place, 'echo', value=1) == 1
        assert pool_threads(child) == 4
        with pytest.raises(CallError, match='PoolError'):
            child.call(there.host)
        child.call(there.stop)
        assert pool_threads(child) == 0
        with pytest.raises(ChannelError, match='the pool was stopped'):
            child.call_service(there.Place, 'echo', value=1)
        child.call(there.host)
        assert child.call_service(there.Place, 'echo', value=2) == 2

    def test_a_pool_as_its_parent_wants_it(self, child: Context) -> None:
        limits: Any = {there.Waiting: {'max_running': 1, 'max_waiting': 1}}
        svcfw.service.start_pool(child, size=3, activator=there.Numbered, limits=limits)
        assert pool_threads(child) == 3
        assert child.call_service('the place', 'echo', value=1) == 1
        replies = [child.call_service_async(there.Waiting, 'wait') for _ in range(3)]
        with pytest.raises(svcfw.service.RefusedError, match='queue full, 1 calls are waiting'):
            Select(child.router.loop, replies).get(LONG)
        for reply in replies:
            reply.cancel()
        with pytest.raises(CallError, match=r'PoolError: .* already has a pool'):
            svcfw.service.start_pool(child)

    def test_from_above_its_parent(self, child: Context, python: str | None) -> None:
        grandchild = child.call(there.start_child, python)
        assert grandchild.call_service(there.Place, 'echo', value='far') == 'far'
        assert child.call(there.call, grandchild, PLACE, 'echo', value='near') == 'near'

    def test_a_child_has_none_made_in_its_parent(self, child: Context, python: str | None) -> None:
        grandchild = child.call(there.start_child, python)
        kind, text = grandchild.call(there.outcome, child, PLACE, 'echo', value=1)
        assert kind == 'ChannelError'
        assert 'no pool of services' in text

    def test_deadline_and_cancellation_reach_it(self, child: Context) -> None:
        child.call_service(there.Waiting, 'has_seen')  # a call that is late when the service is made is not begun
        with pytest.raises(TimeoutError):
            svcfw.service.call(child, there.Waiting, 'wait', timeout=seconds(0.5))
        wait_until(lambda: child.call_service(there.Waiting, 'has_seen'), LONG, 'the method saw the deadline')
        other = there.Waiting
        reply = child.call_service_async(other, 'wait')
        reply.cancel()
        with pytest.raises(ChannelError, match='cancelled'):
            reply.get()
        child.call(there.stop)  # joins: no method waits any more
        assert pool_threads(child) == 0

    def test_siblings_do_not_reach_each_other(self, router: Router, child: Context, python: str | None) -> None:
        child.call_service(there.Place, 'echo', value=1)
        sibling = router.local(python=python)
        kind, text = sibling.call(there.outcome, child, PLACE, 'echo', value=1)
        assert kind == 'ChannelError'
        assert 'neither ancestor nor descendant' in text

    def test_a_lost_host_is_an_end(self, child: Context) -> None:
        reply = child.call_service_async(there.Waiting, 'wait')
        child.shutdown(LONG)
        with pytest.raises(ChannelError):
            reply.get(LONG)


def test_ten_thousand_requests_from_eight_children(router: Router, python: str | None) -> None:
    children = [router.local(python=python, name=f'child-{i}') for i in range(8)]
    with svcfw.service.Pool(router, [there.Place(router)]) as pool:
        answers = [c.call_async(there.call_many, router.myself(), PLACE, 'echo', count=1250) for c in children]
        assert [answer.get(LONG) for answer in answers] == [1250] * 8
        assert pool.stats()[PLACE]['echo'] == {
            **pool.stats()[PLACE]['echo'],
            'calls': 10000,
            'failures': 0,
            'waiting': 0,
            'running': 0,
        }


def test_a_hundred_callers_of_one_slow_call(router: Router, python: str | None) -> None:
    children = [router.local(python=python, name=f'child-{i}') for i in range(4)]
    with svcfw.service.Pool(router, [there.Slow(router)]) as pool:
        service: Any = pool.get_service(there.Slow)
        answers = [c.call_async(there.call_the_same, router.myself(), SLOW, 'compute', count=25) for c in children]

        def waiting() -> int:
            stats = pool.stats()[SLOW]['compute']
            return stats['waiting'] + stats['running']

        wait_until(lambda: waiting() == 100, LONG, 'all of them wait')
        assert len(service.threads) == 1
        service.go.set()
        assert [answer.get(LONG) for answer in answers] == [[42] * 25] * 4
        assert len(service.threads) == 1


@pytest.mark.parametrize('version', [None, '3.6'])
def test_the_first_example(sshd: Sshd, tmp_path: Path, version: str | None) -> None:
    """As it stands, but for where the files go: it is this machine that they would be copied to."""
    folder = tmp_path / 'destination'
    folder.mkdir()
    text = PROGRAM.read_text()
    changes = {"open(path, 'wb')": f"open({str(folder) + '/'!r} + path.replace('/', '_'), 'wb')"}
    if version:
        changes["hostname='k3'"] = f"hostname='k3', python={need_python(version)!r}"
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    program = tmp_path / 'program.py'
    program.write_text(text)
    environment = {
        **os.environ,
        'PATH': f'{ssh_that_knows("k3", sshd, tmp_path)}:{os.environ["PATH"]}',
        'PYTHONPATH': str(ROOT),
    }
    done = subprocess.run([sys.executable, program], env=environment, timeout=LONG, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')
    for source in ('/etc/passwd', '/etc/hosts'):
        assert (folder / source.replace('/', '_')).read_bytes() == Path(source).read_bytes()


def ssh_that_knows(name: str, server: Sshd, folder: Path) -> Path:
    """A folder with an `ssh` that reaches `server` by `name`."""
    config = folder / 'ssh_config'
    options = server.ssh_options()
    lines = [option.replace('=', ' ', 1) for option in options[3::2]]
    config.write_text(
        '\n'.join([f'Host {name}', f'HostName {server.host}', f'Port {server.port}', f'User {server.user}', *lines])
    )
    programs = folder / 'bin'
    programs.mkdir()
    script = programs / 'ssh'
    script.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {config} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return programs


def pool_threads(context: Context) -> int:
    return sum(name.startswith('svcfw-pool') for name in context.call(there.threads))
