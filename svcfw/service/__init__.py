"""Services: classes whose exposed methods other contexts call. Python 3.6, standard library; runs in every context.

class FileService(svcfw.service.Service):
    @svcfw.service.expose(policy=svcfw.service.AllowParents())
    @svcfw.service.arg_spec(spec={'path': str})
    def read_file(self, path): ...

pool = svcfw.service.Pool(router, services=[FileService(router)])
context.call_service(FileService, 'read_file', path='/etc/hosts')
"""

import importlib
import sys

from svcfw.service.activator import Activator
from svcfw.service.errors import PoolError, RefusedError
from svcfw.service.exposed import NO_REPLY, arg_spec, expose, no_reply
from svcfw.service.invoker import Invoker, SerializedInvoker
from svcfw.service.policy import AllowAny, AllowParents, Policy
from svcfw.service.pool import Pool, call
from svcfw.service.service import Service

__all__ = [
    'NO_REPLY',
    'Activator',
    'AllowAny',
    'AllowParents',
    'DeduplicatingInvoker',
    'FileService',
    'Invoker',
    'Policy',
    'Pool',
    'PoolError',
    'RefusedError',
    'Results',
    'SerializedInvoker',
    'Service',
    'arg_spec',
    'call',
    'caller',
    'expose',
    'get_or_create_pool',
    'no_reply',
    'start_pool',
]


#: Names that few contexts use, and where they live: what is imported has to be sent to each.
_LATER = {
    'DeduplicatingInvoker': 'svcfw.service.deduplicating',
    'FileService': 'svcfw.files.service',
    'Results': 'svcfw.service.results',
    'caller': 'svcfw.service.callers',
    'get_or_create_pool': 'svcfw.service.starting',
    'start_pool': 'svcfw.service.starting',
}


def __getattr__(name):
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError('module svcfw.service has no attribute %r' % name)


def __dir__():
    return [*globals(), *_LATER]


if sys.version_info < (3, 7):  # which asks the module's class alone

    class _Module(type(sys)):
        def __getattr__(self, name):
            return __getattr__(name)

        def __dir__(self):
            return __dir__()

    sys.modules[__name__].__class__ = _Module
