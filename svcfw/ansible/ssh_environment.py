"""The environment variables that ssh sends to a host: they affect a login there.

ssh_config names them by patterns (SendEnv; on Debian LANG and LC_* by default), or sets them itself (SetEnv). Only ssh
can tell for which hosts a line counts, so every line of every file that ssh might read counts here: at worst a run with
another LANG makes a new login where the old one would have served.
"""

import fnmatch
import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from svcfw.transport import ssh_config
from svcfw.transport.ssh_config import option_settings

_SYSTEM_FOLDER = Path('/etc/ssh')
_SEPARATOR = re.compile(r'\s*=\s*|\s+')
#: ssh's own limit of nested Includes.
_MAX_INCLUDES = 16


class Sending(NamedTuple):
    """Patterns of names that are sent, and assignments made by the configuration."""

    patterns: tuple[str, ...]
    assignments: tuple[str, ...]

    def of(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables that are sent, in sorted order."""
        names = [name for name in environ if any(fnmatch.fnmatchcase(name, each) for each in self.patterns)]
        return {name: environ[name] for name in sorted(names)}


def sending(words: Sequence[str], system_folder: Path = _SYSTEM_FOLDER, home: Path | None = None) -> Sending:
    """What ssh with these arguments may send; takes some 100 us. Unreadable files are skipped.

    Assignments in `words` are left out: the caller knows them.
    """
    settings = option_settings(list(words))
    found = [(name, value) for name, value in settings if name == 'sendenv']
    user_folder = home / '.ssh' if home else Path(ssh_config.user_folder())
    named = [value for name, value in settings if name == 'configfile']
    if named:
        # -F replaces both files.
        found += _settings(os.path.expanduser(named[0]), user_folder, 0)
    else:
        found += _settings(str(user_folder / 'config'), user_folder, 0)
        found += _settings(str(system_folder / 'ssh_config'), system_folder, 0)
    patterns = [word for name, value in found if name == 'sendenv' for word in value.split() if word[0] != '-']
    return Sending(tuple(dict.fromkeys(patterns)), tuple(value for name, value in found if name == 'setenv'))


def _settings(path: str, folder: Path, depth: int) -> Iterator[tuple[str, str]]:
    """(name, value) of SendEnv and SetEnv in a file, and in its Includes relative to `folder`."""
    try:
        with open(path, encoding='utf-8', errors='replace') as opened:
            lines = opened.read().splitlines()
    except OSError:
        return
    for line in lines:
        name, *values = _SEPARATOR.split(line.strip(), maxsplit=1)
        name, value = name.lower(), ''.join(values)
        if name == 'sendenv':
            yield name, value.replace('"', '')
        elif name == 'setenv':
            yield name, line.strip()
        elif name == 'include' and depth < _MAX_INCLUDES:
            for pattern in value.replace('"', '').split():
                full = os.path.join(folder, os.path.expanduser(pattern))
                for each in sorted(glob.glob(full)):
                    yield from _settings(each, folder, depth + 1)
