"""Build hook: `ansible_plugins/` becomes the collection `svcfw.svcfw` next to the package.

A wheel carries a copy. An editable install gets a symlink in `build/editable`, which the project's
`dev-mode-dirs` puts on `sys.path`: a copied folder (what `force-include` does there) would go stale at the first edit.
"""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLUGINS = 'ansible_collections/svcfw/svcfw/plugins'


class CollectionHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before each build; `version` is 'standard' or 'editable'."""
        source = Path(self.root) / 'ansible_plugins'
        if version == 'editable':
            link_plugins(source, Path(self.root) / 'build' / 'editable')
            return
        for folder in sorted(source.iterdir()):
            if folder.is_dir() and folder.name != '__pycache__':
                build_data['force_include'][str(folder)] = f'{PLUGINS}/{folder.name}'


def link_plugins(source: Path, directory: Path) -> None:
    """Make `directory` an import root whose collection is a symlink to `source`; done twice is done once."""
    link = directory / PLUGINS
    link.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(source, link.parent)
    if link.is_symlink() and os.readlink(link) == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target, target_is_directory=True)
