"""What services and calls promise, in both directions, over local and ssh, with children on 3.6 and 3.13.

Each of these has tests of its own, near the part that it is about; here is that it holds whatever carries the link, and
for services of the program that are called from below.
"""

import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import svcfw
import svcfw.service
from svcfw.core.context import Context
from svcfw.core.wire.errors import CallError, ChannelError, StartError
from svcfw.program.router import Router
from tests.integration import remote_lines as there
from tests.support.hosts import CHECKOUT
from tests.support.interpreters import need_python
from tests.support.routers import LONG
from tests.support.sshd import Sshd
from tests.support.timing import seconds, wait_until

KINDS = [(transport, version) for transport in ('local', 'ssh') for version in ('3.6', '3.13')]
SERVICES = [there.Late, there.Limited, there.Stale, there.Control, there.Various, there.Talks]
#: Calls function(context, ...) so that `context` is the other side.
Caller = Callable[..., Any]


@pytest.fixture(scope='module')
def router() -> Iterator[Router]:
    """Of the whole module: its children are started once."""
    logging.getLogger().setLevel('INFO')  # what contexts send goes by this
    with Router() as router, svcfw.service.Pool(router, [each(router) for each in SERVICES]):
        yield router
    logging.getLogger().setLevel('WARNING')


@pytest.fixture(scope='module', params=KINDS, ids='-'.join)
def start(request: pytest.FixtureRequest, router: Router) -> Callable[..., Context]:
    transport, version = request.param
    python = need_python(version)
    if transport == 'local':
        return lambda **options: router.local(**{'python': python, **options})
    server: Sshd = request.getfixturevalue('sshd')
    login = {'username': server.user, 'port': server.port, 'ssh_common_args': server.ssh_options()}
    return lambda **options: router.ssh(server.host, **login, **{'python': python, **options})


@pytest.fixture(scope='module')
def child(start: Callable[..., Context]) -> Context:
    return start(name='child')


@pytest.fixture(params=['down', 'up'])
def calls(request: pytest.FixtureRequest, router: Router, child: Context) -> Caller:
    """From the program to a service of the child, or from the child to one of the program."""
    if request.param == 'down':
        return lambda function, *args, **kwargs: function(child, *args, **kwargs)

    def up(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        sent = [each.name() if isinstance(each, type) else each for each in args]
        return child.call_async(function, router.myself(), *sent, **kwargs).get(LONG)

    return up


@pytest.mark.parametrize('limit', ['raises', 'asks', '2', 0, -1])
def test_what_a_limit_does_is_the_failure_of_that_call(calls: Caller, limit: Any) -> None:
    assert calls(there.outcome, there.Control, 'limit', limit=limit)[0] == 'value'
    outcome = calls(there.outcome, there.Limited, 'add', a=1, b=2)
    assert outcome[0] == 'value' if limit == 'asks' else outcome[0] in ('CallError', 'RefusedError'), outcome
    # The pool is what it was.
    assert calls(there.outcome, there.Control, 'limit', limit=None)[0] == 'value'
    assert calls(there.outcome, there.Limited, 'add', a=1, b=2) == ('value', 3)


def test_no_answer_after_the_deadline(calls: Caller) -> None:
    assert calls(there.latest, 0.02, 25) == 0


@pytest.mark.parametrize('name', ['KeyboardInterrupt', 'GeneratorExit', 'SystemExit', 'asyncio.CancelledError'])
def test_an_exception_of_any_kind_ends_the_call_alone(calls: Caller, child: Context, name: str) -> None:
    kind = calls(there.outcome, there.Various, 'fails_with', name=name)
    assert kind[0] == 'CallError'
    assert calls(there.outcome, there.Various, 'double', number=21) == ('value', 42)
    with pytest.raises(CallError) as caught:
        child.call_async(there.fails_with, name).get(LONG)
    assert caught.value.typename.endswith(name.rpartition('.')[2])
    assert child.call_async(there.add, 1, 2).get(LONG) == 3


def test_an_exception_that_fits_no_message_is_told(calls: Caller, child: Context) -> None:
    assert calls(there.outcome, there.Various, 'fails_at_length', mib=65)[0] == 'CallError'
    with pytest.raises(CallError):
        child.call_async(there.fails_at_length, 65).get(LONG)


def test_an_exposed_staticmethod_keeps_its_parameters(calls: Caller) -> None:
    assert calls(there.outcome, there.Various, 'double', number=21) == ('value', 42)


@pytest.mark.parametrize(
    ('service', 'method', 'arguments', 'reason'),
    [
        (there.Various, 'hidden', {}, 'has no exposed method hidden'),
        (there.Various, 'double', {}, 'number'),
        (there.Various, 'double', {'number': 1, 'more': 2}, 'more'),
    ],
)
def test_refusals_have_a_type_of_their_own(
    calls: Caller, service: Any, method: str, arguments: dict[str, Any], reason: str
) -> None:
    kind, _, told, name = calls(there.outcome, service, method, **arguments)
    assert (kind, name) == ('RefusedError', service.name())
    assert reason in told


def test_a_forgotten_constructor_is_named(child: Context) -> None:
    kind, text, *_ = there.outcome(child, there.Forgetful, 'hello')
    assert kind in ('CallError', 'RefusedError')
    assert 'super().__init__' in text


def test_what_is_forgotten_while_it_is_read_is_read_anew(router: Router, child: Context) -> None:
    for side in (child, router.myself()):
        receiver = svcfw.Receiver(router)
        first = side.call_service_async(there.Stale, 'read', sender=receiver.to_sender())
        if side is child:
            receiver.get(LONG)
            side.call_service(there.Control, 'change')
        else:
            router.services.get_service(there.Stale.name()).value = 'new'
            router.services.get_service(there.Stale.name()).go.set()
        assert first.get(LONG) in ('old', 'new')
        assert side.call_service(there.Stale, 'read', sender=receiver.to_sender()) == 'new'


def test_a_select_over_the_link(router: Router, child: Context) -> None:
    """For the context that hosts the service it is the other direction."""
    assert child.call_async(there.selects_channels, router.myself()).get(LONG) == 'hello'
    receiver = svcfw.Receiver(router)
    select = svcfw.Select(router.loop, [receiver])
    child.call_service(there.Talks, 'talk', sender=receiver.to_sender())
    assert select.get(LONG).value() == 'hello'


def test_a_first_call_of_a_service_leaves_the_main_thread_what_it_is(start: Callable[..., Context]) -> None:
    child = start(name='fresh')
    child.call_service(there.Various, 'double', number=21)
    assert child.call_async(there.main_thread_is_known).get(LONG)


def test_names_that_a_child_has(child: Context) -> None:
    assert child.call(there.pools) == (True, 'CallError', 'FileService')


def test_no_secret_is_logged(child: Context, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level('INFO')
    child.call(there.log_secret)
    wait_until(lambda: 'the password is' in caplog.text, LONG, 'the record is here')
    assert 'swordfish' not in caplog.text


def test_modules_imported_by_name(
    start: Callable[..., Context], router: Router, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level('INFO')
    # Of no other test: the router is that of all, and goes on to allow what it has allowed.
    name = f'plug_{uuid.uuid4().hex}'
    (tmp_path / f'{name}.py').touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    child = start(name='importing')
    with pytest.raises(CallError, match='No module named'):
        child.call(there.import_by_name, name)
    assert name in caplog.text
    router.allow_modules(name)
    assert start(name='allowed').call(there.import_by_name, name) == name
    assert child.call(there.import_by_name, name) == name


@pytest.mark.parametrize('version', [None, '2.7.18', '3.5.0'])
def test_an_explicit_interpreter_that_does_not_serve_is_an_error(
    start: Callable[..., Context], tmp_path: Path, version: str | None
) -> None:
    python = tmp_path / 'python'
    if version:
        python.write_text(f'#!/bin/sh\ncase "$*" in *-V*|*--version*) echo Python {version};; *) exit 1;; esac\n')
        python.chmod(0o755)
    with pytest.raises(StartError) as caught:
        start(python=str(python))
    assert str(python) in str(caught.value)
    assert 'ansible_' not in str(caught.value)


def test_a_function_that_is_cancelled_or_late(child: Context) -> None:
    with pytest.raises(svcfw.TimeoutError):
        svcfw.call(child, there.wait, 0.2, timeout=0.05)
    reply = child.call_async(there.wait, 0.05)
    reply.cancel()
    with pytest.raises(ChannelError):
        reply.get(LONG)
    assert child.call_async(there.add, 1, 2).get(LONG) == 3


PROGRAM = """
import sys

import svcfw
import svcfw.service
{head}


class Greets(svcfw.service.Service):
    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def greet(self, name):
        return word() + ' ' + name


def greet(context, name):
    return context.call_service(Greets, 'greet', name=name)


{main}
"""
GUARD = """
if __name__ == '__main__':
    with svcfw.Router() as router:
        run(router)
"""
RUN = """
def run(router):
    _, transport, options, python = sys.argv
    child = router.ssh(python=python, **eval(options)) if transport == 'ssh' else router.local(python=python)
    with svcfw.service.Pool(router, [Greets(router)]):
        print(child.call_service(Greets, 'greet', name='below'), child.call(greet, router.myself(), 'above'))
"""
DECORATED = {
    'plain': ('', '@svcfw.main()\ndef main(router):\n    run(router)'),
    'from': ('from svcfw import main as program', '@program()\ndef main(router):\n    run(router)'),
    'alias': ('import svcfw as s', "@s.main(log_level='ERROR')\ndef start(router):\n    run(router)"),
    'guard': ('', GUARD),
}


@pytest.mark.parametrize(('transport', 'version'), KINDS)
@pytest.mark.parametrize('way', ['file', '-m'])
@pytest.mark.parametrize('form', DECORATED)
def test_a_program_by_file_and_by_name(
    transport: str, version: str, way: str, form: str, tmp_path: Path, sshd: Sshd
) -> None:
    """Services and functions of it are found by one name each, with relative imports where it is part of a package."""
    head, end = DECORATED[form]
    head += '\nfrom .word import word' if way == '-m' else '\nfrom word import word'
    package = tmp_path / 'package'
    package.mkdir()
    (package / '__init__.py').touch()
    (package / 'word.py').write_text("def word():\n    return 'hello'\n")
    (package / 'program.py').write_text(PROGRAM.format(head=head, main=RUN + '\n\n' + end))
    options = {
        'hostname': sshd.host, 'username': sshd.user, 'port': sshd.port, 'ssh_common_args': sshd.ssh_options(),
    }  # fmt: skip
    done = subprocess.run(
        [
            sys.executable, *(['-m', 'package.program'] if way == '-m' else ['package/program.py']),
            transport, repr(options), need_python(version),
        ],
        cwd=tmp_path, env={**os.environ, 'PYTHONPATH': str(CHECKOUT)}, timeout=seconds(60), capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ('hello below hello above\n', '')
