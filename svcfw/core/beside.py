"""Contexts that are neither above nor below this one, and that a context above lets speak to it all the same.

The context above passes on what they send, under their own ids, and attests what it knows of each: facts that they
themselves have no say in. Their authority stays their own. Not part of what a child starts from.
"""

from svcfw.core import handles
from svcfw.core.message import has_parent_authority, shaped
from svcfw.core.wire.frames import Frame


class Beside(object):
    """Those who may speak to one router's context."""

    def __init__(self, router):
        self._router = router
        #: {id of a context: what is attested of it (dict)}
        self.facts = {}
        router.beside = self
        router.add_handler(self._on_admit, handles.ADMIT, policy=has_parent_authority)

    def _on_admit(self, message):
        if message.is_dead:
            return
        context_id, facts, reason = shaped(message.small_value(), (int, (dict, type(None)), str))
        if facts is not None:
            self.facts[context_id] = facts
        elif self.facts.pop(context_id, None) is not None:
            self._router.tell_of_loss(context_id, reason)


def admission(context, context_id, facts):
    """The Frame that lets another context speak to `context`, a child of this one. facts: {str: a small value}."""
    return _word(context, (context_id, facts, ''))


def dismissal(context, context_id, reason):
    """The Frame that says that it is gone, or may not any more."""
    return _word(context, (context_id, None, reason))


def _word(context, value):
    router = context.router
    return Frame(context.id, router.own_id, router.own_id, handles.ADMIT, 0, 0, router.codec.encode(value))
