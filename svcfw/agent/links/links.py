"""Links to jobs that want to be contexts: children of the agent's, in processes that the template has forked.

Loaded when the first one knocks: most targets never need it. A job is sent the core that the agent itself was started
from, and becomes a context within the running module. It has no children, and ends with its job.
"""

import struct

from svcfw.agent import ops
from svcfw.agent.links.keeper import Keeper
from svcfw.boot import first_stage
from svcfw.core import handles
from svcfw.core.parent.relay import relay_of

#: How many bytes of core and configuration follow.
SIZE = struct.Struct('>I')
#: Payload of one frame from a job: below what the multiplexer takes from a host, whose link would end else.
MAX_FRAME_BYTES = 7 * 1024 * 1024
#: What the rest of a message to a service's context takes, which goes in one to the controller.
_ENVELOPE_BYTES = 256
#: For how long a module may take nothing of what is sent to it, while its host's link waits.
STALLED_S, LOOK_S = 10.0, 1.0
#: What jobs use of ours, as far as the agent has it, and what in there is for the agent alone.
_USED_BY_JOBS = ('svcfw.core', 'svcfw.files', 'svcfw.service')
_AGENTS_OWN = ('svcfw.core.entry', 'svcfw.core.parent', 'svcfw.core.wire.passing')


class Links:
    """The links of one agent's jobs. prepare_for: of Templates. Loop thread only."""

    def __init__(self, router, prepare_for):
        self._router = router
        self._prepare_for = prepare_for
        self._relay = relay_of(router)
        self._keeper = Keeper(router)
        #: What jobs use of ours, {name: as in the importer's sources}, as of so many of these.
        self._used, self._used_of = {}, 0

    def open(self, door):
        """Make a context of the job behind `door`, unless it is over by now."""
        context_id = self._relay.allocate_id()  # may wait for one answer
        if door.is_closed:
            return
        router = self._router
        context = router.context(context_id, 'a module on %s' % router.name)
        config = {
            'id': context_id,
            'name': context.name,
            'parents': (router.own_id,) + router.parent_ids,
            'log_level': router.log_level,
            'max_bytes': MAX_FRAME_BYTES - _ENVELOPE_BYTES,
        }
        # The module reads the configuration from the end, by its size (module_utils/services.py).
        configured = first_stage.configuration(config).ljust(first_stage.CONFIG_BYTES)
        fd = door.hand_over()
        link = self._relay.link(None, MAX_FRAME_BYTES)
        door.stream = stream = self._relay.add_child(
            context, link, fd, fd, lambda stream, event: None, lambda stream, reason: None
        )
        self._watch(stream)
        # Before anything that it says: by its request the multiplexer knows what it may have.
        router.context(router.parent_ids[-1]).send(handles.AGENT, (ops.LINK, door.key, context_id))
        second_stage = configured if door.is_prepared else router.bundle + configured
        stream.write_ahead(SIZE.pack(len(second_stage)) + second_stage)
        self._prepare(door)

    def _prepare(self, door):
        """Whoever comes next need not compile what this one has to."""
        loaded = self._router.importer.sources
        if len(loaded) != self._used_of:
            names = [name for name in loaded if name.startswith(_USED_BY_JOBS) and not name.startswith(_AGENTS_OWN)]
            self._used, self._used_of = {name: loaded[name] for name in names}, len(loaded)
        self._prepare_for(door.key, self._router.bundle + first_stage.configuration({}), self._used)

    def _watch(self, stream, waits_since=None):
        """Look now and then whether the module takes what is sent to it."""
        loop = self._router.loop
        if stream.closed:
            return
        if not stream.is_full():
            waits_since = None
        elif waits_since is None:
            waits_since = [loop.clock()]
            stream.when_room(waits_since.clear)
        elif not waits_since:  # there was room meanwhile
            waits_since = None
        elif loop.clock() - waits_since[0] > STALLED_S:
            stream.close('%s: it takes nothing of what is sent to it' % stream.name)
            return
        loop.call_later(LOOK_S, lambda: self._watch(stream, waits_since))
