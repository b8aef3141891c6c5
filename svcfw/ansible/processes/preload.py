"""Has core look up once, before it forks workers, what each of them would look up anew.

Core imports the plugins of a user's folder in its main process, so this runs there (`svcfw enable`), and with our
strategies. A worker's first result takes what core calls the fields of a result (1.7 ms in core 2.21), each module the
two encodings of its arguments and its result (0.9 ms, from 2.19 on). Where plugins are core's loaders note per folder
when they first look there (0.5 ms for shells and become), and look anew when a folder is added. Copying the pages that
this writes to comes on top. All is cached by core itself: it is only asked earlier. A core without them is asked for
nothing.
"""

import importlib
import os
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
    """Where those of shells and become are; for modules and actions core looks itself, when it reads a play.

    Only where nobody but core has any: what a play writes into a folder that was looked through would not be found.
    None is loaded: one of that name in a folder that is added later would not be.
    """
    if constants.OLD_PLUGIN_CACHE_CLEARING:  # then what is known of a name stays, whatever is added
        return
    loaders = importlib.import_module('ansible.plugins.loader')
    for loader, name in ((loaders.shell_loader, 'sh'), (loaders.become_loader, 'sudo')):
        if all(each.internal or not os.path.isdir(each.path) for each in loader._get_paths_with_context()):
            loader.find_plugin(name)


def _action() -> None:
    """That which stands for `copy` (svcfw enable) loads this when it runs."""
    importlib.import_module('svcfw.ansible.copy')
