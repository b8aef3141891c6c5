"""A service does what a task says, and nothing else."""

from types import SimpleNamespace
from typing import Any

import pytest

from svcfw.ansible.services import offering
from svcfw.ansible.services.ready.attested import attest, requested
from svcfw.service.errors import RefusedError


def message(facts: dict[str, Any]) -> Any:
    return SimpleNamespace(src_id=7, auth_id=7, router=SimpleNamespace(beside={7: facts}))


def test_what_the_task_says_is_attested(connect: Any) -> None:
    connection = connect()
    key = attest(connection, 'a.B', {'url': 'x'})
    offer = offering.offer(connection, connection._more, None, 'module')
    assert offer is not None
    assert offer.services == ['a.B']
    assert requested(message(offer.facts), 'a.B', key) == {'url': 'x'}
    for facts, service, shown in ((offer.facts, 'a.B', 'other'), (offer.facts, 'a.C', key), ({}, 'a.B', key)):
        with pytest.raises(RefusedError):
            requested(message(facts), service, shown)


def test_each_item_of_a_loop_has_its_own(connect: Any) -> None:
    connection = connect()
    first, second = (attest(connection, 'a.B', {'number': number}) for number in (1, 2))
    offer = offering.offer(connection, connection._more, None, 'module')
    assert offer is not None
    assert requested(message(offer.facts), 'a.B', second) == {'number': 2}
    with pytest.raises(RefusedError):
        requested(message(offer.facts), 'a.B', first)


def test_what_is_known_of_a_task_is_not_stated_otherwise(connect: Any) -> None:
    connection = connect(inventory_hostname='web1')
    connection.offer(services=['a.B'], facts={'inventory_hostname': 'web2'})
    offer = offering.offer(connection, connection._more, None, 'module')
    assert offer is not None
    assert offer.facts['inventory_hostname'] == 'web1'
