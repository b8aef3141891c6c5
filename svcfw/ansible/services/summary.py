"""The callback plugin that tells at the end of a run what services did. Runs in the main process."""

import os
from typing import Any

from ansible.plugins.callback import CallbackBase

from svcfw.core.parent import printable
from svcfw.core.wire.errors import Error
from svcfw.mux.client.client import Client
from svcfw.mux.offer import start_time
from svcfw.mux.protocol import Method


class CallbackModule(CallbackBase):
    """Asks the multiplexer, if there is one, once."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'aggregate'
    CALLBACK_NAME = 'svcfw.svcfw.services'
    CALLBACK_NEEDS_ENABLED = True

    # A seam for tests.
    connect_client = staticmethod(Client.connect)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end of the run."""
        try:
            client = self.connect_client(start=False)
            if client is None:
                return
            try:
                lines, methods = client.summary((os.getpid(), start_time(os.getpid())))
            finally:
                client.close()
        except (Error, OSError) as exc:
            self._display.vv(f'svcfw: what services did is not known: {exc}')
            return
        for _, name, text in lines:
            self._display.display(f'{name}: {printable.line(text)}')
        for method in methods:
            self._display.v(f'svcfw: {described(method)}')


def described(method: Method) -> str:
    """What calls of one method came to."""
    counts = f'{method.calls} calls, {method.executions} executions, {method.failures} failures'
    return f'{method.service}.{method.name}: {counts}, {method.seconds:.3f} s'
