"""Has core look up once, before it forks workers, what each of them would look up anew.

Core imports the plugins of a user's folder in its main process, so this runs there (`svcfw enable`), and with our
strategies. A worker's first result takes what core calls the fields of a result (1.7 ms in core 2.21), each module the
two encodings of its arguments and its result (0.9 ms, from 2.19 on). Where plugins are core's loaders note per folder
when they first look there (1 to 3 ms), and look anew when a folder is added. Copying the pages that this writes to
comes on top. All is cached by core itself: it is only asked earlier. A core without them is asked for nothing.
"""

import importlib
from contextlib import suppress

from ansible import constants


def preload() -> None:
    """In core's main process. Never raises."""
    for ask in (_encodings, _fields_of_results, _plugins, _action):
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


def _plugins() -> None:
    """Where those of each kind are. None is loaded: one of that name in a folder that is added later would not be."""
    if constants.OLD_PLUGIN_CACHE_CLEARING:  # then what is known of a name stays, whatever is added
        return
    loader = importlib.import_module('ansible.plugins.loader')
    loader.module_loader.find_plugin('ping')
    loader.shell_loader.find_plugin('sh')
    loader.become_loader.find_plugin('sudo')
    loader.action_loader.find_plugin('normal')


def _action() -> None:
    """That which stands for `copy` (svcfw enable) loads this when it runs."""
    importlib.import_module('svcfw.ansible.copy')
