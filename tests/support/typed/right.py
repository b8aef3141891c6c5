"""A user's program that uses the public API as it is meant: mypy --strict has no objection, and it runs."""

import os
from typing import Any, assert_type

import svcfw
import svcfw.service
from svcfw.core.calls.caller import CallReply
from svcfw.core.latch import Latch
from svcfw.files.service import FileService
from svcfw.service.request import Request


class Forbidding(svcfw.service.Policy):
    def is_authorized(self, service: Any, msg: svcfw.Message) -> bool:
        return msg.src_id in service.allowed and not msg.is_dead


class Careful(svcfw.service.SerializedInvoker):
    def execute(self, request: Request) -> None:
        request.method.run(request.arguments(), request)
        super().execute(request)


class Numbers(svcfw.service.Service):
    invoker_class = Careful
    max_waiting = 10
    results = svcfw.service.Results(max_entries=10, ttl_s=0.5)
    allowed = (0,)

    def __init__(self, router: svcfw.Router) -> None:
        super().__init__(router)
        self.lines: Latch[str] = svcfw.Latch(router.loop)
        self.select.add(self.lines)

    @svcfw.service.expose(policy=Forbidding())
    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    @svcfw.service.arg_spec(spec={'number': (int, float)}, optional={'exponent': None})
    def power(self, number: float, exponent: int = 2) -> float:
        return float(number**exponent)

    @svcfw.service.expose(policy=svcfw.service.AllowParents())
    @svcfw.service.no_reply
    def later(self, msg: Request) -> None:
        if not msg.cancelled:
            msg.reply(msg.src_id)

    def on_message_received(self, event: Any) -> None:
        self.invoker.forget('power')


def add(a: int, b: int = 0) -> int:
    return a + b


@svcfw.takes_router
def name_of(number: int, router: svcfw.Router | None = None) -> str:
    assert router is not None
    assert_type(router.local(via=None), svcfw.Context)
    return f'{router.name} {number}'


def first(latch: svcfw.Latch, replies: 'list[CallReply[int]]') -> int:  # at run time neither takes an index
    latch.put('one')
    return replies[0].get()


def work(sender: svcfw.Sender) -> None:
    sender.send(('half', 'way'))
    sender.close()


def files(child: svcfw.Context, path: str) -> None:
    FileService.put(child, __file__, path, mode=0o600)
    assert_type(FileService.fetch(child, path, path + '.back'), dict[str, Any])


@svcfw.main(log_level='INFO')
def main(router: svcfw.Router) -> None:
    child = router.local(name='child')
    assert_type(child, svcfw.Context)
    router.local(name='grandchild', via=child).disconnect(timeout=10)
    assert_type(child.call(add, 1, b=2), int)
    assert_type(child.call_async(os.getpid), 'CallReply[int]')
    assert_type(child.call_async(add, 1).get(timeout=10), int)
    assert_type(child.call(name_of, 3), str)
    assert_type(child.call(os.path.basename, '/a/b'), str)
    child.call_no_reply(add, 1)
    assert_type(name_of(4, router), str)
    assert_type(svcfw.call(child, add, 1, timeout=10), int)
    with svcfw.CallChain(child) as chain:
        assert_type(chain.call(add, 1), int)
    child.on_gone(lambda reason: None)
    with svcfw.service.Pool(router, services=[Numbers(router)], size=2) as pool:
        assert_type(pool.get_service(Numbers), Numbers)
        assert_type(pool.get_service(Numbers).power(2.0), float)
        assert_type(svcfw.service.get_or_create_pool(router), svcfw.service.Pool)
        print(router.myself().call_service(Numbers, 'power', number=3))
        print(svcfw.service.call(router.myself(), Numbers.name(), 'later', timeout=10.0))
    receiver = svcfw.Receiver(router)
    child.call(work, receiver.to_sender())
    for message in receiver:
        assert_type(message, svcfw.Message)
        print(message.value())
    replies = [child.call_async(add, number) for number in range(3)]
    print(sorted(svcfw.Select.all(router.loop, replies)))
    print(svcfw.Secret('x').reveal())
    try:
        child.call(os.stat, '/no/such')
    except svcfw.CallError as e:
        print(e.typename)
    try:
        router.ssh('-', transport='ssh', port=22, host_key_checking=False)
    except svcfw.StartError as e:
        print(e.kind)
