"""Policies over what the controller attests of the modules that call: for services of playbooks.

They run in the service host, and look at `svcfw.service.caller(msg)` alone.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from svcfw.core.message import Message
from svcfw.service.callers import caller
from svcfw.service.policy import Policy
from svcfw.service.service import Service


class AllowHosts(Policy):
    """Modules on hosts whose names in the inventory match one of `patterns`, with `*`, `?` and `[...]`.

    One that begins with `!` keeps out whom it matches, whichever others do.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = _names(patterns, 'patterns')

    def is_authorized(self, service: Service, msg: Message) -> bool:
        name = getattr(caller(msg), 'inventory_hostname', None)
        if name is None or any(fnmatchcase(name, each[1:]) for each in self._patterns if each[:1] == '!'):
            return False
        return any(fnmatchcase(name, each) for each in self._patterns if each[:1] != '!')


class AllowAccounts(Policy):
    """Modules that run as one of these accounts: the one that the task becomes, else the one that is logged in to.

    As they are named in the playbook: where nobody names the account that is logged in to, it is none of these.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(_names(names, 'names'))

    def is_authorized(self, service: Service, msg: Message) -> bool:
        known = caller(msg)
        account = getattr(known, 'become_account', None) or getattr(known, 'login_account', None)
        return account in self._names


def _names(values: Iterable[str], what: str) -> list[str]:
    if isinstance(values, str):
        raise TypeError(f'{what} is a list, not {values!r}')
    return list(values)
