"""Jobs: which requests of clients have an offer, and which contexts their modules become. Loop thread only."""

from typing import TYPE_CHECKING

from svcfw.core import load
from svcfw.core.wire.errors import DecodeError
from svcfw.mux.services.offer import Offer
from svcfw.mux.services.run import Line, Runs
from svcfw.transport.router import Router

if TYPE_CHECKING:
    from svcfw.mux.services.desk import Desk


class Jobs:
    """What agents run for clients that have offered something."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._runs = Runs(router)
        self._desk: Desk | None = None
        #: By the agent's context and the handle of the request; the environment is the client's.
        self._offers: dict[tuple[int, int], tuple[Offer, dict[str, str]]] = {}
        self._contexts: dict[tuple[int, int], int] = {}

    def begins(self, agent_id: int, handle: int, offer: Offer, environment: dict[str, str]) -> None:
        """A job runs from now on."""
        self._offers[agent_id, handle] = offer, environment

    def is_over(self, agent_id: int, handle: int) -> None:
        """What it became is heard no more, whatever its host says. Idempotent."""
        self._offers.pop((agent_id, handle), None)
        context_id = self._contexts.pop((agent_id, handle), None)
        if context_id is not None and self._desk is not None:
            self._desk.unlink(context_id, 'the module has ended')

    def linked(self, agent_id: int, handle: int, context_id: int) -> None:
        """An agent says that a job of its has become this context. DecodeError if it cannot be."""
        link = self._router.link_for(agent_id)
        if link is None or context_id == agent_id or self._router.link_for(context_id) is not link:
            raise DecodeError('it names a context that is not below it')
        desk = self._ready_desk()
        key = (agent_id, handle)
        if key not in self._offers or key in self._contexts or context_id in desk.linked:
            return  # it may ask for nothing
        offer, environment = self._offers[key]
        try:
            run = self._runs.of(offer)
        except OSError:
            return  # nobody is left to hear of it
        self._contexts[key] = context_id
        desk.link(context_id, offer, run, environment)

    def lines(self, offer: Offer) -> list[Line]:
        """What services of the run have said that no task has shown yet."""
        run = self._runs.find(offer.run)
        return [] if run is None else run.take_lines()

    def are_served(self) -> bool:
        """Whether the multiplexer has to stay for the sake of a run."""
        return self._runs.are_served()

    def end(self) -> None:
        self._runs.end()

    def _ready_desk(self) -> 'Desk':
        """Most multiplexers never need one, nor threads."""
        if self._desk is None:
            self._desk = load('svcfw.mux.services.desk').Desk(self._router, self._runs)
        assert self._desk is not None
        return self._desk
