"""What a task of the controller asks of a ready service: said by its action, and no host's word.

The action has the connection offer its module the service and attest one fact, the request; the service goes by that
fact alone. The module, on a host that is not trusted, has no more than a key of it.
"""

import hashlib
import json
import sys
from typing import Any

from svcfw.core.message import Message
from svcfw.service.callers import caller
from svcfw.service.errors import RefusedError

#: The name of the fact.
_FACT = 'asked'


def attest(connection: Any, service: str, request: dict[str, Any]) -> str:
    """For an action: let the module of this task ask `service` for `request`; returns the key for the module to show.

    Over a connection that is not ours nothing is done: the module says what it lacks.
    """
    fact = json.dumps({'service': service, **request}, sort_keys=True)
    ours = sys.modules.get('svcfw.ansible.connection')  # a connection of ours has loaded it
    if ours is not None and isinstance(connection, ours.Connection):
        connection.offer(services=[service], facts={_FACT: fact})
    return _key(fact)


def requested(msg: Message, service: str, key: str) -> dict[str, Any]:
    """For a service: what the task of the caller asks for. RefusedError where that is not what `key` is of."""
    fact = getattr(caller(msg), _FACT, None)
    if fact is None or _key(fact) != key:
        raise RefusedError(f'{service}: the task of this host does not ask for that')
    request: dict[str, Any] = json.loads(fact)
    if request.pop('service') != service:
        raise RefusedError(f'{service}: the task of this host asks another service')
    return request


def _key(fact: str) -> str:
    return hashlib.sha256(fact.encode()).hexdigest()
