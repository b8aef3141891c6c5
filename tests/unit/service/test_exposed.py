"""What can be called, with which arguments."""

import functools
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from svcfw.core.context import Context
from svcfw.core.message import Message
from svcfw.core.wire.errors import CallError
from svcfw.core.wire.values import Secret
from svcfw.service import NO_REPLY, AllowAny, Pool, RefusedError, Service, arg_spec, expose, no_reply
from tests.unit.service.services import Echo, refusal

Host = Callable[..., Pool]
ANYBODY = AllowAny()


def twice(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs), function(*args, **kwargs)

    return wrapper


class Typed(Service):
    @expose(policy=ANYBODY)
    @arg_spec(spec={'path': str, 'size': (int, float)}, optional={'mode': int, 'anything': None})
    def typed(self, path: str, size: float, mode: int = 7, anything: object = None) -> Any:
        return path, size, mode, anything

    @expose(policy=ANYBODY)
    @arg_spec({'flag': bool})
    def flag(self, flag: bool = False) -> bool:
        return flag

    @expose(policy=ANYBODY)
    @arg_spec({'x': int})
    def any_more(self, **others: Any) -> Any:
        return others

    @expose(policy=ANYBODY)
    def unspecified(self, a: Any, b: Any = 2, *, c: Any, d: Any = 4) -> Any:
        return a, b, c, d

    @expose(policy=ANYBODY)
    @twice
    def wrapped(self, x: Any) -> Any:
        return x


class Static(Service):
    @staticmethod
    @expose(policy=AllowAny())
    @arg_spec(spec={'first': str, 'second': str})
    def joined(first: str, second: str) -> str:
        return first + second


class MoreStatic(Static):
    @expose(policy=AllowAny())
    @arg_spec(spec={'first': str})
    def joined(self, first: str, second: str) -> str:  # type: ignore[override]
        return f'{first}-{second}'


class Hidden(Service):
    def plain(self) -> str:
        return 'not for others'

    @expose(policy=ANYBODY)
    def overridden(self) -> str:
        return 'the base says'


class MoreHidden(Hidden):
    def overridden(self) -> str:
        return 'not exposed by its own class'


class Messages(Service):
    @expose(policy=ANYBODY)
    def sender(self, msg: Message) -> int:
        return msg.src_id

    @expose(policy=ANYBODY)
    def local(self) -> str:
        msg = 'a local of that name'
        return msg  # noqa: RET504

    @expose(policy=ANYBODY)
    def keywords(self, **data: Any) -> Any:
        return data

    @expose(policy=ANYBODY)
    def later(self, msg: Message) -> Any:
        self.kept = msg
        return NO_REPLY

    @expose(policy=ANYBODY)
    @no_reply
    def itself(self, value: Any, msg: Message) -> Any:
        msg.reply(value)
        msg.reply('a second answer')
        return 'nor this'

    @expose(policy=ANYBODY)
    @no_reply
    def fails(self) -> None:
        raise ValueError('before the answer')

    @expose(policy=ANYBODY)
    @no_reply
    def drops(self) -> None:
        """Forgets to answer."""


@pytest.fixture
def call(host: Host, caller: Context) -> Callable[..., Any]:
    host(Typed, Static, MoreStatic, Hidden, MoreHidden, Messages, Echo)
    return caller.call_service


class TestWhatIsReachable:
    def test_a_method_without_a_policy_is_not(self, call: Callable[..., Any]) -> None:
        assert 'no exposed method plain' in refusal(lambda: call(Hidden, 'plain'))

    def test_nor_one_that_is_not_there(self, call: Callable[..., Any]) -> None:
        assert 'no exposed method nothing' in refusal(lambda: call(Hidden, 'nothing'))

    def test_nor_what_every_object_has(self, call: Callable[..., Any]) -> None:
        assert 'no exposed method __init__' in refusal(lambda: call(Hidden, '__init__'))

    def test_a_subclass_says_anew_what_is_exposed(self, call: Callable[..., Any]) -> None:
        assert call(Hidden, 'overridden') == 'the base says'
        assert 'no exposed method overridden' in refusal(lambda: call(MoreHidden, 'overridden'))

    @pytest.mark.parametrize('policy', [AllowAny, None, 'everybody'])
    def test_expose_wants_a_policy(self, policy: Any) -> None:
        with pytest.raises(TypeError, match='expected a Policy'):
            expose(policy=policy)

    def test_expose_wants_a_method(self) -> None:
        with pytest.raises(TypeError, match='expected a plain method'):
            expose(policy=ANYBODY)(property(lambda self: 1))  # type: ignore[arg-type]


class TestArguments:
    def test_those_that_fit(self, call: Callable[..., Any]) -> None:
        assert call(Typed, 'typed', path='p', size=1) == ('p', 1, 7, None)
        assert call(Typed, 'typed', path=Secret('p'), size=1.5, mode=2, anything=[1]) == ('p', 1.5, 2, [1])
        assert call(Typed, 'flag', flag=True) is True
        assert call(Typed, 'any_more', x=1, y=2) == {'x': 1, 'y': 2}
        assert call(Typed, 'unspecified', a=1, c=3) == (1, 2, 3, 4)
        assert call(Typed, 'wrapped', x=1) == (1, 1)

    @pytest.mark.parametrize(
        ('method', 'arguments', 'text'),
        [
            ('typed', {'path': 'p'}, 'typed: missing argument size'),
            ('typed', {}, 'typed: missing argument path, size'),
            ('typed', {'path': 'p', 'size': 1, 'b': 1, 'a': 2}, 'typed: unknown argument a, b'),
            ('typed', {'path': b'p', 'size': 1}, 'typed: argument path must be str, not bytes'),
            ('typed', {'path': 'p', 'size': '1'}, 'typed: argument size must be int or float, not str'),
            ('typed', {'path': 'p', 'size': True}, 'typed: argument size must be int or float, not bool'),
            ('typed', {'path': 'p', 'size': 1, 'mode': False}, 'typed: argument mode must be int, not bool'),
            ('typed', {'path': 'p', 'size': 1, 'mode': None}, 'typed: argument mode must be int, not NoneType'),
            ('flag', {}, 'flag: missing argument flag'),
            ('flag', {'flag': 1}, 'flag: argument flag must be bool, not int'),
            ('any_more', {'y': 1}, 'any_more: missing argument x'),
            ('unspecified', {'a': 1}, 'unspecified: missing argument c'),
            ('unspecified', {'a': 1, 'c': 1, 'e': 1}, 'unspecified: unknown argument e'),
            ('wrapped', {'y': 1}, 'wrapped: missing argument x'),
        ],
    )
    def test_those_that_do_not(
        self, call: Callable[..., Any], method: str, arguments: dict[str, Any], text: str
    ) -> None:
        assert refusal(lambda: call(Typed, method, **arguments)) == text

    def test_a_name_that_the_method_does_not_have_is_found_when_the_class_is_made(self) -> None:
        with pytest.raises(TypeError, match='has no parameter y'):

            @arg_spec({'y': int})
            def method(self: Any, x: int) -> None: ...

    def test_so_is_an_optional_one_without_a_default(self) -> None:
        with pytest.raises(TypeError, match='parameter x is optional in arg_spec, without a default'):

            @arg_spec({}, optional={'x': int})
            def method(self: Any, x: int) -> None: ...


class TestRefusals:
    def test_they_have_a_type_of_their_own_for_the_caller(self, call: Callable[..., Any]) -> None:
        with pytest.raises(RefusedError) as caught:
            call(Hidden, 'plain')
        refused = caught.value
        assert (refused.service, refused.method) == (Hidden.name(), 'plain')
        assert refused.reason == f'{Hidden.name()} has no exposed method plain'
        assert pickle.loads(pickle.dumps(refused)).reason == refused.reason


class TestStaticMethods:
    def test_they_have_all_their_parameters(self, call: Callable[..., Any]) -> None:
        assert call(Static, 'joined', first='a', second='b') == 'ab'
        with pytest.raises(CallError, match='missing argument first'):
            call(Static, 'joined', second='b')
        assert call(MoreStatic, 'joined', first='a', second='b') == 'a-b'


class TestMessage:
    def test_a_parameter_receives_it(self, call: Callable[..., Any]) -> None:
        assert call(Messages, 'sender') == 1

    def test_a_local_does_not(self, call: Callable[..., Any]) -> None:
        assert call(Messages, 'local') == 'a local of that name'

    def test_no_caller_can_give_it(self, call: Callable[..., Any]) -> None:
        assert refusal(lambda: call(Messages, 'sender', msg=1)) == 'sender: unknown argument msg'

    def test_without_the_parameter_it_is_a_name_like_any_other(self, call: Callable[..., Any]) -> None:
        assert call(Messages, 'keywords', msg=1) == {'msg': 1}


class TestAnswers:
    def test_later(self, host: Host, caller: Context) -> None:
        service = host(Messages).get_service(Messages)
        reply = caller.call_service_async(Messages, 'later')
        assert caller.call_service(Messages, 'local')  # has come after
        service.kept.reply('now')
        assert reply.get() == 'now'

    def test_by_the_method_itself_and_once(self, call: Callable[..., Any]) -> None:
        assert call(Messages, 'itself', value=5) == 5

    def test_what_a_no_reply_method_raises_is_told(self, call: Callable[..., Any]) -> None:
        with pytest.raises(CallError, match='before the answer'):
            call(Messages, 'fails')

    def test_one_that_is_forgotten_is_an_end(self, call: Callable[..., Any]) -> None:
        with pytest.raises(Exception, match='dropped the call without an answer'):
            call(Messages, 'drops')

    def test_an_exception_with_its_cause(self, call: Callable[..., Any]) -> None:
        with pytest.raises(CallError) as raised:
            call(Echo, 'fail', text='why')
        assert (raised.value.typename, raised.value.message) == ('ValueError', 'why')
        assert "KeyError: 'why'" in raised.value.traceback

    def test_leaving_is_a_failure_like_any_other(self, call: Callable[..., Any]) -> None:
        for _ in range(20):  # more than there are threads
            with pytest.raises(CallError, match='SystemExit'):
                call(Echo, 'leave')

    def test_a_value_that_cannot_travel(self, call: Callable[..., Any]) -> None:
        with pytest.raises(CallError, match='EncodeError'):
            call(Echo, 'unfit')
