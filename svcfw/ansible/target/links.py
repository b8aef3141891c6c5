"""Links to jobs that want to be contexts: children of the agent's, in processes that the template has forked.

Loaded when the first one knocks: most targets never need it. A job is sent the core that the agent itself was started
from, and becomes a context within the running module. It has no children, and ends with its job.
"""

import struct

from svcfw.ansible.target import ops
from svcfw.boot import first_stage
from svcfw.core import handles
from svcfw.core.relay import relay_of
from svcfw.core.wire.link import Link

#: How many bytes of core and configuration follow.
SIZE = struct.Struct('>I')
#: Payload of one frame from a job: below what the multiplexer takes from a host, whose link would end else.
MAX_FRAME_BYTES = 7 * 1024 * 1024
#: For how long a module may take nothing of what is sent to it, while its host's link waits.
STALLED_S = 10.0


class Links(object):
    """The links of one agent's jobs. Loop thread only."""

    def __init__(self, router):
        self._router = router
        self._relay = relay_of(router)

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
            'max_bytes': MAX_FRAME_BYTES,
        }
        second_stage = first_stage.second_stage(router.bundle, config)
        fd = door.hand_over()
        link = Link(max_frame_bytes=MAX_FRAME_BYTES)
        door.stream = stream = self._relay.add_child(
            context, link, fd, fd, lambda stream, event: None, lambda stream, reason: None
        )
        # Before anything that it says: by its request the multiplexer knows what it may have.
        router.context(router.parent_ids[-1]).send(handles.AGENT, (ops.LINK, door.key, context_id))
        stream.write_ahead(SIZE.pack(len(second_stage)) + second_stage)
