"""Has core look up once, before it forks workers, what each of them would look up anew.

Core imports the plugins of a user's folder in its main process, so this runs there (`svcfw enable`), and with our
strategies. A worker's first result takes what core calls the fields of a result (1.7 ms in core 2.21), each module the
two encodings of its arguments and its result (0.9 ms, from 2.19 on); copying the pages that this writes to comes on
top. Both are cached by core itself: it is only asked earlier. A core without them is asked for nothing.
"""

import importlib
from contextlib import suppress


def preload() -> None:
    """In core's main process. Never raises."""
    for ask in (_encodings, _fields_of_results):
        with suppress(Exception):
            ask()


def _encodings() -> None:
    json = importlib.import_module('ansible.module_utils.common.json')
    json.get_module_encoder('legacy', json.Direction.CONTROLLER_TO_MODULE)
    json.get_module_decoder('legacy', json.Direction.MODULE_TO_CONTROLLER)


def _fields_of_results() -> None:
    result = importlib.import_module('ansible._internal._task').UnifiedTaskResult
    for is_module in (False, True):
        result.get_result_key_to_resolved_field_mapping(source_is_module=is_module)
