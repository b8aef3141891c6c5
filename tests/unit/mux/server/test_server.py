"""The multiplexer's process without a process: the socket, links and their keys, the end."""

import gc
import os
import resource
import shutil
import socket
import tempfile
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import DecodeError, StartError
from svcfw.mux import rundir
from svcfw.mux.first_login import FirstLogin
from svcfw.mux.server import server
from svcfw.mux.server.server import Server
from svcfw.mux.server.telling import Telling
from svcfw.transport.spec import Spec


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix='svcfw-mux-'))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def running(folder):
    made = Server(folder, rundir.listen(folder))
    yield made
    made.stop()
    made.router.close()


class Root:
    started: list['Root'] = []

    def __init__(self, router, spec, on_end, take):
        self.spec, self.on_end, self.take = spec, on_end, take
        self.dead = self.failure = None
        self.is_unasked = False
        self.run = ''
        self.context = self.facts = None
        self.is_used = self.reinstated = self.is_over = False
        self.host = 'h'
        self.sweeps = 0
        self.started.append(self)

    def retire(self):
        self.sweep()

    def sweep(self):
        self.sweeps += 1
        if not self.is_used and not self.dead:
            self.dead, self.is_over = 'it was reset', True
            self.on_end()

    def all_children(self):
        return []

    def is_idle(self):
        return not self.is_used

    def idle_since(self):
        return 0.0

    def end_if_stalled(self, is_needed):
        self.looks = getattr(self, 'looks', 0) + 1

    def hold(self, holder):
        self.is_used = True

    def release(self, holder):
        self.is_used = False

    def reinstate(self):
        self.reinstated = True

    def when_ready(self, callback):
        self.ready = callback


@pytest.fixture
def roots(monkeypatch):
    monkeypatch.setattr(server, 'RootNode', Root)
    monkeypatch.setattr(Root, 'started', [])
    return Root.started


def link(**fields):
    return Codec().encode({'transport': 'local', 'host': 'h', 'env': {}, **fields})


def test_the_socket_of_a_dead_one_is_replaced(folder):
    rundir.socket_path(folder).touch()
    made = Server(folder, rundir.listen(folder))
    assert rundir.socket_path(folder).is_socket()
    made.stop()
    made.stop()
    assert not rundir.socket_path(folder).exists()
    made.router.close()


def test_the_socket_of_another_stays(folder):
    first = Server(folder, rundir.listen(folder))
    rundir.socket_path(folder).rename(folder / 'kept')  # so that its inode is not used again
    second = Server(folder, rundir.listen(folder))
    first.stop()
    assert rundir.socket_path(folder).is_socket()
    for each in (first, second):
        each.stop()
        each.router.close()


class TestTheFirstLogin:
    """That the first client's process had begun."""

    @pytest.fixture
    def served(self, folder, roots, monkeypatch):
        """served(do): run a server with a first client; do(server, session of that client) while it runs. Returns
        what was done to the process that was begun."""

        def serve(do):
            done = []
            process = SimpleNamespace(
                kill=lambda: done.append('kill'), close=lambda: done.append('close'), poll=lambda: -9
            )
            ours, theirs = socket.socketpair()
            first = FirstLogin(theirs, (Spec(transport='local', host='h'), process, None))
            made = Server(folder, rundir.listen(folder), first)
            monkeypatch.setattr(made, '_watch_signals', lambda: None)
            wait = made._loop.wait

            def run(over, *deadline):
                if over is not made._over:
                    return wait(over, *deadline)
                (session,) = made._sessions.values()
                do(made, session)
                seen = list(done)
                made.stop()
                done[:] = [*seen, 'stopped', *done[len(seen) :]]
                return None

            monkeypatch.setattr(made._loop, 'wait', run)
            with ours:
                made.run()
            return done

        return serve

    def test_a_context_may_take_it(self, served, roots):
        def do(made, session):
            made.root(link(), 10, {})
            _, launch = roots[0].take(Spec(transport='local', host='h'))
            launch(1)

        assert served(do) == ['stopped']

    def test_what_nobody_has_taken_ends_with_the_server(self, served):
        assert served(lambda made, session: None) == ['stopped', 'kill', 'close']

    def test_it_ends_if_its_client_needs_none(self, served, roots):
        """Another client, with another environment, was heard before, and its context serves both."""

        def do(made, session):
            begin(made, 'other')
            assert made._first.is_begun
            made.begin(session, link(), 10)

        assert served(do) == ['kill', 'close', 'stopped']
        assert len(roots) == 1

    def test_it_ends_if_its_client_asks_for_what_cannot_be(self, served):
        def do(made, session):
            with pytest.raises(DecodeError):
                made.begin(session, b'no link', 10)

        assert served(do) == ['kill', 'close', 'stopped']

    def test_it_ends_with_its_client(self, served):
        """And nothing is kept of that."""
        sessions = []

        def do(made, session):
            session.stream.close('gone')
            assert made._first_session is None
            sessions.append(weakref.ref(session))

        assert served(do) == ['kill', 'close', 'stopped']
        gc.collect()
        assert sessions[0]() is None


def test_equal_links_share_a_context_whatever_their_time_out(running, roots):
    one = running.root(link(), 10, {})
    assert running.root(link(), 99, {'A': 'b'}) is one
    assert running.root(link(password='x'), 10, {}) is not one
    assert len(roots) == 2


def test_a_dead_one_is_replaced(running, roots):
    one = running.root(link(), 10, {})
    one.dead = 'gone'
    two = running.root(link(), 10, {})
    assert two is not one
    one.on_end()
    assert running.root(link(), 10, {}) is two


def test_programs_find_the_clients_environment_and_that_of_the_link(running, roots):
    node = running.root(link(env={'SSH_AUTH_SOCK': 'link'}), 10, {'SSH_AUTH_SOCK': 'client', 'PATH': '/bin'})
    assert node.spec.env == {'SSH_AUTH_SOCK': 'link', 'PATH': '/bin'}


def test_links_are_not_kept(running, roots):
    running.root(link(password='hunter2'), 10, {})
    assert b'hunter2' not in repr(running._roots).encode()


@pytest.mark.parametrize('bad', [b'', b'\xff', link() + b'x', Codec().encode({}), Codec().encode([1])])
def test_what_is_no_link(running, roots, bad):
    with pytest.raises(DecodeError):
        running.root(bad, 10, {})


def test_what_is_no_place(running, roots):
    with pytest.raises(StartError):
        running.root(link(transport='pigeon'), 10, {})


def test_reset_of_nothing(running):
    answers = []
    running.reset(link(), answers.append)
    assert answers == [False]


def test_a_reset_is_no_end_for_what_others_do(running, roots):
    one = running.root(link(), 10, {})
    one.context, one.is_used = running.router.context(5), True
    answers = []
    running.reset(link(), answers.append)
    assert answers == [True]
    assert not one.dead
    two = running.root(link(), 10, {})
    assert two is not one
    running.retire(one)
    running._look_for_idle()
    assert one.sweeps == 3
    one.is_used = False
    running._look_for_idle()
    running._look_for_idle()
    assert one.sweeps == 4
    assert running.root(link(), 10, {}) is not one


def test_a_stale_one_is_replaced(running, roots):
    one = running.root(link(), 10, {})
    running.replace(one, link(), lambda: running.root(link(), 10, {}))
    two = running.current(link())
    assert two is not one
    running.replace(one, link(), lambda: running.root(link(), 10, {}))
    assert running.current(link()) is two
    assert one.is_used
    two.ready(None)
    assert not one.is_used
    running._look_for_idle()
    assert (one.dead, one.reinstated, running._retired) == ('it was reset', False, set())


def test_a_stale_one_goes_on_where_no_login_is_possible_any_more(running, roots):
    one = running.root(link(), 10, {})
    running.replace(one, link(), lambda: running.root(link(), 10, {}))
    two = running.current(link())
    two.dead = 'refused'
    two.ready(StartError('refused', 'h', 'c', 'r'))
    two.on_end()
    assert running.current(link()) is one
    assert (one.reinstated, one.dead, one.is_used, running._retired) == (True, None, False, set())


def test_one_that_has_died_is_not_taken_back(running, roots):
    one = running.root(link(), 10, {})
    running.replace(one, link(), lambda: running.root(link(), 10, {}))
    two, one.dead, two.dead = running.current(link()), 'gone', 'refused'
    two.ready(StartError('refused', 'h', 'c', 'r'))
    two.on_end()
    assert running.current(link()) is None


def test_a_multiplexer_does_not_stop_under_a_retired_context(running, roots, monkeypatch):
    stops = []
    monkeypatch.setattr(running, '_stop_unless_wanted', lambda: stops.append(1))
    one = running.root(link(), 10, {})
    one.is_used = True
    running.retire(one)
    running._idle_since = -1000.0
    running._look_for_idle()
    assert stops == []
    one.is_used = False
    running._look_for_idle()
    running._look_for_idle()
    assert stops


def test_one_that_is_stopping_accepts_nobody(running, caplog):
    running.stop()
    running._idle_since = -1000.0
    running._look_for_idle()
    assert caplog.records == []


def test_the_limit_of_descriptors_is_raised_late(monkeypatch):
    calls = []
    monkeypatch.setattr(resource, 'getrlimit', lambda which: (1024, 4096))
    monkeypatch.setattr(resource, 'setrlimit', lambda which, limits: calls.append(limits))
    server._allow_beyond(512)
    assert calls == []
    server._allow_beyond(513)
    assert calls == [(4096, 4096)]
    monkeypatch.setattr(resource, 'getrlimit', lambda which: (4096, 4096))
    server._allow_beyond(4000)
    assert len(calls) == 1


def test_descriptors_that_run_out_stop_nothing(running, monkeypatch):
    class Full:
        def accept(self):
            raise OSError(24, os.strerror(24))

        def fileno(self):
            return real.fileno()

    real, running._listener = running._listener, Full()
    running._loop.watch(real.fileno(), running._on_connect)
    running._on_connect()
    assert real.fileno() not in running._loop._watched
    running._accept_again()
    assert real.fileno() in running._loop._watched
    running._listener = real


def telling(run):
    made = Telling(1, lambda: 0.0, lambda handle, value: None)
    made.run = run
    return made


def begin(running, run, **fields):
    session = SimpleNamespace(environment={}, python=None, telling=telling(run))
    running.begin(session, link(**fields), 10)


def fail(root):
    root.dead, root.failure = 'no', StartError('auth', 'h', 'no', '')
    root.on_end()


def test_a_context_that_was_begun_is_that_of_the_first_request(running, roots):
    begin(running, 'r')
    begin(running, 'r')
    assert running.root(link(), 10, {}, None, telling('r')) is roots[0]
    assert len(roots) == 1


def test_options_that_lead_nowhere_are_the_first_requests_error(running, roots):
    begin(running, 'r', transport='ssh', host='')
    with pytest.raises(StartError, match='not the name or address of a host'):
        running.root(link(transport='ssh', host=''), 10, {}, None, telling('r'))
    assert not roots


def test_its_failure_is_the_first_requests_and_no_later_one(running, roots):
    begin(running, 'r')
    fail(roots[0])
    begin(running, 'r')
    assert running.root(link(), 10, {}, None, telling('r')) is roots[0]
    assert running.root(link(), 10, {}, None, telling('r')) is roots[1]


def test_its_failure_is_for_that_run_alone(running, roots):
    begin(running, 'r')
    fail(roots[0])
    assert running.root(link(), 10, {}, None, telling('s')) is roots[1]


def test_its_failure_is_forgotten_after_a_while(running, roots, monkeypatch):
    begin(running, 'r')
    fail(roots[0])
    monkeypatch.setattr(server, 'BEGUN_S', 0.0)
    running._look_for_idle()
    assert running.root(link(), 10, {}, None, telling('r')) is roots[1]


def test_a_failure_that_a_request_was_told_is_not_kept(running, roots):
    begin(running, 'r')
    running.root(link(), 10, {}, None, telling('r'))
    fail(roots[0])
    assert running.root(link(), 10, {}, None, telling('r')) is roots[1]


def test_a_reset_forgets_it(running, roots):
    begin(running, 'r')
    fail(roots[0])
    running.reset(link(), lambda had: None)
    assert running.root(link(), 10, {}, None, telling('r')) is roots[1]
