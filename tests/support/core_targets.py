"""What an integration target of ansible-core asks of the program that runs it, by its `aliases` file.

Follows ansible-test (ansible_test/_internal/target.py) as far as our list of targets needs it.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.support.core_source import TARGETS

# Plugins work on the controller; targets are named after them. What is named after a module works on the target.
CONTROLLER_PREFIXES = (
    'become_', 'cache_', 'callback_', 'connection_', 'filter_', 'inventory_', 'lookup_', 'strategy_', 'vars_',
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """One folder below `test/integration/targets`."""

    name: str
    directory: Path
    aliases: frozenset[str]

    @classmethod
    def load(cls, source: Path, name: str) -> 'Target':
        directory = source / TARGETS / name
        file = directory / 'aliases'
        lines = file.read_text().splitlines() if file.exists() else []
        words = (line.partition('#')[0].strip() for line in lines)
        return cls(name, directory, frozenset(word for word in words if word))

    @property
    def is_script(self) -> bool:
        """Whether it is `runme.sh`; otherwise it is a role."""
        return (self.directory / 'runme.sh').exists()

    @property
    def gathers_facts(self) -> bool:
        """Whether the play around the role gathers facts."""
        return 'gather_facts/no' not in self.aliases

    @property
    def is_on_controller(self) -> bool:
        """Whether it takes controller and target for one host with the same files."""
        if 'context/target' in self.aliases:
            return False
        marked = {'context/controller', 'needs/ssh'} & self.aliases
        return bool(marked) or self.name.startswith(CONTROLLER_PREFIXES)

    @property
    def setup(self) -> list[str]:
        """Targets to run before it."""
        return sorted(
            alias.split('/')[2] for alias in self.aliases if alias.startswith(('setup/always/', 'setup/once/'))
        )

    @property
    def environment(self) -> dict[str, str]:
        """Variables that it wants set."""
        pairs = (alias.split('/', 3)[2:4] for alias in self.aliases if alias.startswith('env/set/'))
        return dict(pairs)


def names(source: Path) -> list[str]:
    """All targets of the release, those that are only part of others included."""
    return sorted(each.name for each in (source / TARGETS).iterdir() if each.is_dir())
