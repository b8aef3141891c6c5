"""Which modules may run in a process that has run others before them, and for which releases of ansible-core.

A module is in the table when its source was read for what it leaves behind in its process, and it runs there again and
again with the results of a new process (tests/integration/test_reuse.py). What the table does not know is found by the
comparison after each run (svcfw/agent/warm/reuse/snapshot.py); both have to agree.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

import ansible

#: Module of ansible-core: what it does to its process.
MODULES = {
    'assemble': 'reads and writes files by names; runs programs only to validate',
    'blockinfile': 'reads and writes files by names; runs programs only to validate',
    'command': 'runs a program and waits for it; with `chdir` it changes the working directory, which is compared',
    'copy': 'reads and writes files by names; runs programs only to validate',
    'file': 'system calls on names',
    'find': 'reads folders and files',
    'getent': 'runs getent',
    'known_hosts': 'reads and writes files by names; runs ssh-keygen',
    'lineinfile': 'reads and writes files by names; runs programs only to validate',
    'ping': 'nothing',
    'replace': 'reads and writes files by names; runs programs only to validate',
    'slurp': 'reads a file',
    'stat': 'reads a file; runs `file` and others for what the library of its Python does not know',
    'systemd': 'runs systemctl',
    'systemd_service': 'runs systemctl',
    'tempfile': 'makes a file; the generator of names is made anew for each run (snapshot.py)',
}
#: Not in the table: what was found.
LEFT_OUT = {
    'get_url': 'leaves what urllib and ssl keep of proxies, openers and certificates',
    'group': 'keeps what /etc/os-release says',
    'service': 'reads facts, and daemonizes',
    'setup': 'keeps facts and what the platform module knows; most of its time is work',
    'uri': 'as get_url',
    'user': 'defines classes of ctypes, which keep themselves',
}
#: Those with a process of their own that look at nothing while they are imported, so that what they import can be
#: imported ahead of it.
PREIMPORTED = frozenset({'setup'})
#: The releases for which the rehearsal, and the table, were tested (tests/integration/test_reuse.py).
LINES = ('2.16', '2.17', '2.18', '2.19', '2.20', '2.21', '2.22')

_OWN = 'ansible.modules.'
_CORE = Path(ansible.__file__).parent
# Made by core for each payload; the pattern has each line that can be there.
_MADE = {'ansible/__init__.py', 'ansible/module_utils/__init__.py'}
_MADE_TEXT = re.compile(
    rb'from pkgutil import extend_path\n__path__=extend_path\(__path__,__name__\)\n'
    rb'(__version__="[\w.+-]+"\n__author__="[\w., ]+"\n)?'
)


def knows_core(version: str) -> bool:
    """Whether the release is one of LINES."""
    return line(version) in LINES


def line(version: str) -> str:
    """'2.21' of '2.21.0rc1'; '0.0' where there is none. Without an expression, which each worker would compile anew."""
    major, minor = (version + '..').split('.')[:2]
    digits = minor[: len(minor) - len(minor.lstrip('0123456789'))]
    return f'{major}.{digits}' if major.isdecimal() and major.isascii() and digits else '0.0'


def knows(fqn: str) -> bool:
    """Whether something may be done with the module of this name in a payload ('ansible.modules.ping'), if it is
    core's own."""
    return _name(fqn) in MODULES or may_preimport(fqn)


def may_reuse(fqn: str, params: bytes) -> bool:
    """Whether a run of it may share a process with others. params: JSON text of its payload.

    Not one that makes a backup: its name is made of the process's number and the second, so that of two in one second
    the second would overwrite the first.
    """
    return _name(fqn) in MODULES and not _makes_backup(params)


def may_preimport(fqn: str) -> bool:
    """Whether what it imports may be imported ahead of its process."""
    return _name(fqn) in PREIMPORTED


def _name(fqn: str) -> str:
    return fqn[len(_OWN) :] if fqn.startswith(_OWN) else ''


def _makes_backup(params: bytes) -> bool:
    if b'"backup"' not in params:
        return False
    try:
        return json.loads(params)['ANSIBLE_MODULE_ARGS'].get('backup') not in (None, False)
    except (ValueError, LookupError, TypeError, AttributeError):
        return True


def is_core(members: Iterable[tuple[str, bytes, bytes]]) -> bool:
    """Whether all members (name, SHA-256, content) are what this ansible-core has; takes some 5 ms."""
    return all(_is_own(name, digest, content) for name, digest, content in members)


def _is_own(name: str, digest: bytes, content: bytes) -> bool:
    if name in _MADE:
        return _MADE_TEXT.fullmatch(content) is not None
    head, _, rest = name.partition('/')
    try:
        return head == 'ansible' and hashlib.sha256((_CORE / rest).read_bytes()).digest() == digest
    except OSError:
        return False
