"""Jobs: which requests of clients have an offer, and which contexts their modules become. Loop thread only."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from svcfw.core import load
from svcfw.core.wire.errors import DecodeError
from svcfw.mux.offer import Offer
from svcfw.mux.server.node import Node
from svcfw.mux.server.services.activations import OnOutcome
from svcfw.mux.server.services.linked import Linked
from svcfw.mux.server.services.run import Line, Run, Runs
from svcfw.program.router import Router

if TYPE_CHECKING:
    from svcfw.mux.server.services.desk import Desk

#: Jobs that may still become contexts: commands count until their run ends.
MAX_JOBS = 20000

_log = logging.getLogger('svcfw.mux')

#: The id of an agent's context, and the handle of a request there.
Key = tuple[int, int]


class _Job:
    def __init__(self, node: Node, offer: Offer, run: Run) -> None:
        self.node = node
        self.offer = offer
        self.run = run
        #: What it has become.
        self.context_id: int | None = None


class Jobs:
    """What agents run for clients that have offered something."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._runs = Runs(router, self._run_is_over)
        self._desk: Desk | None = None
        #: By the agent's context and the handle of the request.
        self._jobs: dict[Key, _Job] = {}

    def activate(self, offer: Offer, environment: dict[str, str], on_outcome: OnOutcome) -> bool:
        """Before a job begins: have the services made that it may call. True: they are, or the run is over.

        Else `on_outcome` is called later.
        """
        if not offer.services:
            return True
        try:
            run = self._runs.of(offer, environment)
        except OSError:
            return True
        self._ready_desk()
        return run.activate(offer, on_outcome)

    def begins(self, node: Node, handle: int, offer: Offer, environment: dict[str, str]) -> None:
        """A job runs from now on at a node, until `is_over` or the end of its run. environment: the client's."""
        assert node.context is not None
        try:
            run = self._runs.of(offer, environment)
        except OSError as exc:
            _log.warning('a task of process %d may ask for nothing, as that is not there: %s', offer.run[0], exc)
            return
        self._jobs[node.context.id, handle] = _Job(node, offer, run)
        if len(self._jobs) > MAX_JOBS:
            self.is_over(*next(iter(self._jobs)))

    def is_over(self, agent_id: int, handle: int) -> None:
        """What it became is heard no more, whatever its host says. Idempotent."""
        job = self._jobs.pop((agent_id, handle), None)
        if job is not None and job.context_id is not None and self._desk is not None:
            self._desk.unlink(job.context_id, 'the module has ended')

    def linked(self, agent_id: int, handle: int, context_id: int) -> None:
        """An agent says that a job of its has become this context. DecodeError if it cannot be."""
        link = self._router.link_for(agent_id)
        if link is None or context_id == agent_id or self._router.link_for(context_id) is not link:
            raise DecodeError('it names a context that is not below it')
        desk = self._ready_desk()
        job = self._jobs.get((agent_id, handle))
        if job is None or job.context_id is not None or context_id in desk.linked:
            return  # it may ask for nothing
        job.context_id = context_id
        # The context that it is below has to stay for it.
        job.node.hold(job)
        desk.link(context_id, Linked(job.offer, [], [], job.run, lambda: self._unlinked(job)))

    def _unlinked(self, job: '_Job') -> None:
        job.context_id = None
        job.node.release(job)

    def _run_is_over(self, run: Run) -> None:
        for key in [key for key, job in self._jobs.items() if job.run is run]:
            self.is_over(*key)

    def lines(self, offer: Offer) -> list[Line]:
        """What services of the run have said that no task has shown yet."""
        run = self._runs.find(offer.run)
        return [] if run is None else run.take_lines()

    def summary(self, key: tuple[int, int], on_summary: Callable[[Any], None]) -> None:
        """Call back with what services of a run did, as of protocol.SUMMARY."""
        run = self._runs.find(key)
        if run is None:
            on_summary(([], []))
        else:
            run.summary(lambda methods: on_summary((run.take_lines(), list(map(tuple, methods)))))

    def host_is_out(self, key: tuple[int, int], host: str) -> None:
        """A host takes no further part in a run: its services are told."""
        run = self._runs.find(key)
        if run is not None and run.host is not None:
            run.host.host_is_out(host)

    def are_served(self) -> bool:
        """Whether the multiplexer has to stay for the sake of a run."""
        return self._runs.are_served()

    def end(self) -> None:
        self._runs.end()

    def _ready_desk(self) -> 'Desk':
        """Most multiplexers never need one, nor threads."""
        if self._desk is None:
            self._desk = load('svcfw.mux.server.services.desk').Desk(self._router, self._runs)
        assert self._desk is not None
        return self._desk
