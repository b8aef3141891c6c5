"""Serves modules and data files to the children of a context that is itself a child. Not part of the core.

The modules that this context has are its own to give; whatever else is asked for goes up.
"""

import zlib

from svcfw.core import handles
from svcfw.core.wire.errors import CallError, DecodeError


def serve(router):
    """Have the children of a context served; at the top of the tree the Responder does. Idempotent. Loop thread."""
    importer = router.importer
    if importer is not None and importer.relay is None:
        importer.relay = Relay(router, importer)


class Relay(object):
    """Answers GET_MODULE and GET_DATA for one router, on its loop. importer: of this context."""

    def __init__(self, router, importer):
        self._router = router
        self._importer = importer
        router.add_handler(self._on_get_module, handles.GET_MODULE)
        router.add_handler(self._on_get_data, handles.GET_DATA)

    def _on_get_module(self, message):
        if message.is_dead:
            return
        name = message.value()
        if type(name) is not str:
            raise DecodeError('a module name is text')
        if name in self._importer.sources:
            message.reply([self._pack(name)])
            return

        def answer(reply):
            if reply.is_dead:
                message.refuse(reply.reason)
                return
            modules = reply.value()
            self._importer.accept(modules)
            message.reply(modules)

        self._router.parent().request_async(handles.GET_MODULE, name, answer)

    def _pack(self, name):
        filename, source, is_package = self._importer.sources[name]
        return name, is_package, filename.partition('/')[2], zlib.compress(source, 1)

    def _on_get_data(self, message):
        """Not kept: a file is asked for by few, and may be large."""
        if message.is_dead:
            return

        def answer(reply):
            if reply.is_dead:
                message.refuse(reply.reason)
                return
            try:
                message.reply(reply.value())
            except CallError as e:
                message.fail(e)

        self._router.parent().request_async(handles.GET_DATA, message.value(), answer)
