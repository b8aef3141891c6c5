"""Has core look up once, before it forks workers, what each of them would look up anew.

Core imports the connection plugin in its main process if it is in a user's plugin folder (`svcfw enable`), or if one of
our strategies is used; then this runs there. Otherwise each worker computes anew: the fields of a result (1.7 ms, core
2.21), the two encodings of a module's arguments and result (0.9 ms, from 2.19 on), and the places of shell and become
plugins (0.5 ms), and copies the pages that this writes to. Core caches all of that itself. The module behind our action
for `copy` is imported, too. What a core does not have is left out.
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
