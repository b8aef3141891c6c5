"""Importer: fetches modules that this context lacks from its parent, as source, into memory.

It has two places on `sys.meta_path`: near the first, for modules that must be the parent's whatever is installed here;
and the last, for everything that this interpreter does not find itself.
"""

import sys
import zlib

from svcfw.core import handles
from svcfw.core.message import has_parent_authority
from svcfw.core.wire.errors import ChannelError

#: Prefix of the path of each fetched module: its file name in tracebacks cannot be a file here.
PSEUDO_ROOT = '<svcfw>/'
#: Always fetched, whatever is installed here: the project itself, and the calling program.
_OWN = ('svcfw', '__main__')
#: Never fetched: optional imports of the standard library ('org' is Jython's).
_OPTIONAL = frozenset(getattr(sys, 'stdlib_module_names', ())) | {'org', '_hashlib', 'msvcrt'}


class Importer(object):
    """A finder that fetches modules. Any thread may import; a fetch drives the loop while it waits.

    loader: the bundle's own finder and loader (svcfw/boot/loader.py), whose `sources` {name: (file name, source bytes,
    is package)} it adds to; svcfw.core.parent.relay serves the children of this context from them.
    """

    def __init__(self, router, loader):
        self._router = type(loader).router = router
        self._loader = loader
        self.sources = loader.sources
        router.importer = self
        self._absent = set()
        router.add_handler(self._on_load_module, handles.LOAD_MODULE, policy=has_parent_authority)

    def install(self):
        sys.meta_path.insert(1, _Own(self))
        sys.meta_path.append(self)

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in self.sources and not self._is_hopeless(fullname):
            self._fetch(fullname)
        return self._loader.find_spec(fullname)

    def above(self):
        """The context that has what this one lacks."""
        return self._router.parent()

    def _is_hopeless(self, fullname):
        """Known to be missing at the parent, or part of a package that was found here: do not ask the parent."""
        if fullname in self._absent or fullname in _OPTIONAL:
            return True
        top = fullname.partition('.')[0]
        return top != fullname and top not in self.sources

    def _fetch(self, fullname):
        try:
            self.accept(self.above().request(handles.GET_MODULE, fullname))
        except ChannelError as e:
            raise ImportError('%s was not fetched: %s' % (fullname, e))
        if fullname not in self.sources:
            self._absent.add(fullname)

    def accept(self, modules):
        """Store [(name, is package, path, zlib source or None for a module that does not exist), ...]."""
        for name, is_package, path, packed in modules:
            if packed is None:
                self._absent.add(name)
                continue
            self._absent.discard(name)
            if name not in self.sources:
                self.sources[name] = (PSEUDO_ROOT + path, zlib.decompress(packed), is_package)

    def _on_load_module(self, message):
        """Modules sent before they were requested."""
        if not message.is_dead:
            self.accept(message.value())


class _Own(object):
    """Early on sys.meta_path, for _OWN only."""

    def __init__(self, importer):
        self._importer = importer

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition('.')[0] in _OWN:
            return self._importer.find_spec(fullname)
        return None
