"""Commands on a loop, as an agent has them."""

import signal

import pytest

from svcfw.agent.jobs.commands import Commands
from tests.unit.agent.fakes import FakeRouter, end_signals
from tests.unit.agent.jobs.running import Run


@pytest.fixture
def router():
    made = FakeRouter()
    yield made
    made.loop.close()


@pytest.fixture(params=[False, True], ids=['login', 'lent'])
def commands(router, request):
    before = signal.getsignal(signal.SIGCHLD)
    made = Commands(router.loop, is_lent=request.param)
    yield made
    end_signals(before)


@pytest.fixture
def run(router, commands):
    return lambda *args, **kwargs: Run(router, commands, *args, **kwargs)
