"""Fixtures of the integration tests."""

from collections.abc import Iterator

import pytest

from svcfw.core.context import Context
from svcfw.program.router import Router
from tests.support.interpreters import need_python
from tests.support.mux import Mux, running_mux
from tests.support.sshd import Sshd


@pytest.fixture
def mux() -> Iterator[Mux]:
    """A multiplexer of the test's own, not yet started; nothing of it may be left at the end."""
    with running_mux() as mux:
        yield mux


@pytest.fixture
def router() -> Iterator[Router]:
    """The top of a tree."""
    with Router() as router:
        yield router


@pytest.fixture(params=['local, Python 3.6', 'ssh, Python 3.13'])
def child(request: pytest.FixtureRequest, router: Router) -> Context:
    """One context below: of the oldest Python, and over ssh."""
    if request.param.startswith('local'):
        return router.local(python=need_python('3.6'))
    server: Sshd = request.getfixturevalue('sshd')
    options = {'ssh_common_args': server.ssh_options(), 'python': need_python('3.13')}
    return router.ssh(server.host, username=server.user, port=server.port, **options)
