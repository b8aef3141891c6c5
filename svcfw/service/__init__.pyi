from svcfw.files.service import FileService
from svcfw.service.activator import Activator
from svcfw.service.callers import call, caller
from svcfw.service.deduplicating import DeduplicatingInvoker
from svcfw.service.errors import PoolError, RefusedError
from svcfw.service.exposed import NO_REPLY, arg_spec, expose, no_reply
from svcfw.service.invoker import Invoker, SerializedInvoker
from svcfw.service.policy import AllowAny, AllowParents, Policy
from svcfw.service.pool import Pool
from svcfw.service.results import Results
from svcfw.service.service import Service
from svcfw.service.starting import get_or_create_pool, start_pool

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
