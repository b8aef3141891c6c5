"""What a Latch without a loop waits on: threads sleep until they are woken, their time is up, or they are a fork's."""

import os
import threading

import pytest

from svcfw.core.receivers.noloop import NoLoop
from svcfw.core.waiter import Waiter
from svcfw.core.wire.errors import ChannelError
from tests.support.timing import seconds


def test_nobody_drives_it() -> None:
    assert not NoLoop().is_driving()


def test_one_that_is_set_is_woken() -> None:
    loop = NoLoop()
    waiter = Waiter(loop)
    thread = threading.Thread(target=waiter.set)
    thread.start()
    assert loop.wait(waiter, loop.clock() + seconds(20))
    thread.join()


def test_the_time_is_up() -> None:
    loop = NoLoop()
    assert not loop.wait(Waiter(loop), loop.clock() + 0.001)
    assert not loop.wait(Waiter(loop), loop.clock())


def test_in_a_fork_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = NoLoop()
    monkeypatch.setattr(os, 'getpid', lambda: -1)
    with pytest.raises(ChannelError, match='this is a fork of process'):
        loop.wait(Waiter(loop))
