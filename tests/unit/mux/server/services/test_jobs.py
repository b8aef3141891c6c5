"""Jobs with an offer: which contexts they become, and for how long these may call."""

import os
from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.core.wire.errors import DecodeError
from svcfw.mux.offer import Offer, start_time
from svcfw.mux.server.services import jobs as module
from svcfw.mux.server.services.jobs import Jobs
from svcfw.mux.server.services.linked import Linked

ENVIRONMENT = {'PATH': '/bin'}


class Router:
    """Contexts below 100 are behind one link, others behind another; 999 is nowhere."""

    def __init__(self) -> None:
        self.loop = SimpleNamespace(watch=lambda *args: None, call_later=lambda *args: None, clock=lambda: 0.0)
        self.relay = SimpleNamespace(seals={50: 'its seal'})

    def link_for(self, context_id: int) -> Any:
        return None if context_id == 999 else context_id // 100


class Node:
    def __init__(self, context_id: int) -> None:
        self.context = SimpleNamespace(id=context_id)
        self.holders: list[Any] = []

    def hold(self, holder: Any) -> None:
        self.holders.append(holder)

    def release(self, holder: Any) -> None:
        self.holders.remove(holder)


class Desk:
    def __init__(self) -> None:
        self.linked: dict[int, Linked] = {}
        self.unlinked: list[Any] = []

    def link(self, context_id: int, linked: Linked) -> None:
        self.linked[context_id] = linked

    def unlink(self, context_id: int, reason: str) -> None:
        self.unlinked.append((context_id, reason))
        self.linked.pop(context_id).on_unlink()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def jobs(desk: Desk) -> Any:
    made = Jobs(Router())  # type: ignore[arg-type]
    made._desk = desk  # type: ignore[assignment]
    yield made
    made.end()


def offer(pid: int | None = None, **fields: Any) -> Offer:
    pid = os.getpid() if pid is None else pid
    run = (pid, start_time(os.getpid()) if pid == os.getpid() else 1)
    usual: dict[str, Any] = {'services': [], 'files': ['/srv'], 'uploads': [], 'upload_bytes': 0, 'facts': {}}
    return Offer(run, 'python', [], '/', [], **{**usual, **fields})


def test_a_job_becomes_a_context_that_keeps_its_host(jobs: Jobs, desk: Desk) -> None:
    node: Any = Node(1)
    jobs.begins(node, 1000, offer(), ENVIRONMENT)
    jobs.linked(1, 1000, 50)
    assert desk.linked[50].offer == offer()
    assert (desk.linked[50].files, desk.linked[50].written, len(node.holders)) == ([], [], 1)
    jobs.is_over(1, 1000)
    jobs.is_over(1, 1000)
    assert desk.unlinked == [(50, 'the module has ended')]
    assert node.holders == []


@pytest.mark.parametrize('agent_id', [1, 50])
def test_what_is_for_a_job_of_another_account_is_sealed(jobs: Jobs, agent_id: int) -> None:
    jobs.linked(agent_id, 1000, 51)  # with an offer or without one
    assert jobs._router.relay.seals.get(51) == (None if agent_id == 1 else 'its seal')


@pytest.mark.parametrize('context_id', [1, 150, 999])
def test_a_context_that_is_not_below_its_agent_is_an_error(jobs: Jobs, desk: Desk, context_id: int) -> None:
    jobs.begins(Node(1), 1000, offer(), ENVIRONMENT)  # type: ignore[arg-type]
    with pytest.raises(DecodeError, match='not below it'):
        jobs.linked(1, 1000, context_id)
    assert desk.linked == {}


@pytest.mark.parametrize(('agent_id', 'handle'), [(1, 1001), (2, 1000)])
def test_a_job_without_an_offer_may_call_nothing(jobs: Jobs, desk: Desk, agent_id: int, handle: int) -> None:
    jobs.begins(Node(1), 1000, offer(), ENVIRONMENT)  # type: ignore[arg-type]
    jobs.linked(agent_id, handle, 50)
    assert desk.linked == {}


def test_a_job_has_one_context_and_a_context_one_job(jobs: Jobs, desk: Desk) -> None:
    for handle in (1000, 1001):
        jobs.begins(Node(1), handle, offer(), ENVIRONMENT)  # type: ignore[arg-type]
    jobs.linked(1, 1000, 50)
    jobs.linked(1, 1000, 51)
    jobs.linked(1, 1001, 50)
    assert list(desk.linked) == [50]


def test_the_number_of_jobs_is_bounded(jobs: Jobs, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'MAX_JOBS', 2)
    for handle in (1, 2, 3):
        jobs.begins(Node(1), handle, offer(), ENVIRONMENT)  # type: ignore[arg-type]
    for handle in (1, 2, 3):
        jobs.linked(1, handle, 50 + handle)
    assert list(desk.linked) == [52, 53], 'the oldest has no permissions any more'


def test_a_run_that_is_over_offers_nothing(jobs: Jobs, desk: Desk) -> None:
    gone = offer(pid=1 << 22)
    assert jobs.activate(gone._replace(services=['a.B']), ENVIRONMENT, lambda failure: None)
    jobs.begins(Node(1), 1000, gone, ENVIRONMENT)  # type: ignore[arg-type]
    jobs.linked(1, 1000, 50)
    assert desk.linked == {}


def test_the_end_of_a_run_is_that_of_its_jobs(jobs: Jobs, desk: Desk) -> None:
    jobs.begins(Node(1), 1000, offer(), ENVIRONMENT)  # type: ignore[arg-type]
    jobs.linked(1, 1000, 50)
    jobs.end()
    assert desk.unlinked == [(50, 'the module has ended')]


def test_a_run_without_services_keeps_no_multiplexer_and_has_said_nothing(jobs: Jobs) -> None:
    found: list[Any] = []
    jobs.begins(Node(1), 1000, offer(), ENVIRONMENT)  # type: ignore[arg-type]
    assert jobs.activate(offer(), ENVIRONMENT, found.append), 'there is none to create'
    assert (jobs.are_served(), jobs.lines(offer())) == (False, [])
    jobs.summary(offer().run, found.append)
    jobs.summary((1, 2), found.append)
    jobs.host_is_out((1, 2), 'web1')
    assert found == [([], []), ([], [])]
