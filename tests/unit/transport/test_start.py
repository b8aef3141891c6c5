"""Starting real programs that are good children, bad ones, or none at all."""

import logging
import shlex
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svcfw.boot import first_stage
from svcfw.core.context import Context
from svcfw.core.latch import Latch
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.core.wire.limits import MAX_NOISE_BYTES
from svcfw.program.router import Router
from svcfw.transport import messages, process, start
from svcfw.transport.dialogue import STDERR, STDIN, STDOUT, TTY, Fail, LoginDialogue, Send
from svcfw.transport.start import Starter, start_and_wait
from tests.support import called, children
from tests.support.children import LONG
from tests.support.routers import open_fds
from tests.support.timing import seconds, wait_until
from tests.support.transports import FakeDialogue


@pytest.fixture(autouse=True)
def short_graces(monkeypatch: pytest.MonkeyPatch) -> None:
    """What misbehaves is not waited for as long as it would be."""
    for name in ('svcfw.transport.start.LEAVE_S', 'svcfw.program.router.LEAVE_S', 'svcfw.transport.start.GRACE_S'):
        monkeypatch.setattr(name, 0.2)


@pytest.fixture
def router() -> Iterator[Router]:
    with children.router() as made:
        yield made


class Run:
    """One start, by a shell script in which CHILD stands for a good child's command."""

    def __init__(self, router: Router, script: str, timeout_s: float = LONG, **options: Any) -> None:
        self.router = router
        self.talk = options.pop('talk', None) or FakeDialogue()
        self.pid = 0
        self._tty = options.pop('tty', False)
        self._script = script
        self.outcome = Latch(router.loop)
        made = Latch(router.loop)
        router.loop.call_soon(
            lambda: made.put(
                Starter(router, 'kid', self._launch, self.outcome.put, self.outcome.put, timeout_s, **options)
            )
        )
        self.starter: Starter = made.get(LONG)

    def _launch(self, size: int) -> Any:
        child = 'exec ' + ' '.join(map(shlex.quote, first_stage.argv([sys.executable], size)))
        spawned = process.spawn(['/bin/sh', '-c', self._script.replace('CHILD', child)], tty=self._tty)
        self.pid = spawned.pid
        return spawned, self.talk

    def result(self) -> Any:
        return self.outcome.get(LONG)

    def do(self, function: Any) -> None:
        done = Latch(self.router.loop)
        self.router.loop.call_soon(lambda: (function(), done.put()))
        done.get(LONG)

    def check_gone(self) -> None:
        """Nothing is left of it: no process, no zombie, no second outcome."""
        over = Latch(self.router.loop)

        def look() -> None:
            if self.starter in self.router.starters:
                self.router.loop.call_later(0.005, look)
            else:
                over.put()

        self.router.loop.call_soon(look)
        over.get(LONG)
        assert self.pid not in children.children_of()
        assert self.outcome.empty()
        assert self.router.link_for(self.starter.context.id) is None


class TestSuccess:
    def test_a_quiet_child(self, router: Router) -> None:
        run = Run(router, 'CHILD')
        context = run.result()
        assert isinstance(context, Context)
        assert context.call(called.add, 1) == 2
        assert run.starter in router.starters
        assert run.talk.has_forgotten, 'what it would answer with'

    def test_a_login_that_prints_before(self, router: Router) -> None:
        run = Run(router, 'echo Welcome; printf "no newline SVCFW-"; echo oops >&2; CHILD')
        assert run.result().call(called.add, 1) == 2
        assert run.talk.heard[STDOUT] == b'Welcome\nno newline SVCFW-'
        assert run.talk.heard[STDERR] == b'oops\n'

    def test_calls_may_be_sent_before_it_is_up(self, router: Router) -> None:
        run = Run(router, 'CHILD')
        assert run.starter.context.call_async(called.add, 1).get(LONG) == 2

    def test_what_is_held_back_comes_when_released(self, router: Router) -> None:
        run = Run(router, 'read -r line; echo "got $line"; CHILD', hold_back=True)
        run.talk.say = lambda source, heard: run.starter.release() or [] if b'got password\n' in heard else []
        run.do(lambda: run.starter.act([Send(STDIN, b'password\n')]))
        assert run.result().call(called.add, 1) == 2

    def test_more_in_its_configuration(self, router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
        def own(context: Context) -> int:
            return int(context.call(called.add, 1))

        text = b'from svcfw.core.importer import Importer\nfrom svcfw.core.wire.link import Link\n'
        text += b'def start(config):\n  assert config["key"] == b"k"\n  return Importer, Link()\n' + b'#' * 6000
        more = {'key': b'k', 'start': 'svcfw.beside', 'sources': {'svcfw.beside': ('beside.py', text, False)}}
        run = Run(router, 'CHILD', more=more)
        assert own(run.result()) == 2
        # Its own children start as all others.
        assert own(router.local(via=run.starter.context)) == 2

    def test_prompts_on_a_terminal(self, router: Router) -> None:
        talk = FakeDialogue()
        talk.say = lambda source, heard: [Send(TTY, b'secret\n')] if heard == b'Password:' else []
        script = 'printf Password: >/dev/tty; read -r word </dev/tty; test "$word" = secret || exit 9; CHILD'
        run = Run(router, script, tty=True, talk=talk)
        assert run.result().call(called.add, 1) == 2
        assert talk.heard[TTY].startswith(b'Password:')

    def test_an_unfinished_line_is_shown_at_the_end(self, router: Router, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        run = Run(router, 'CHILD')
        run.result().call(called.say_without_newline, 'half a li')
        run.do(run.starter.leave)
        run.check_gone()
        assert 'kid: half a li' in [record.getMessage() for record in caplog.records]


class TestFailure:
    def test_a_program_that_ends(self, router: Router) -> None:
        run = Run(router, 'echo sorry >&2; exit 3')
        assert str(run.result()) == 'there: ended with 3'
        assert run.talk.heard[STDERR] == b'sorry\n', 'its last words are heard before its end is judged'
        assert run.talk.has_forgotten, 'what it would answer with'
        run.check_gone()

    def test_last_words_on_a_terminal(self, router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
        """The end may be noticed before what was shown: as if nobody had looked there."""
        monkeypatch.setattr(Starter, '_on_tty', lambda self: None)
        run = Run(router, 'printf sorry >/dev/tty; exit 3', tty=True)
        assert str(run.result()) == 'there: ended with 3'
        assert run.talk.heard[TTY] == b'sorry'
        run.check_gone()

    def test_a_program_that_never_answers(self, router: Router) -> None:
        before = open_fds()
        run = Run(router, 'sleep 1000', timeout_s=0.05)
        assert run.result().kind == 'timeout'
        assert run.talk.has_forgotten, 'what it would answer with'
        run.check_gone()
        assert open_fds() == before

    def test_a_program_that_drops_the_link_and_stays(self, router: Router) -> None:
        run = Run(router, 'exec <&- >&-; sleep 1000')
        error = run.result()
        assert error.kind == 'died'
        assert error.cause.startswith('kid: '), 'the reason of the link, then that of the process'
        run.check_gone()

    def test_too_much_noise(self, router: Router) -> None:
        run = Run(router, f'head -c {MAX_NOISE_BYTES + 1} /dev/zero; sleep 1000')
        error = run.result()
        assert error.kind == 'died'
        assert f'more than {MAX_NOISE_BYTES} bytes came before the marker' in error.cause
        run.check_gone()

    def test_the_dialogue_gives_up(self, router: Router) -> None:
        talk = FakeDialogue()
        refused = StartError('auth', 'there', 'the password was refused')
        talk.say = lambda source, heard: [Fail(refused), Send(TTY, b'never sent'), Fail(StartError('died', '', ''))]
        run = Run(router, 'echo Denied >&2; sleep 1000', talk=talk)
        assert run.result() is refused
        run.check_gone()

    def test_a_start_that_is_given_up(self, router: Router) -> None:
        run = Run(router, 'sleep 1000')
        run.do(lambda: run.starter.give_up(StartError('died', 'there', 'enough')))
        assert run.result().cause == 'enough'
        run.do(lambda: run.starter.give_up(StartError('died', 'there', 'again')))
        run.do(run.starter.release)
        run.check_gone()

    def test_leaving_before_it_is_up(self, router: Router) -> None:
        run = Run(router, 'sleep 1000')
        run.do(run.starter.leave)
        assert 'cancelled' in run.result().cause
        run.check_gone()

    def test_an_answer_to_a_program_that_is_gone(self, router: Router) -> None:
        run = Run(router, 'exec 3<&0; exit 0', tty=True)
        assert run.result().kind == 'died'
        run.do(lambda: run.starter.act([Send(TTY, b'x'), Send(STDIN, b'x')]))
        run.check_gone()

    def test_the_words_of_the_real_dialogue(self, router: Router) -> None:
        run = Run(router, 'sleep 1000', timeout_s=0.05, talk=LoginDialogue('there', messages.LOCAL))
        assert 'there: not ready within 0.05 s' in str(run.result())


class TestTheEndOfARunningChild:
    def test_leave(self, router: Router) -> None:
        run = Run(router, 'CHILD')
        run.result()
        run.do(run.starter.leave)
        run.check_gone()

    def test_leave_of_a_child_that_does_not(self, router: Router) -> None:
        run = Run(router, 'CHILD')
        run.result().call_no_reply(called.stop_myself)
        run.do(run.starter.leave)
        run.check_gone()

    def test_one_that_was_told_to_end_is_no_loss(self, router: Router, caplog: pytest.LogCaptureFixture) -> None:
        child = router.local(timeout_s=LONG)
        child.shutdown(LONG)
        wait_until(lambda: not router.starters, LONG, 'its process is gone')
        assert caplog.messages == []

    def test_one_that_ends_with_its_router_is_no_loss(self, router: Router, caplog: pytest.LogCaptureFixture) -> None:
        run = Run(router, 'CHILD')
        run.result()
        router.shutdown()  # it may be gone before `close` has told the starter
        run.check_gone()
        assert caplog.messages == []

    def test_a_child_that_is_killed(self, router: Router) -> None:
        run = Run(router, 'CHILD')
        with pytest.raises(ChannelError):
            run.result().call(called.kill_myself)
        run.check_gone()


class TestStartAndWait:
    def test_what_launch_raises(self, router: Router) -> None:
        def launch(size: int) -> Any:
            raise PermissionError('no more processes')

        with pytest.raises(PermissionError):
            start_and_wait(router, 'kid', launch, LONG)
        assert not router.starters

    def test_a_name_that_is_too_long(self, router: Router) -> None:
        with pytest.raises(StartError, match='Shorten') as raised:
            router.local(name='x' * 2000)
        assert raised.value.kind == 'option'

    def test_an_interpreter_that_is_not_there(self, router: Router) -> None:
        with pytest.raises(StartError, match='localhost: the Python to use there, /nonexistent/python, is not there'):
            router.local(python='/nonexistent/python', timeout_s=LONG)
        assert not router.streams()

    def test_a_router_that_was_shut_down(self, router: Router) -> None:
        router.shutdown('over')
        with pytest.raises(ChannelError, match='over'):
            router.local()

    def test_in_parallel(self, router: Router) -> None:
        started: list[Any] = []

        def work() -> None:
            started.append(router.local(timeout_s=LONG))

        threads = [threading.Thread(target=work, daemon=True) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        assert len({context.call(called.pid) for context in started}) == 5


def test_graces_are_longer_than_an_end_takes() -> None:
    assert seconds(1) > start._MAX_POLL_S


@pytest.mark.parametrize('is_up', [True, False])
def test_what_nobody_waits_for_any_more_is_ended(
    router: Router, is_up: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ctrl-C while a child is starting, or just has."""
    silent = tmp_path / 'python'
    silent.write_text('#!/bin/sh\nexec sleep 1000\n')
    silent.chmod(0o755)

    class Interrupted(Latch):
        def get(self, timeout: float | None = None) -> Any:
            if is_up:
                assert isinstance(Latch.get(self, timeout), Context)
            else:
                wait_until(lambda: router.starters, LONG, 'the start')
            raise KeyboardInterrupt

    monkeypatch.setattr('svcfw.transport.start.Latch', Interrupted)
    with pytest.raises(KeyboardInterrupt):
        router.local(None if is_up else str(silent), timeout_s=LONG)
    wait_until(lambda: not router.starters, LONG, 'the end of its process')
    assert not router.streams()
