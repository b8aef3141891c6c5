"""What jobs that become contexts need, imported once in the template, so that each fork has it compiled.

Nothing of it can be seen by a module before it asks: until `install` the modules are not in `sys.modules`, and their
finder is not in `sys.meta_path`.
"""

import importlib
import socket
import sys
import zlib

_OURS = 'svcfw'
#: Where the loader's text goes over to the start of a context that has its process for itself.
_FROM_HERE_ON = b'del sys.argv'


class Prepared:
    """The core of contexts, and what else jobs have used of ours. Made in the template, used in a fork of it."""

    def __init__(self):
        self._modules = {}
        self._loader = None

    def __bool__(self):
        return self._loader is not None

    def add(self, second_stage, sources):
        """Import modules. second_stage: of a context (bytes), the first time; sources: [(name, file name, source,
        is it a package)]."""
        own = _take_out()
        try:
            if self._loader is None:
                self._loader = _make_loader(second_stage)
            else:
                self.install()
            self._loader.sources.update((source[0], source[1:]) for source in sources)
            for name in [source[0] for source in sources] or list(self._loader.sources):
                try:
                    __import__(name)
                except Exception:  # it needs what is not here: whoever uses it finds out
                    sys.modules.pop(name, None)
        finally:
            if self._loader in sys.meta_path:
                sys.meta_path.remove(self._loader)
            self._modules = _take_out()
            sys.modules.update(own)

    def install(self):
        """In a fork: make it all importable; returns the loader."""
        sys.modules.update(self._modules)
        sys.meta_path.insert(0, self._loader)  # type: ignore[arg-type]
        return self._loader

    def rehearse(self):
        """In a fork: make a context that is connected to nothing, call a service, and undo it all.

        So what this writes to are the process's own pages before it has a job. No-op where nothing is prepared.
        """
        if not self:
            return
        own = _take_out()
        try:
            self.install()
            _call_nobody()
        except Exception:  # a limit of descriptors, say: the job finds out
            pass
        finally:
            if self._loader in sys.meta_path:
                sys.meta_path.remove(self._loader)
            self._modules = _take_out()
            sys.modules.update(own)


def _call_nobody():
    router = importlib.import_module('svcfw.core.router').Router(lambda router, level, text: None, 1, (0,), '')
    link = importlib.import_module('svcfw.core.wire.link').Link()
    ours, theirs = socket.socketpair()
    with theirs:
        stream = router.add_parent(link, *[ours.detach()] * 2)
        try:
            router.parent().request_service('a.B', 'c', {}).cancel()
        finally:
            stream.abandon()
            router.abandon()


def _take_out():
    names = [name for name in sys.modules if name.partition('.')[0] == _OURS]
    return {name: sys.modules.pop(name) for name in names}


def _make_loader(second_stage):
    """The loader of the core (svcfw/boot/loader.py), now the first of `sys.meta_path`."""
    unpacker = zlib.decompressobj()
    parts = unpacker.decompress(second_stage).split(bytes(1))
    names = {'b': second_stage, 'd': unpacker, 's': parts, '__name__': 'svcfw_link'}
    text = parts[0].partition(_FROM_HERE_ON)[0]
    exec(compile(text, '<svcfw>/loader.py', 'exec', dont_inherit=True), names)
    return sys.meta_path[0]
