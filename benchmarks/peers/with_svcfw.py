import itertools
import sys
from concurrent.futures import ThreadPoolExecutor

import svcfw
import svcfw.service
from benchmarks.peers import children, measure, remote
from svcfw.core.receivers.channel import Receiver
from svcfw.files.put import Put
from svcfw.files.service import FileService

NUMBERS = itertools.count()


class Echo(svcfw.service.Service):
    @svcfw.service.expose(policy=svcfw.service.AllowParents())
    def echo(self, value):
        return value


@svcfw.takes_router
def open_receiver(router):
    """A place to send to; `swallow` reads it."""
    router.benchmark = Receiver(router)
    return router.benchmark.to_sender()


@svcfw.takes_router
def swallow(count, router):
    for _ in range(count):
        router.benchmark.get().value()
    return count


class Peer:
    def __init__(self, router, plan):
        self.router = router
        if plan.host:  # which stands for another machine
            Put._named = lambda self: None
        self.plan = plan
        self.child = self.fresh()
        self.far = self.child.call(children.start_child)
        self.sender = self.child.call(open_receiver)

    def call(self, value):
        return self.child.call(remote.echo, value)

    def call_async(self, value):
        return self.child.call_async(remote.echo, value).get

    def service(self, value):
        return self.child.call_service(Echo, 'echo', value=value)

    def service_async(self, value):
        return self.child.call_service_async(Echo, 'echo', value=value).get

    def hop(self, value):
        return self.far.call(remote.echo, value)

    def service_hop(self, value):
        return self.far.call_service(Echo, 'echo', value=value)

    def one_way(self, count, value):
        seen = self.child.call_async(swallow, count)
        for _ in range(count):
            self.sender.send(value)
        assert seen.get() == count

    def fresh(self):
        plan = self.plan
        if not plan.host:
            return self.router.local()
        return self.router.ssh(
            plan.host, plan.user, plan.port, ssh_args=plan.options, python=sys.executable, name=f'child-{next(NUMBERS)}'
        )

    def put_folder(self, child, source, to):
        FileService.put_tree(child, source, to)

    def put_file(self, targets, source, to):
        with ThreadPoolExecutor(len(to)) as threads:
            list(threads.map(lambda child, path: FileService.put(child, source, path), targets, to))

    def start(self):
        child = self.fresh()
        child.call(remote.pid)
        return child.shutdown

    def child_pid(self):
        return self.fresh().call(remote.pid)

    def start_many(self, count):
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(lambda _: self.child_pid(), range(count)))


@svcfw.main()
def main(router):
    measure.report(Peer(router, measure.plan()))
