"""Requests to an agent as declared types: the one place where they are encoded, and checked where they arrive.

On the wire a request is (operation, session, values of its fields): see ops.py. Clients send the multiplexer the same
types (svcfw.mux.requests has those beyond), which it passes on. Most hosts are sent this file: what a field means
stands in the docstrings, which are not.
"""

from svcfw.agent import ops
from svcfw.agent.warm import job as jobs
from svcfw.core.message import shaped
from svcfw.core.wire.errors import DecodeError

_TEXT = (str, type(None))


class Request(object):
    """One request; `__slots__` are the names of its values, in their order.

    operation: its name on the wire; types: of the values, each a type or a tuple of types.
    """

    __slots__ = ()  # type: tuple
    operation = ''
    types = ()  # type: tuple

    def __init__(self, *values):
        for name, value in zip(self.__slots__, values):
            setattr(self, name, value)

    def values(self):
        """As they are sent (tuple)."""
        return tuple([getattr(self, name) for name in self.__slots__])

    def sent_by(self, session):
        """What an agent is sent (tuple), on behalf of a client by its number."""
        return self.operation, session, self.values()

    @classmethod
    def decoded(cls, values):
        """The request whose `values()` a peer has sent. Raises DecodeError."""
        return cls(*shaped(values, cls.types))


class Command(Request):
    """Run `text` by `executable -c`, None for the login shell.

    terminal: None for pipes, else the TERM of the terminal that it gets. may_link: its processes may become contexts
    (links/gate.py).
    """

    operation = ops.COMMAND
    __slots__ = ('executable', 'text', 'stdin', 'terminal', 'may_link')
    types = (_TEXT, str, bytes, _TEXT, bool)


class WithJob(Request):
    """Base of requests whose first value is a WarmJob (warm/job.py), which is encoded and checked there."""

    __slots__ = ()  # type: tuple
    job: jobs.WarmJob  # as the multiplexer, which is typed, reads it

    def values(self):
        """As of Request."""
        return (self.job.values(),) + Request.values(self)[1:]

    @classmethod
    def decoded(cls, values):
        """As of Request."""
        request = super(WithJob, cls).decoded(values)
        try:
            request.job = jobs.decoded(request.job)
        except ValueError as exc:
            raise DecodeError(str(exc)) from None
        return request


class Module(WithJob):
    """Run a module, or the source of a program.

    start_s: for an interpreter to become a template before it is given up. member_list: its digest among what the agent
    holds (Members), None if it has none.
    """

    operation = ops.MODULE
    __slots__ = ('job', 'start_s', 'member_list')
    types = (tuple, (int, float), (bytes, type(None)))


class Fetch(Request):
    """Send a file."""

    operation = ops.FETCH
    __slots__ = ('path',)
    types = (str,)


class Expand(Request):
    """Expand a text that begins with ~."""

    operation = ops.EXPAND
    __slots__ = ('text',)
    types = (str,)


class Child(Request):
    """Start a child context, named `name`, by a command (argv) that starts a first stage.

    marker: if not empty, the second stage follows once the command shows it. timeout_s: for its link, then for its
    agent. key: of the Seal of what it is told; digests, call: the payloads of its first two frames (svcfw.core.sealed),
    sealed in the name of the agent that starts it.
    """

    operation = ops.CHILD
    __slots__ = ('name', 'argv', 'has_tty', 'marker', 'timeout_s', 'key', 'digests', 'call')
    types = (str, list, bool, str, (int, float), bytes, bytes, bytes)


class ChildInput(Request):
    """Type `data` where the command of a child asked last. key: the reply handle of its Child request."""

    operation = ops.CHILD_INPUT
    __slots__ = ('key', 'data')
    types = (int, bytes)


class Flush(Request):
    """Answered when all earlier requests are done."""

    operation = ops.FLUSH
    __slots__ = ()


class Dismiss(Request):
    """End a child after all earlier requests for it; answered when it has ended."""

    operation = ops.DISMISS
    __slots__ = ('context_id',)
    types = (int,)


class Mkdtemp(Request):
    """Make a folder that must not exist, and its missing parents."""

    operation = ops.MKDTEMP
    __slots__ = ('path', 'umask')
    types = (str, (int, type(None)))


class Put(Request):
    """Write a part of a large file. mode: permission bits; flags: of ops.PUT_*; digest: of all data, with PUT_LAST."""

    operation = ops.PUT
    __slots__ = ('path', 'mode', 'data', 'flags', 'digest')
    types = (str, int, bytes, int, bytes)


class PutHeld(Request):
    """Write a file whose content was given by Content before."""

    operation = ops.PUT_HELD
    __slots__ = ('path', 'mode', 'digest')
    types = (str, int, bytes)


class PutKept(Request):
    """Write a file with the content of a large one that was put here before; answered with whether it was done."""

    operation = ops.PUT_KEPT
    __slots__ = ('path', 'mode', 'digest')
    types = (str, int, bytes)
    digest: bytes


class Chmod(Request):
    """As chmod u+rwx."""

    operation = ops.CHMOD
    __slots__ = ('paths',)
    types = (list,)


class Remove(Request):
    """As rm -f, or rm -rf; failures are only logged."""

    operation = ops.REMOVE
    __slots__ = ('path', 'recursive')
    types = (str, bool)


class Members(Request):
    """Hold these contents for later modules, whose jobs name the digest of their member list.

    sizes: list of (digest, size); packed: zlib of the contents, one after the other in this order.
    """

    operation = ops.MEMBERS
    __slots__ = ('sizes', 'packed')
    types = (list, bytes)


class Forget(Request):
    """Drop all members."""

    operation = ops.FORGET
    __slots__ = ()


class Content(Request):
    """Hold a part of a file's content for later PutHeld requests."""

    operation = ops.CONTENT
    __slots__ = ('digest', 'data', 'is_last')
    types = (bytes, bytes, bool)


class Drop(Request):
    """Drop these contents."""

    operation = ops.DROP
    __slots__ = ('digests',)
    types = (list,)


class Pass(Request):
    """Give a child what this agent holds. kind: ops.MEMBERS or ops.CONTENT."""

    operation = ops.PASS
    __slots__ = ('context_id', 'kind', 'digests')
    types = (int, str, list)


class Grant(Request):
    """The output of a request may have so many bytes more. key: its reply handle."""

    operation = ops.GRANT
    __slots__ = ('key', 'credit')
    types = (int, int)


class Relay(Request):
    """Have the agent of a child carry out an encoded request, unless something failed here before."""

    operation = ops.RELAY
    __slots__ = ('context_id', 'request')
    types = (int, bytes)


class Ensure(Request):
    """Make a folder if it is not there and can be made."""

    operation = ops.ENSURE
    __slots__ = ('path', 'umask')
    types = (str, int)


class Anyway(Request):
    """Carry out what this session asks for although the context is stale."""

    operation = ops.ANYWAY
    __slots__ = ()


class End(Request):
    """The client is gone: end what runs for it."""

    operation = ops.END
    __slots__ = ()


class Timed(Request):
    """Tell in the DONE messages of this session how many microseconds passed since the request."""

    operation = ops.TIMED
    __slots__ = ()


class Alive(Request):
    """The controller is there; see svcfw.agent.links.silence.Silence."""

    operation = ops.ALIVE
    __slots__ = ('silence_s', 'proof', 'expected')
    types = ((int, float), bytes, bytes)


class Wipe(Request):
    """Overwrite memory that is freed, from now on, and what was freed once nothing runs any more.

    interpreter: of the module with secrets that follows; empty after it.
    """

    operation = ops.WIPE
    __slots__ = ('interpreter',)
    types = (list,)


#: All of the above.
BY_OPERATION = {each.operation: each for each in Request.__subclasses__() + [Module] if each.operation}


def decoded(operation, values, types=BY_OPERATION):
    """The Request that a peer has sent, one of `types` ({operation: class}). Raises DecodeError."""
    if operation not in types:
        raise DecodeError('unknown operation %r' % operation)
    return types[operation].decoded(values)
