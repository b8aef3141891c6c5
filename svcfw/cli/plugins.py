"""Links in the user's plugin folders that let ansible-core find the plugins under their short names.

The collection name (svcfw.svcfw.svcfw) works as installed; a short name needs a file on a plugin path. A link survives
upgrades, and changes nobody's configuration.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from svcfw.files.disk.beside import Beside
from svcfw.files.disk.paths import decoded, temporary_name

# Endings of paths of installed plugins and those of a checkout; a link to such a path is one of ours.
_ROOTS = ('ansible_collections/svcfw/svcfw/plugins', 'ansible_plugins')

# Their short names begin so: core has plugins of the same names.
_PREFIXES = {'strategy': 'svcfw_'}

# Modules, and their actions, that take no short name: somebody's own module may have it already.
_FULL_NAME_ONLY = ('artifact', 'semaphore', 'service_call')


class Refused(Exception):
    """A file that is not ours is in the way."""


def source() -> Path:
    """The folder of the plugins that belong to this svcfw. Raises Refused if it was installed without them."""
    beside = Path(__file__).resolve().parents[2]
    for folder in [beside, *map(Path, sys.path)]:
        for root in _ROOTS:
            if (folder / root / 'connection' / 'svcfw.py').is_file():
                return (folder / root).absolute()
    raise Refused(f'no plugins beside {beside}. Install svcfw again')


def destination() -> Path:
    """The user's plugin folder, as ansible-core finds it."""
    return Path(os.environ.get('ANSIBLE_HOME') or '~/.ansible').expanduser() / 'plugins'


def enable(plugins: Path, into: Path) -> list[Path]:
    """Link every plugin of `plugins` in `into`; returns all links, new and existing. Idempotent.

    Raises Refused, before anything is made, if a file or a foreign link has the name.
    """
    wanted = {into / plugin.parent.name / _link_name(plugin): plugin for plugin in plugin_files(plugins)}
    for link in wanted:
        if os.path.lexists(link) and not is_ours(link):
            raise Refused(f'{link} is not a link to a svcfw plugin. Move it away first')
    for link, plugin in wanted.items():
        link.parent.mkdir(parents=True, exist_ok=True)
        # A run that starts just now finds the old one or the new one.
        fresh = Beside(str(link.with_name(decoded(temporary_name()))), str(link), fd=-1)
        try:
            os.symlink(plugin, fresh.temporary)
            fresh.put_in_place()
        finally:
            fresh.abandon()
    return list(wanted)


def disable(into: Path) -> list[Path]:
    """Remove every link of ours in `into`, to any installation; returns those removed."""
    links = [link for link in sorted(into.glob('*/*.py')) if is_ours(link)]
    for link in links:
        link.unlink()
    return links


def plugin_files(plugins: Path) -> Iterator[Path]:
    """The plugins of a collection's folder that have a short name: connection/svcfw.py and the like."""
    return (path for path in sorted(plugins.glob('*/*.py')) if path.stem not in ('__init__', *_FULL_NAME_ONLY))


def _link_name(plugin: Path) -> str:
    """What `plugin` is called where it has a short name."""
    return _PREFIXES.get(plugin.parent.name, '') + plugin.name


def is_ours(link: Path) -> bool:
    """Whether `link` is a symlink to a plugin of some svcfw, existing or not."""
    if not link.is_symlink():
        return False
    target = Path(os.readlink(link))
    return _link_name(target) == link.name and str(target.parent).endswith(
        tuple(f'{r}/{link.parent.name}' for r in _ROOTS)
    )
