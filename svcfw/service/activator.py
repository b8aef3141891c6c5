"""Activator: makes a service that is asked for and not there yet."""

import importlib

from svcfw.core.dispatch import resolve
from svcfw.core.message import has_parent_authority
from svcfw.service.errors import RefusedError
from svcfw.service.service import Service


class Activator(object):
    """Finds a service by the name 'package.module.Class', imports it and makes an instance.

    Subclasses override `find` for other schemes of names, and `is_permitted` for others than parents.
    """

    def is_permitted(self, msg):
        """Whether the sender of `msg` may have a service made here: this context and those above it. Loop thread."""
        return has_parent_authority(msg)

    def find(self, name):
        """The Service subclass for a name. RefusedError, or what its import raises. Thread of the pool."""
        parts = name.split('.')
        if len(parts) < 2 or not all(parts):
            raise RefusedError('%r is no name of a service: package.module.Class is' % name)
        module, path = _split(parts)
        try:
            return resolve(module, path)
        except AttributeError:
            raise RefusedError('there is no service %s: %s has no %s' % (name, module, path)) from None

    def activate(self, router, name):
        """A new instance of the service called `name`. RefusedError unless it is a Service."""
        found = self.find(name)
        if not (isinstance(found, type) and issubclass(found, Service)):
            raise RefusedError('%s is not a Service class' % name)
        return found(router)


def _split(parts):
    """(module, path within it): the module is the longest part of the name that can be imported, less the last."""
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
