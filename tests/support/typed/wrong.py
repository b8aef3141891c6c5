"""A user's program that uses the public API wrongly: mypy --strict has the named objection to each marked line.

It is never run.
"""

import svcfw
import svcfw.service
from svcfw.files.service import FileService


def add(a: int, b: int = 0) -> int:
    return a + b


class Numbers(svcfw.service.Service):
    max_running = 'two'  # wrong: assignment
    invoker_class = svcfw.service.Policy  # wrong: assignment

    @svcfw.service.expose  # wrong: arg-type
    def bare(self) -> None: ...  # wrong: misc

    @svcfw.service.expose(policy=svcfw.service.AllowAny)  # wrong: arg-type
    def of_a_class(self) -> None: ...

    @svcfw.service.expose()  # wrong: call-arg
    def without(self) -> None: ...

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    @svcfw.service.arg_spec(spec={'path': 'str'})  # wrong: dict-item
    def checked(self, path: str) -> str:
        return path

    def keeps_its_signature(self) -> int:
        return self.checked(3)  # wrong: return-value, arg-type


class Kind(svcfw.service.Policy):
    def is_authorized(self, service: object) -> bool:  # wrong: override
        return True


@svcfw.main  # wrong: arg-type
def forgot_the_parentheses(router: svcfw.Router) -> None: ...


@svcfw.main()  # wrong: type-var
def takes_nothing() -> None: ...


@svcfw.takes_router
def measure(path: str, router: svcfw.Router) -> int:
    return len(path)


def uses(router: svcfw.Router, child: svcfw.Context) -> None:
    child.call(add, 'one')  # wrong: call-overload
    child.call(add, 1, 2, 3)  # wrong: call-overload
    child.call_async(add, c=1)  # wrong: call-overload
    child.call_no_reply(add)  # wrong: call-overload
    svcfw.CallChain(child).call(add, 'one')  # wrong: call-overload
    svcfw.call(child, 'add')  # wrong: arg-type
    svcfw.service.start_pool(child, activator=svcfw.service.Activator())  # wrong: arg-type
    child.call(add(1))  # wrong: call-overload
    text: str = child.call(add, 1)  # wrong: assignment
    text = child.call(measure, '/')  # wrong: assignment
    text = child.call_async(add, 1).get()  # wrong: assignment
    child.call_service(add, 'power')  # wrong: arg-type
    child.call_service(Numbers)  # wrong: call-arg
    child.cal(add, 1)  # wrong: attr-defined
    router.local(3.11)  # wrong: arg-type
    router.ssh('web1', via='gateway')  # wrong: arg-type
    router.ssh('web1', user='root')  # wrong: call-arg
    router.ssh('web1', transport='telnet')  # wrong: arg-type
    router.ssh('web1', ssh_args=3)  # wrong: arg-type
    svcfw.service.Pool(router, [Numbers])  # wrong: list-item
    svcfw.service.Pool(services=[])  # wrong: call-arg
    svcfw.service.Results(ttl='1')  # wrong: call-arg
    svcfw.Select(router, [])  # wrong: arg-type
    svcfw.Select(router.loop, ['a'])  # wrong: list-item
    svcfw.Receiver(router).get('soon')  # wrong: arg-type
    FileService.put(child, '/etc/hosts', '/tmp/hosts', mode='0600')  # wrong: arg-type
    svcfw.Rooter()  # wrong: attr-defined
    print(text)
