"""Activator: makes a service that is asked for and not there yet."""

import importlib

from svcfw.core.message import has_parent_authority
from svcfw.service.errors import RefusedError
from svcfw.service.service import Service


class Activator(object):
    """Finds a service by the name 'package.module.Class', imports it and makes an instance.

    Subclasses override `find` for other schemes of names, and `is_permitted` for others than parents.
    """

    def is_permitted(self, msg):
        """Whether the sender of `msg` may have a service made here. Loop thread."""
        return has_parent_authority(msg)

    def find(self, name):
        """The Service subclass for a name. RefusedError, or what its import raises. Thread of the pool."""
        module_name, _, class_name = name.rpartition('.')
        if not module_name:
            raise RefusedError('%r is no name of a service: package.module.Class is' % name)
        return getattr(importlib.import_module(module_name), class_name, None)

    def activate(self, router, name):
        """A new instance of the service called `name`. RefusedError unless it is a Service."""
        found = self.find(name)
        if not (isinstance(found, type) and issubclass(found, Service)):
            raise RefusedError('%s is not a Service class' % name)
        return found(router)
