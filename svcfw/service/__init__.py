"""Services: classes whose exposed methods other contexts call. Runs in every context: Python 3.6, stdlib only.

class FileService(svcfw.service.Service):
    @svcfw.service.expose(policy=svcfw.service.AllowParents())
    @svcfw.service.arg_spec(spec={'path': str})
    def read_file(self, path): ...

pool = svcfw.service.Pool(router, services=[FileService(router)])
context.call_service(FileService, 'read_file', path='/etc/hosts')
"""

import sys

from svcfw import LazyModule
from svcfw.service.activator import Activator
from svcfw.service.errors import PoolError, RefusedError
from svcfw.service.exposed import NO_REPLY, arg_spec, expose, no_reply
from svcfw.service.invoker import Invoker, SerializedInvoker
from svcfw.service.policy import AllowAny, AllowParents, Policy
from svcfw.service.pool import Pool
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

#: Names that few contexts use: imported on first use, because every imported module has to be sent.
_PUBLIC = {
    'DeduplicatingInvoker': 'svcfw.service.deduplicating',
    'FileService': 'svcfw.files.service',
    'Results': 'svcfw.service.results',
    'call': 'svcfw.service.callers',
    'caller': 'svcfw.service.callers',
    'get_or_create_pool': 'svcfw.service.starting',
    'start_pool': 'svcfw.service.starting',
}

sys.modules[__name__].__class__ = LazyModule
