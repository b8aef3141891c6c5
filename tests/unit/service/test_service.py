"""The base class of services: their names, and which objects can be served."""

from typing import Any

import pytest

from svcfw.core.loop import Loop
from svcfw.service.errors import PoolError
from svcfw.service.service import Service, require_servable


class Shop(Service):
    class Inner(Service):
        pass


class Forgetful(Service):
    def __init__(self, router: Any) -> None:
        pass


class Router:
    def __init__(self) -> None:
        self.loop = Loop(lambda error: None)


def test_a_name_leads_to_the_class() -> None:
    assert Shop.name() == f'{__name__}.Shop'
    assert Shop.Inner.name() == f'{__name__}.Shop.Inner'


def test_an_instance_can_be_served() -> None:
    router = Router()
    service = Shop(router)
    require_servable('shop', service)
    assert (service.router, service.invoker) == (router, None)
    service.on_message_received(None)
    service.on_shutdown()
    router.loop.close()


@pytest.mark.parametrize(
    ('thing', 'cause'),
    [
        (Shop, r'an instance: write services=\[Shop\(router\)\]'),
        (object(), 'expected a Service, got <object'),
        (Forgetful(None), r'its __init__ does not call super\(\).__init__\(router\)'),
    ],
)
def test_what_cannot_says_why(thing: Any, cause: str) -> None:
    with pytest.raises(PoolError, match=f'shop cannot be served: .*{cause}'):
        require_servable('shop', thing)
