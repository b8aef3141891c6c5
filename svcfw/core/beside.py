"""Contexts that are neither above nor below this one, and that a context above lets speak to it all the same.

The context above passes on what they send, under their own ids, and attests what it knows of each: facts that they
themselves have no say in. Their authority stays their own. Not part of what a child starts from.
"""

from svcfw.core.message import has_parent_authority, shaped
from svcfw.core.wire.frames import Frame

#: Handles, fixed as those of svcfw.core.handles: what a context above says of them, and what one of them sends to
#: another, for the context above both to pass on.
ADMIT, BESIDE = 113, 114
#: A line that a service has said, for the run that it serves, and a file that it lets one of its callers fetch, or
#: write: see svcfw.mux.server.services.
SERVICE_LINE, SERVICE_FILE = 115, 116
#: What the children of one context ask it for, and tell it, of contents: see svcfw.files.store.shared.
SHARED = 117


def listen(router):
    """Keep up `router.beside` from what the context above attests of others."""

    def on_admit(message):
        if message.is_dead:
            return
        context_id, facts, reason = shaped(message.small_value(), (int, (dict, type(None)), str))
        if facts is not None:
            router.beside[context_id] = facts
        elif router.beside.pop(context_id, None) is not None:
            router.gone(context_id, reason, False)

    router.add_handler(on_admit, ADMIT, policy=has_parent_authority)


def admission(context, context_id, facts):
    """The Frame that lets another context speak to `context`, a child of this one. facts: {str: a small value}."""
    return _word(context, (context_id, facts, ''))


def dismissal(context, context_id, reason):
    """The Frame that says that it is gone, or may not any more."""
    return _word(context, (context_id, None, reason))


def _word(context, value):
    router = context.router
    return Frame(context.id, router.own_id, router.own_id, ADMIT, 0, 0, router.codec.encode(value))
