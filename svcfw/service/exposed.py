"""What makes a method of a service callable: decorators, and the checks they ask for."""

from svcfw.service.errors import RefusedError
from svcfw.service.policy import Policy

_VARARGS, _VARKEYWORDS = 0x04, 0x08


class _NoReply(object):
    def __repr__(self):
        return 'NO_REPLY'


#: Returned by a method that answers its Message itself, now or later.
NO_REPLY = _NoReply()


def expose(policy):
    """Make a method callable by those whom `policy` (a Policy) allows. Stacked, all policies must."""
    if not isinstance(policy, Policy):
        raise TypeError('%r is not a Policy: write @expose(policy=AllowParents())' % (policy,))

    def decorate(function):
        function.svcfw_policies = (policy,) + getattr(function, 'svcfw_policies', ())
        return function

    return decorate


def arg_spec(spec, optional=None):
    """Check the types of arguments before the method is called.

    spec: {name: type or tuple of types, None for any} of those that must be there; optional: of those that may. A bool
    is no int here. Others are refused unless the method takes `**kwargs`.
    """

    def decorate(function):
        function.svcfw_arg_spec = (dict(spec), dict(optional or {}))
        return function

    return decorate


def no_reply(function):
    """Mark a method as one that answers its Message itself: what it returns is not sent. What it raises is."""
    function.svcfw_no_reply = True
    return function


class Exposed(object):
    """One exposed method of one service."""

    def __init__(self, service, name, function):
        self.name = name
        self.policies = function.svcfw_policies
        self.replies = not getattr(function, 'svcfw_no_reply', False)
        self._service = service
        self._call = getattr(service, name)
        self._required, self._optional, self._takes_any = _parameters(function)
        self._types = {}
        if hasattr(function, 'svcfw_arg_spec'):
            required, optional = function.svcfw_arg_spec
            self._types.update(required)
            self._types.update(optional)
            self._optional |= (self._required - set(required)) & set(optional)
            self._required = (self._required | set(required)) - set(optional)
            self._optional -= self._required
        self.wants_message = 'msg' in self._required | self._optional
        self._required.discard('msg')
        self._optional.discard('msg')

    def is_authorized(self, msg):
        """Whether all policies let the sender of `msg` call this. A policy that fails says no."""
        try:
            return all(policy.is_authorized(self._service, msg) for policy in self.policies)
        except Exception:
            return False

    def check(self, arguments):
        """RefusedError, naming what is wrong, unless `arguments` (dict) fit."""
        missing = self._required - set(arguments)
        unknown = set() if self._takes_any else set(arguments) - self._required - self._optional
        unknown |= {'msg'} & set(arguments)
        for names, what in ((missing, 'missing'), (unknown, 'unknown')):
            if names:
                raise RefusedError('%s: %s argument %s' % (self.name, what, ', '.join(sorted(map(str, names)))))
        for name, wanted in self._types.items():
            if name in arguments and not _fits(arguments[name], wanted):
                raise RefusedError(
                    '%s: argument %s must be %s, not %s'
                    % (self.name, name, _type_names(wanted), type(arguments[name]).__name__)
                )

    def run(self, arguments, msg):
        """Call the method; what it returns or raises."""
        if self.wants_message:
            arguments = dict(arguments, msg=msg)
        return self._call(**arguments)


def find_exposed(service):
    """{name: Exposed} of a service's methods with at least one policy."""
    found = {}
    for name in dir(type(service)):
        function = getattr(type(service), name, None)
        if getattr(function, 'svcfw_policies', ()):
            found[name] = Exposed(service, name, function)
    return found


def _parameters(function):
    """(required names, optional names, takes any) of a method, `self` left out. `inspect` would cost 43 modules."""
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    keyword_only = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    defaults = len(function.__defaults__ or ())
    optional = set(positional[len(positional) - defaults :]) | set(function.__kwdefaults__ or ())
    required = (set(positional[1:]) | set(keyword_only)) - optional
    return required, optional, bool(code.co_flags & _VARKEYWORDS)


def _fits(value, wanted):
    if wanted is None:
        return True
    types = wanted if isinstance(wanted, tuple) else (wanted,)
    return any(isinstance(value, each) and (type(value) is not bool or each in (bool, object)) for each in types)


def _type_names(wanted):
    return ' or '.join(each.__name__ for each in (wanted if isinstance(wanted, tuple) else (wanted,)))
