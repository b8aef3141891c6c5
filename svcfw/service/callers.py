"""Both ends of a call: `call`, with a deadline; `caller`, what is known of the caller.

That is attested by a context above both, never stated by the caller itself.
"""

from svcfw.core.calls.caller import within


class Caller(object):
    """The context that a request is of; `id` (int), and as attributes the facts that are attested of it."""

    def __init__(self, context_id, facts):
        self.__dict__.update(facts)
        self.id = context_id

    def __repr__(self):
        return 'Caller(%s)' % ', '.join('%s=%r' % item for item in sorted(vars(self).items()))

    def __getattr__(self, name):
        raise AttributeError('nothing is attested of context %d by the name %s' % (self.id, name))


def caller(msg):
    """The Caller of a method: `msg` is the message that it gets. Without facts where none are attested."""
    facts = msg.router.beside.get(msg.src_id, {}) if msg.auth_id == msg.src_id else {}
    return Caller(msg.src_id, facts)


def call(context, service_name, method_name, timeout=None, **arguments):
    """context.call_service with a deadline: after `timeout` seconds raises TimeoutError and tells the callee.

    A later answer is discarded.
    """
    began = context.router.loop.clock()
    reply = context.request_service(service_name, method_name, arguments, timeout)
    return within(context, method_name, reply, timeout, began)
