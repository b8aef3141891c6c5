"""A callback plugin that writes each event of a run as one line of JSON to the file that SVCFW_COLLECT names."""

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: collect
type: notification
short_description: results as JSON lines
description: Writes every result to the file that the environment variable SVCFW_COLLECT names.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'notification'
    CALLBACK_NAME = 'collect'
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._file = open(os.environ['SVCFW_COLLECT'], 'w', encoding='utf-8', errors='surrogateescape')  # noqa: SIM115

    def _write(self, **event: object) -> None:
        json.dump(event, self._file, default=str, sort_keys=True)
        self._file.write('\n')
        self._file.flush()

    def _result(self, kind: str, result: Any) -> None:
        # The names with a dash before them are the only ones that every supported core has.
        host, task = result._host.get_name(), result._task
        self._write(kind=kind, host=host, task=task.get_name(), action=task.action, result=result._result)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result('ok', result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result('ignored' if ignore_errors else 'failed', result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result('unreachable', result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result('skipped', result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._result('item-ok', result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._result('item-failed', result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        self._result('item-skipped', result)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._write(kind='handler', task=task.get_name())

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._write(kind='recap', hosts={host: stats.summarize(host) for host in stats.processed})
