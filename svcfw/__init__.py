"""svcfw: a tree of Python processes on other accounts and hosts, and services that they offer each other."""

import importlib
import sys
import types

__version__ = '0.1.0.dev0'

#: Whether this process is a context that was started by another one. Set by `svcfw.core.entry`.
is_target = False

#: Public names and where they live. Resolved on first use: on a target nothing of it is loaded unless it is used.
_PUBLIC = {
    'Router': 'svcfw.program.router',
    'Context': 'svcfw.core.context',
    'Sender': 'svcfw.core.context',
    'Message': 'svcfw.core.message',
    'Receiver': 'svcfw.core.receivers.channel',
    'Channel': 'svcfw.core.receivers.channel',
    'CallChain': 'svcfw.core.calls.chain',
    'Latch': 'svcfw.core.latch',
    'Select': 'svcfw.core.receivers.select',
    'Secret': 'svcfw.core.wire.values',
    'takes_router': 'svcfw.core.dispatch',
    'call': 'svcfw.core.calls.caller',
    'Error': 'svcfw.core.wire.errors',
    'CallError': 'svcfw.core.wire.errors',
    'ChannelError': 'svcfw.core.wire.errors',
    'EncodeError': 'svcfw.core.wire.errors',
    'StartError': 'svcfw.core.wire.errors',
    'TimeoutError': 'svcfw.core.wire.errors',
}


def main(log_level='WARNING'):
    """Decorator for the main function of a program: calls it with a Router, which is shut down afterwards.

        @svcfw.main()
        def main(router):
            ...

    log_level: from where on records are shown on stderr, those of other contexts included. Does nothing where the
    program is merely imported, on a target above all.
    """
    if is_target:
        return lambda function: function
    return importlib.import_module('svcfw.program.toplevel').main(log_level)


class LazyModule(types.ModuleType):
    """A package whose names in `_PUBLIC` (name: module) are imported on first use. Python 3.6 has no other hook."""

    def __getattr__(self, name):
        if name in self._PUBLIC:
            return getattr(importlib.import_module(self._PUBLIC[name]), name)
        raise AttributeError('module %s has no attribute %r' % (self.__name__, name))

    def __dir__(self):
        return [*self.__dict__, *self._PUBLIC]


sys.modules[__name__].__class__ = LazyModule
