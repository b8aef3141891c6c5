"""Who may call, decided by nothing but the envelope."""

from collections.abc import Callable
from typing import Any

import pytest

from svcfw.core import handles
from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.wire.errors import ChannelError
from svcfw.service import AllowAny, Policy, Pool, Service, expose
from tests.support.routers import LONG
from tests.unit.service.services import Echo, Family, Parents, refusal

Host = Callable[..., Pool]


class Only(Policy):
    """A user's policy: contexts with certain ids."""

    def __init__(self, *ids: int) -> None:
        self.ids = ids

    def is_authorized(self, service: Service, msg: Message) -> bool:
        return msg.src_id in self.ids


class Broken(Policy):
    def is_authorized(self, service: Service, msg: Message) -> bool:
        raise RuntimeError('a mistake')


class Guarded(Service):
    @expose(policy=Only(1, 2))
    @expose(policy=Only(1, 10))
    def both(self) -> str:
        return 'in'

    @expose(policy=Broken())
    @expose(policy=AllowAny())
    def broken(self) -> str:
        return 'in'


def raw(context: Context, *envelope: Any) -> Any:
    """Send this as the envelope of a call."""
    return context.request(handles.CALL_SERVICE, envelope, LONG)


def test_allow_any_lets_in_whoever_reaches_the_context(family: Family, host: Host) -> None:
    host(Echo, at=family.child)
    assert family.master.router.context(1).call_service(Echo, 'echo', value=1) == 1
    assert family.grandchild.router.context(1).call_service(Echo, 'echo', value=2) == 2
    assert family.child.router.myself().call_service(Echo, 'echo', value=3) == 3


def test_a_sibling_does_not_reach_it(family: Family, host: Host) -> None:
    host(Echo, at=family.child)
    with pytest.raises(ChannelError, match='neither ancestor nor descendant'):
        family.sibling.router.context(1).call_service(Echo, 'echo')


def test_allow_parents(family: Family, host: Host) -> None:
    host(Parents, at=family.child)
    assert family.master.router.context(1).call_service(Parents, 'echo', value=1) == 1
    assert family.child.router.myself().call_service(Parents, 'echo', value=2) == 2
    text = refusal(lambda: family.grandchild.router.context(1).call_service(Parents, 'echo', value=3))
    assert 'context 10 is not allowed to call it (policy AllowParents)' in text


def test_a_grandchild_calls_the_top_through_an_intermediate(family: Family, host: Host) -> None:
    host(Echo, Parents)
    top = family.master_from(family.grandchild)
    assert top.call_service(Echo, 'echo', value='far') == 'far'
    assert 'not allowed' in refusal(lambda: top.call_service(Parents, 'echo', value=1))


def test_all_of_several_have_to_agree(family: Family, host: Host) -> None:
    host(Guarded)
    assert family.master_from(family.child).call_service(Guarded, 'both') == 'in'
    for served in (family.sibling, family.grandchild):
        context = family.master_from(served)
        assert 'not allowed to call it (policy Only)' in refusal(
            lambda context=context: context.call_service(Guarded, 'both')
        )


def test_one_that_fails_says_no_and_is_logged(family: Family, host: Host, caller: Context) -> None:
    host(Guarded)
    assert 'policy Broken raised an exception' in refusal(lambda: caller.call_service(Guarded, 'broken'))
    assert 'a mistake' in family.master.logged[-1][1]


def test_arguments_are_not_looked_at_before(host: Host, caller: Context) -> None:
    host(Parents, Echo)
    garbage = b'\xc1 no value'
    assert 'not allowed' in refusal(lambda: raw(caller, Parents.name(), 'echo', None, garbage))
    with pytest.raises(Exception, match='DecodeError'):
        raw(caller, Echo.name(), 'echo', None, garbage)


@pytest.mark.parametrize(
    'envelope',
    [
        (b'service', 'method', None, b''),
        ('service', b'method', None, b''),
        ('service', 'method', 'soon', b''),
        ('service', 'method', None, {}),
        ('service', 'method', None),
    ],
)
def test_an_envelope_of_another_form_is_refused_and_harms_nobody(
    host: Host, caller: Context, envelope: tuple[Any, ...]
) -> None:
    host(Echo, size=1)
    assert 'malformed service call' in refusal(lambda: raw(caller, *envelope))
    assert caller.call_service(Echo, 'echo', value=1) == 1


def test_arguments_that_are_no_names_are_refused(host: Host, caller: Context) -> None:
    host(Echo)
    encode = caller.router.codec.encode
    for arguments in ([1], {1: 2}, {b'value': 1}):
        text = refusal(lambda arguments=arguments: raw(caller, Echo.name(), 'echo', None, encode(arguments)))
        assert text == 'echo: argument names must be str'


def test_a_dead_message_from_below_ends_no_thread(host: Host, family: Family, caller: Context) -> None:
    from svcfw.core.context import Sender

    host(Echo, size=1)
    for _ in range(3):
        Sender(caller, handles.CALL_SERVICE).close('the end, says a child')
        Sender(caller, handles.CANCEL_SERVICE).close('the end, says a child')
    assert caller.call_service(Echo, 'echo', value=1) == 1


def test_names_of_services(host: Host, caller: Context) -> None:
    host(Echo)
    for name in (Echo, Echo.name(), Echo.name().encode(), 'tests.unit.service.services.Echo'):
        assert caller.call_service(name, 'echo', value=1) == 1
    with pytest.raises(TypeError, match='neither a service nor its name'):
        caller.call_service(5, 'echo')
