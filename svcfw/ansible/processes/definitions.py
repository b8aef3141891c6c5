"""Hands the definitions of our options from the first worker of a run to the others.

A plugin of a collection is loaded by each worker anew, and core parses its documentation each time: 10 of the 30 ms
that takes. So what core has made of it is written to core's folder for the run, which is private and removed at the
end; later workers give it to core before it parses, by the method with which core's loader itself does. A core without
these methods parses.
"""

import json
import os
from pathlib import Path
from typing import Any

from ansible import constants

_TYPE = 'connection'
_FILE = 'svcfw-options.json'


def offer(module: str) -> None:
    """Called as the plugin `module` is imported, by whose name core asks for the definitions next."""
    path = _path()
    if path is None:
        return
    try:
        if constants.config.has_configuration_definition(_TYPE, module):
            return
        kept: dict[str, Any] = json.loads(path.read_bytes())
        if kept['plugin'] == module:
            constants.config.initialize_plugin_configuration_definitions(_TYPE, module, kept['options'])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return


def keep(plugin: str) -> None:
    """Called with options set, so that core knows the definitions. Writes them once in a run."""
    path = _path()
    if path is None or '.' not in plugin or path.exists():
        return  # a short name's plugin is loaded before workers fork
    own = path.with_name(f'{_FILE}.{os.getpid()}')
    try:
        options = constants.config.get_configuration_definitions(_TYPE, plugin)
        own.write_text(json.dumps({'plugin': plugin, 'options': options}))
        own.rename(path)
    except (OSError, ValueError, TypeError, AttributeError):
        return


def _path() -> Path | None:
    folder = getattr(constants, 'DEFAULT_LOCAL_TMP', None)
    return Path(str(folder), _FILE) if folder else None
