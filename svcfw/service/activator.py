"""Activator: creates a service on the first call to it."""

import importlib

from svcfw.core.dispatch import resolve
from svcfw.core.message import has_parent_authority
from svcfw.service.errors import RefusedError
from svcfw.service.service import Service


class Activator(object):
    """Finds a service by the name 'package.module.Class', imports it and makes an instance.

    Subclasses override `find` for other naming schemes and `is_permitted` to admit others than parents.
    """

    def is_permitted(self, msg):
        """Whether the sender of `msg` may create a service here: this context and its ancestors. Loop thread."""
        return has_parent_authority(msg)

    def find(self, name):
        """The Service subclass for a name. Raises RefusedError, or what its import raises. Thread of the pool."""
        parts = name.split('.')
        if len(parts) < 2 or not all(parts):
            raise RefusedError('invalid service name %r: expected package.module.Class' % name)
        module, path = _split(parts)
        try:
            return resolve(module, path)
        except AttributeError:
            raise RefusedError('no service %s: module %s has no attribute %s' % (name, module, path)) from None

    def activate(self, router, name):
        """A new instance of the service `name`. Raises RefusedError unless that is a Service subclass."""
        found = self.find(name)
        if not (isinstance(found, type) and issubclass(found, Service)):
            raise RefusedError('%s is not a subclass of svcfw.service.Service' % name)
        return found(router)


def _split(parts):
    """(module, attribute path): the module is the longest importable prefix of the name, without the last part."""
    for length in range(1, len(parts) - 1):
        name = '.'.join(parts[: length + 1])
        if not hasattr(importlib.import_module('.'.join(parts[:length])), '__path__'):
            return '.'.join(parts[:length]), '.'.join(parts[length:])
        try:
            importlib.import_module(name)
        except ImportError as e:
            if getattr(e, 'name', None) != name:
                raise
            return '.'.join(parts[:length]), '.'.join(parts[length:])
    return '.'.join(parts[:-1]), parts[-1]
