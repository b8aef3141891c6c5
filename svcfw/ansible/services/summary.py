"""The callback plugin that tells at the end of a run what services did, and services which hosts are out of it.

Runs in the main process.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from ansible.plugins.callback import CallbackBase

from svcfw.core.parent import printable
from svcfw.core.wire.errors import Error
from svcfw.mux.client.client import Client
from svcfw.mux.offer import start_time
from svcfw.mux.protocol import Method

_T = TypeVar('_T')


class CallbackModule(CallbackBase):
    """Asks the multiplexer, if there is one: at the end, and where a host is out of the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'aggregate'
    CALLBACK_NAME = 'svcfw.svcfw.services'
    CALLBACK_NEEDS_ENABLED = True

    # A seam for tests.
    connect_client = staticmethod(Client.connect)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A host is out of the run, unless the playbook goes on with it."""
        if not ignore_errors and not is_handled(result._task):
            self._tell_out(result._host.get_name())

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """The same; no `rescue` or `always` is for that."""
        if not getattr(result._task, 'ignore_unreachable', False):
            self._tell_out(result._host.get_name())

    def _tell_out(self, host: str) -> None:
        self._ask(f'services do not know that {host} is out', lambda client, run: client.host_is_out(run, host))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end of the run."""
        summary = self._ask('what services did is not known', lambda client, run: client.summary(run))
        lines, methods = summary or ([], [])
        for _, name, text in lines:
            self._display.display(f'{name}: {printable.line(text)}')
        for method in methods:
            self._display.v(f'svcfw: {described(method)}')

    def _ask(self, failure: str, ask: Callable[[Client, tuple[int, int]], _T]) -> _T | None:
        """Ask the multiplexer; None where there is none, or none that answers."""
        try:
            client = self.connect_client(start=False)
            if client is None:
                return None
            try:
                return ask(client, (os.getpid(), start_time(os.getpid())))
            finally:
                client.close()
        except (Error, OSError) as exc:
            self._display.vv(f'svcfw: {failure}: {exc}')
            return None


def is_handled(task: Any) -> bool:
    """Whether a task is in a block with `rescue` or `always`, to which its failure leads."""
    parent = getattr(task, '_parent', None)
    while parent is not None:
        if getattr(parent, 'rescue', None) or getattr(parent, 'always', None):
            return True
        parent = getattr(parent, '_parent', None)
    return False


def described(method: Method) -> str:
    """What calls of one method came to."""
    counts = f'{method.calls} calls, {method.executions} executions, {method.failures} failures'
    return f'{method.service}.{method.name}: {counts}, {method.seconds:.3f} s'
