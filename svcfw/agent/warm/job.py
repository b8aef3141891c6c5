"""What a warm process is asked to run, as declared types: a module, or the source of a Python program.

The same objects on the whole way: a client makes one, the multiplexer and the agent find it in a request
(svcfw.agent.requests), a warm process in a message (pipe.py). They are encoded and checked here alone, with nothing
imported: an interpreter that is started for jobs is sent this file.
"""

_NONE = type(None)


class WarmJob(object):
    """One run. `fields` are the names of the values that are sent, in their order, `types` theirs.

    interpreter: the words that start it (list of str). env: what is added to its environment (dict of str).
    """

    fields = ()  # type: tuple
    types = ()  # type: tuple
    kind = ''
    __slots__ = (
        'interpreter', 'env', 'rlimit_nofile', 'can_rehearse', 'may_reuse', 'may_preimport', 'condition', 'member_list',
        'members', 'has_link', 'is_cold', 'link',
    )  # fmt: skip

    def __init__(self, interpreter, env):
        self.interpreter = interpreter
        self.env = env
        # Of modules alone.
        self.rlimit_nofile = 0
        self.can_rehearse = self.may_reuse = self.may_preimport = False
        self.condition = None
        #: From the agent on: what it consists of, [(name, digest), ...], and the name of that list, None for no name.
        self.members = ()
        self.member_list = None
        #: Whether a descriptor comes with it by which it can become a context.
        self.has_link = False
        #: In a warm process: whether it needs an interpreter of its own; (that descriptor, Prepared) or None.
        self.is_cold = False
        self.link = None

    def values(self):
        """What is sent of it (tuple), in the closed set of types of the wire: see `decoded`."""
        return (self.kind,) + tuple([getattr(self, name) for name in self.fields])


class ModuleJob(WarmJob):
    """A module of ansible-core, as its wrapper would run it.

    format: of the wrapper ('v1' up to core 2.18, then 'v2'). module, fqn: its name, without and with its package.
    params: JSON text (bytes). profile: for serialization, None in 'v1'. secrets: what it must not print (list of str),
    None if not to be handed over. rlimit_nofile: 0 for unchanged. can_rehearse: a process may be forked ahead for it.
    may_reuse: others may run in its process, before and after it. may_preimport: what it imports may be imported ahead
    of its process. condition: a Condition, None to run in any case.
    """

    kind = 'module'
    __slots__ = ('format', 'module', 'fqn', 'params', 'profile', 'secrets')
    fields = (
        'interpreter', 'env', 'format', 'module', 'fqn', 'params', 'profile', 'secrets', 'rlimit_nofile',
        'can_rehearse', 'may_reuse', 'may_preimport', 'condition',
    )  # fmt: skip
    types = (list, dict, str, str, str, bytes, (str, _NONE), (list, _NONE), int, bool, bool, bool, (tuple, _NONE))

    def __init__(
        self, interpreter, env, format, module, fqn, params, profile=None, secrets=None, rlimit_nofile=0,
        can_rehearse=False, may_reuse=False, may_preimport=False, condition=None,
    ):  # fmt: skip
        WarmJob.__init__(self, interpreter, env)
        self.format = format
        self.module = module
        self.fqn = fqn
        self.params = params
        self.profile = profile
        self.secrets = secrets
        self.rlimit_nofile = rlimit_nofile
        self.can_rehearse = can_rehearse
        self.may_reuse = may_reuse
        self.may_preimport = may_preimport
        self.condition = condition

    def values(self):
        """As of WarmJob."""
        values = WarmJob.values(self)
        return values if self.condition is None else values[:-1] + (self.condition.values(),)


class SourceJob(WarmJob):
    """A program as `interpreter` would run it that reads it from stdin. source: its text (bytes)."""

    kind = 'source'
    __slots__ = ('source',)
    fields = ('interpreter', 'env') + __slots__
    types = (list, dict, bytes)

    def __init__(self, interpreter, env, source):
        WarmJob.__init__(self, interpreter, env)
        self.source = source


class Condition(object):
    """At `path` is another file than one with this size and SHA-1 (hex digits), or none: see condition.py.

    path: absolute (str). follow: whether a symbolic link there stands for its target.
    """

    __slots__ = ('path', 'follow', 'size', 'sha1')
    types = (str, bool, int, str)

    def __init__(self, path, follow, size, sha1):
        self.path = path
        self.follow = follow
        self.size = size
        self.sha1 = sha1

    def values(self):
        """What is sent of it (tuple)."""
        return self.path, self.follow, self.size, self.sha1


_KINDS = {each.kind: each for each in (ModuleJob, SourceJob)}


def decoded(values):
    """The WarmJob that `values()` gave. Raises ValueError for anything else."""
    kind = _KINDS.get(values[0]) if values and isinstance(values[0], str) else None
    if kind is None:
        raise ValueError('unknown kind of job')
    job = kind(*_checked(values[1:], kind.types))
    if kind is ModuleJob and job.condition is not None:
        job.condition = Condition(*_checked(job.condition, Condition.types))
    return job


def _checked(values, types):
    if len(values) != len(types) or not all(map(isinstance, values, types)):
        raise ValueError('malformed job: expected values of %s' % (types,))
    return values
