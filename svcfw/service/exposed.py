"""Decorators that expose methods of a service, and the argument checks they add."""

import _thread

from svcfw.service.errors import RefusedError

_VARKEYWORDS = 0x08


class _NoReply(object):
    def __repr__(self):
        return 'NO_REPLY'


#: Returned by a method that answers its `msg` itself, at once or later.
NO_REPLY = _NoReply()


def expose(policy):
    """Make a method callable by the senders that `policy` (a Policy) allows. Stacked policies must all allow."""
    if isinstance(policy, type) or not callable(getattr(policy, 'is_authorized', None)):
        raise TypeError('expected a Policy instance, got %r: write @expose(policy=AllowParents())' % (policy,))

    def decorate(function):
        _require_function(function)
        function.svcfw_policies = (policy,) + getattr(function, 'svcfw_policies', ())
        return function

    return decorate


def arg_spec(spec, optional=None):
    """Check the arguments before the method is called: {name: type or tuple of types, None for any}.

    spec: required arguments; optional: arguments for which the method has a default. A bool does not count as int.
    Any other argument is refused by name, unless the method has `**kwargs`. TypeError at class creation for a name
    that is no parameter of the method.
    """
    required, optional = dict(spec), dict(optional or {})

    def decorate(function):
        _require_function(function)
        parameters = _Parameters(function, is_bound=False)  # @staticmethod may be applied later
        for name in list(required) + list(optional):
            if not parameters.takes_any and name not in parameters.required | parameters.optional:
                raise TypeError('%s has no parameter %s, which arg_spec names' % (function.__qualname__, name))
        for name in set(optional) & parameters.required:
            raise TypeError(
                '%s: parameter %s is optional in arg_spec, without a default' % (function.__qualname__, name)
            )
        function.svcfw_arg_spec = (required, optional)
        return function

    return decorate


def no_reply(function):
    """Mark a method that answers its `msg` itself: its return value is not sent; an exception is."""
    _require_function(function)
    function.svcfw_no_reply = True
    return function


def _require_function(function):
    if not hasattr(function, '__code__'):
        raise TypeError('expected a plain method, got %r' % (function,))


class Exposed(object):
    """One exposed method of one service."""

    def __init__(self, service, name, function, is_static=False):
        self.name = name
        self.policies = function.svcfw_policies
        self.replies = not getattr(function, 'svcfw_no_reply', False)
        self.counts = Counts()
        self._service = service
        self._call = getattr(service, name)
        parameters = _Parameters(function, not is_static)
        required, optional = getattr(function, 'svcfw_arg_spec', ({}, {}))
        self.wants_message = 'msg' in parameters.required | parameters.optional
        self._types = dict(required, **optional)
        self._required = (parameters.required | set(required)) - {'msg'}
        self._allowed = (self._required | parameters.optional | set(optional)) - {'msg'}
        self._takes_any = parameters.takes_any
        self._reserved = {'msg'} if self.wants_message else set()

    def objection(self, msg):
        """Why the sender of `msg` may not call this (str), or None if all policies allow it."""
        for policy in self.policies:
            try:
                if not policy.is_authorized(self._service, msg):
                    return 'context %d is not allowed to call it (policy %s)' % (msg.src_id, type(policy).__name__)
            except Exception as e:
                router = msg.router
                router.log(router, 40, '%s: %s: %s' % (self.name, type(policy).__name__, e))
                return 'policy %s raised an exception' % type(policy).__name__
        return None

    def check(self, arguments):
        """Raise RefusedError, naming the first wrong argument, unless `arguments` match the spec."""
        names = arguments.keys() if type(arguments) is dict else None
        if names != self._required:
            if names is None or not all(type(name) is str for name in names):
                raise RefusedError('%s: argument names must be str' % self.name)
            self._refuse_names(self._required - names, 'missing')
            self._refuse_names(names - (self._allowed if not self._takes_any else names - self._reserved), 'unknown')
        for name, wanted in self._types.items():
            if name in arguments and not _fits(arguments[name], wanted):
                kind = type(arguments[name]).__name__
                raise RefusedError('%s: argument %s must be %s, not %s' % (self.name, name, _type_names(wanted), kind))

    def _refuse_names(self, names, what):
        if names:
            raise RefusedError('%s: %s argument %s' % (self.name, what, ', '.join(sorted(names))))

    def run(self, arguments, msg):
        """Call the method; returns or raises what it does."""
        if self.wants_message:
            arguments['msg'] = msg
        return self._call(**arguments)


class Counts(object):
    """Counters of one method's calls; `recent_s` is an exponentially weighted mean of their duration."""

    def __init__(self):
        self.calls = 0
        self.failures = 0
        self.seconds = 0.0
        self.recent_s = 1.0
        self._lock = _thread.allocate_lock()

    def add(self, seconds, failed):
        with self._lock:
            self.recent_s += (seconds - self.recent_s) / min(self.calls + 1, 8)
            self.calls += 1
            self.failures += failed
            self.seconds += seconds


def find_exposed(service):
    """{name: Exposed} of a service's methods with at least one policy."""
    found = {}
    for name in dir(type(service)):
        function = getattr(type(service), name, None)
        if getattr(function, 'svcfw_policies', ()):
            found[name] = Exposed(service, name, function, _is_static(type(service), name))
    return found


def _is_static(cls, name):
    """Whether attribute `name` of `cls`, possibly inherited, is a static method."""
    return next(isinstance(vars(base)[name], staticmethod) for base in cls.__mro__ if name in vars(base))


class _Parameters(object):
    """Parameter names of a function (`inspect` would load 43 modules). is_bound: leave out the first."""

    def __init__(self, function, is_bound=True):
        while hasattr(function, '__wrapped__'):  # a decorator's wrapper takes `*args, **kwargs`
            function = function.__wrapped__
        code = function.__code__
        positional = code.co_varnames[: code.co_argcount]
        keyword_only = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        defaults = len(function.__defaults__ or ())
        self.optional = set(positional[len(positional) - defaults :]) | set(function.__kwdefaults__ or ())
        self.required = (set(positional[is_bound:]) | set(keyword_only)) - self.optional
        self.takes_any = bool(code.co_flags & _VARKEYWORDS)


def _fits(value, wanted):
    if wanted is None:
        return True
    types = wanted if isinstance(wanted, tuple) else (wanted,)
    return any(isinstance(value, each) and (type(value) is not bool or each in (bool, object)) for each in types)


def _type_names(wanted):
    return ' or '.join(each.__name__ for each in (wanted if isinstance(wanted, tuple) else (wanted,)))
