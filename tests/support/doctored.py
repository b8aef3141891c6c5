"""An ansible-core in which one thing that we know of it, beyond its plugin API, is another one.

A copy of the package (links, but for the files that differ) that stands before the real one on PYTHONPATH. What is
changed is changed everywhere in it, so that the core works as before for everybody who goes by its public interfaces.
Every edit has to find something: where a new core has the thing no longer, the doctoring says so. The things themselves
are in doctorings.py.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.venvs import Core, site_packages

OLD, NEW = '2.18', '2.21'


@dataclass(frozen=True)
class Edit:
    """Replaces a regular expression in all files of the package that some of `files` (patterns) match."""

    pattern: str
    replacement: str
    files: tuple[str, ...]

    def apply(self, package: 'Package') -> None:
        """AssertionError if there is nothing to replace."""
        count = 0
        for path in sorted({path for pattern in self.files for path in package.base.glob(pattern)}):
            name = path.relative_to(package.base)
            content, found = re.subn(self.pattern, self.replacement, package.read(name), flags=re.M)
            if found:
                count += found
                package.write(name, content)
        assert count, f'{self.pattern!r} is not in {self.files} of {package.base}'


class Package:
    """A copy of the folder `base` in `top`: links, but for the files that are written and the folders above them."""

    def __init__(self, base: Path, top: Path) -> None:
        self.base = base
        self._top = top
        self._unfold(Path())

    def read(self, name: Path) -> str:
        """The file as it is in the copy."""
        return (self._top / name).read_text()

    def write(self, name: Path, content: str) -> None:
        """Another content, in the copy alone."""
        for folder in reversed(name.parents):
            self._unfold(folder)
        (self._top / name).unlink()
        (self._top / name).write_text(content)

    def _unfold(self, folder: Path) -> None:
        """Make a folder of its own of what was a link to one."""
        own = self._top / folder
        if own.is_dir() and not own.is_symlink():
            return
        own.unlink(missing_ok=True)
        own.mkdir(parents=True)
        for each in (self.base / folder).iterdir():
            if each.name == '__pycache__':  # its own, so that what it writes does not get into the base
                self._unfold(folder / each.name)
            else:
                (own / each.name).symlink_to(each)


def word(old: str, new: str, *files: str) -> Edit:
    """A name, wherever it stands in the files."""
    return Edit(rf'\b{old}\b', new, files)


def text(old: str, new: str, *files: str) -> Edit:
    """A literal text."""
    return Edit(re.escape(old), new.replace('\\', r'\\'), files)


#: By the first word of a name: the tasks of tests/integration/test_doctored_core.py that come to such facts.
USED_BY = {
    'payload': ('module', 'environment', 'sudo'),
    'command': ('module', 'copy', 'sudo'),
    'shell': ('copy', 'other copy'),
    'become': ('sudo', 'su', 'sudo copy'),
    'set_become_plugin': ('sudo', 'sudo copy'),
    'play_context': ('module', 'environment', 'sudo'),
    'is_pipelining_enabled': ('module', 'su'),
    'DEFAULT_KEEP_REMOTE_FILES': ('module', 'su'),
    'options': ('module', 'copy'),
    'copy': ('folder',),
}


@dataclass(frozen=True)
class Doctoring:
    """`edits` make the fact `name` another one. `says`: what -v has to show (a regular expression); '' where no fast
    path depends on it. `lines`: of ansible-core that have the fact. `variables` (of the host) and `env`: to come to
    where it matters. `tasks`: the names of those that use it."""

    name: str
    says: str
    edits: tuple[Edit, ...]
    lines: tuple[str, ...] = (OLD, NEW)
    variables: tuple[tuple[str, object], ...] = ()
    env: tuple[tuple[str, str], ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        kind = re.split(r'[. ]', self.name)[0]
        return USED_BY.get(kind, ('module',))


def doctor(core: Core, doctoring: Doctoring, folder: Path) -> dict[str, str]:
    """Make the doctored package in `folder`; returns the environment in which it is found first."""
    package = Package(site_packages(core) / 'ansible', folder / 'ansible')
    for edit in doctoring.edits:
        edit.apply(package)
    return {'PYTHONPATH': str(folder), **dict(doctoring.env)}
