"""Jobs: the requests of clients that have an offer, and the contexts that their modules become. Loop thread only."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from svcfw.core import load
from svcfw.core.parent.relay import relay_of
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
    """The jobs that run at agents and have an offer."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._runs = Runs(router, self._run_is_over)
        self._desk: Desk | None = None
        #: By the agent's context and the handle of the request.
        self._jobs: dict[Key, _Job] = {}

    def activate(self, offer: Offer, environment: dict[str, str], on_outcome: OnOutcome) -> bool:
        """Create the services that a job may call, before it begins. True: they exist, or the run is over.

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
        """Register a job that runs at `node`, until `is_over` or the end of its run. environment: of the client."""
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
        """End the permissions of the job's context, whatever its host says. Idempotent."""
        job = self._jobs.pop((agent_id, handle), None)
        if job is not None and job.context_id is not None and self._desk is not None:
            self._desk.unlink(job.context_id, 'the module has ended')

    def linked(self, agent_id: int, handle: int, context_id: int) -> None:
        """Register the context that a job has become, as its agent reports. DecodeError if it is of another host."""
        link = self._router.link_for(agent_id)
        if link is None or context_id == agent_id or self._router.link_for(context_id) is not link:
            raise DecodeError('it names a context that is not below it')
        seals = relay_of(self._router).seals
        if agent_id in seals:  # what is for the job goes by way of the agent
            seals[context_id] = seals[agent_id]
        desk = self._ready_desk()
        job = self._jobs.get((agent_id, handle))
        if job is None or job.context_id is not None or context_id in desk.linked:
            return  # without an offer, or with a second context: it has no permissions
        job.context_id = context_id
        # Keeps the context of its agent, which is its only link.
        job.node.hold(job)
        desk.link(context_id, Linked(job.offer, [], [], job.run, lambda: self._unlinked(job)))

    def _unlinked(self, job: '_Job') -> None:
        job.context_id = None
        job.node.release(job)

    def _run_is_over(self, run: Run) -> None:
        for key in [key for key, job in self._jobs.items() if job.run is run]:
            self.is_over(*key)

    def lines(self, offer: Offer) -> list[Line]:
        """The lines of services of the run that no task has shown yet, removed from it."""
        run = self._runs.find(offer.run)
        return [] if run is None else run.take_lines()

    def summary(self, key: tuple[int, int], on_summary: Callable[[Any], None]) -> None:
        """Call back with the lines and statistics of a run's services, as of protocol.SUMMARY."""
        run = self._runs.find(key)
        if run is None:
            on_summary(([], []))
        else:
            run.summary(lambda methods: on_summary((run.take_lines(), list(map(tuple, methods)))))

    def host_is_out(self, key: tuple[int, int], host: str) -> None:
        """Tell the services of a run that a host takes no further part in it."""
        run = self._runs.find(key)
        if run is not None:
            run.host_is_out(host)

    def are_served(self) -> bool:
        """Whether the multiplexer has to stay for a run."""
        return self._runs.are_served()

    def end(self) -> None:
        self._runs.end()

    def _ready_desk(self) -> 'Desk':
        """The Desk, created on first use: most multiplexers need none, nor its threads."""
        if self._desk is None:
            self._desk = load('svcfw.mux.server.services.desk').Desk(self._router, self._runs)
        assert self._desk is not None
        return self._desk
