"""The router of a program: what it leaves behind, and the frame that `svcfw.main` makes."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import svcfw
from svcfw.core.latch import Latch
from svcfw.core.receivers.channel import Receiver
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.program.router import Router
from tests.support import called, children
from tests.support.children import LONG
from tests.support.routers import open_fds


def test_leaving_it_ends_and_reaps_all_children() -> None:
    fds = open_fds()
    with Router() as router:
        pids = [router.local(name=f'child{i}').call(called.pid) for i in range(3)]
    assert not any(map(children.is_running, pids))
    assert not children.children_of() & set(pids)
    assert not router.streams()
    router.close()
    assert open_fds() - fds == set()


def test_leaving_it_ends_children_that_are_starting_or_will_not_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    no_python = tmp_path / 'python'
    no_python.write_text('#!/bin/sh\nsleep 1000\n')
    no_python.chmod(0o755)
    for name in ('svcfw.transport.start.LEAVE_S', 'svcfw.program.router.LEAVE_S'):
        monkeypatch.setattr(name, 0.2)
    before = children.children_of()

    def start_in_vain() -> None:
        with pytest.raises(StartError):
            router.local(str(no_python))

    with Router() as router:
        router.local().call_no_reply(called.stop_myself)
        starting = threading.Thread(target=start_in_vain, daemon=True)
        starting.start()
        while len(router.starters) < 2:
            starting.join(0.001)
    starting.join(LONG)
    assert children.children_of() == before


@pytest.mark.parametrize('standby', [True, False])
def test_closing_one_that_nobody_drives(standby: bool) -> None:
    router = Router(standby=standby)
    receiver = Receiver(router)
    reply = router.context(9).call_async(called.pid)
    router.close()
    for waiting in (receiver, reply):
        with pytest.raises(ChannelError):
            waiting.get()


def test_threads_that_wait_are_woken() -> None:
    router = Router()
    ended: list[str] = []

    def wait() -> None:
        with pytest.raises(ChannelError):
            receiver.get()
        ended.append('')

    receiver = Receiver(router)
    threads = [threading.Thread(target=wait, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    router.close()
    for thread in threads:
        thread.join(LONG)
    assert len(ended) == 4


def test_children_learn_the_level_of_our_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), 'level', logging.DEBUG)
    with Router() as router:
        assert router.log_level == logging.DEBUG


def test_what_was_sent_over_a_link_is_forgotten_with_it() -> None:
    with Router() as router:
        context = router.local()
        context.call(called.pid)
        assert router.responder._rights
        context.shutdown(LONG)
        gone = Receiver(router)
        router.on_gone(context, lambda reason: router.loop.call_soon(lambda: gone.to_sender().send(reason)))
        gone.get(LONG)
        assert not router.responder._rights


def test_two_routers_in_one_process() -> None:
    with Router() as one, Router() as other:
        assert one.local().call(called.pid) != other.local().call(called.pid)


def test_public_names() -> None:
    for name in svcfw._PUBLIC:
        assert getattr(svcfw, name).__name__ == name
    with pytest.raises(AttributeError, match='nothing'):
        svcfw.nothing  # noqa: B018


class TestMain:
    def run(self, folder: Path, text: str, **options: Any) -> 'subprocess.CompletedProcess[str]':
        (folder / 'program.py').write_text(text)
        env = {'PYTHONPATH': str(Path(svcfw.__file__).parents[1])}
        return subprocess.run(
            [sys.executable, 'program.py'], cwd=folder, env=env, capture_output=True, text=True, timeout=LONG, **options
        )

    def test_it_calls_the_function_with_a_router_and_logs_to_stderr(self, tmp_path: Path) -> None:
        done = self.run(
            tmp_path,
            'import logging, os, svcfw\n'
            'def noise():\n    logging.getLogger("there").warning("careful")\n    print("printed")\n'
            '@svcfw.main(log_level="INFO")\n'
            'def main(router):\n    router.local(name="kid").call(noise)\n    print("done")\n',
        )
        assert (done.returncode, done.stdout) == (0, 'done\n')
        assert 'WARNING svcfw.remote: kid: there: careful' in done.stderr
        assert 'INFO svcfw: kid: printed' in done.stderr

    def test_an_exception_is_the_programs_end(self, tmp_path: Path) -> None:
        done = self.run(
            tmp_path, 'import svcfw\n@svcfw.main()\ndef main(router):\n    router.local()\n    raise KeyError("x")\n'
        )
        assert done.returncode == 1
        assert "KeyError: 'x'" in done.stderr

    def test_an_imported_program_does_not_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / 'ctprogram.py').write_text('import svcfw\n@svcfw.main()\ndef main(router):\n    return "mine"\n')
        monkeypatch.syspath_prepend(tmp_path)
        import ctprogram  # type: ignore[import-not-found]

        assert ctprogram.main(None) == 'mine'
        del sys.modules['ctprogram']


def test_nothing_is_kept_of_contexts_that_are_gone() -> None:
    with Router() as router:
        before = len(router._called)
        for _ in range(2):
            child = router.local()
            assert child.call(called.pid) == child.call(called.pid)
            assert len(router._called) == before + 1
            child.disconnect(LONG)
            with pytest.raises(ChannelError):
                child.call(called.pid)
            assert len(router._called) == before


@pytest.mark.parametrize('has_loop', [True, False])
def test_waiting_for_a_latch_in_a_fork_is_an_error_that_says_so(has_loop: bool) -> None:
    with Router(standby=False) as router:
        latch: Latch[int] = Latch(router.loop if has_loop else None)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                latch.get(LONG)
            except ChannelError as e:
                os.write(writer, str(e).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        assert f'this is a fork of process {os.getpid()}' in os.read(reader, 1000).decode()
        os.close(reader)
        os.close(writer)
