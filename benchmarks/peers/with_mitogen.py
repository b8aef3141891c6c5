import os
import sys
from concurrent.futures import ThreadPoolExecutor

import mitogen.core
import mitogen.master
import mitogen.parent
import mitogen.service
import mitogen.utils

from benchmarks.peers import measure, remote
from benchmarks.peers.mitogen_children import fetch, make_folder, write


class Echo(mitogen.service.Service):
    @mitogen.service.expose(policy=mitogen.service.AllowParents())
    @mitogen.service.arg_spec(spec={'value': bytes})
    def echo(self, value):
        return value


@mitogen.core.takes_router
def open_receiver(router):
    global receiver
    receiver = mitogen.core.Receiver(router)
    return receiver.to_sender()


def swallow(count):
    for _ in range(count):
        receiver.get().unpickle()
    return count


class Peer:
    def __init__(self, router, plan):
        self.router = router
        self.plan = plan
        self.files = mitogen.service.FileService(router)
        self.pool = mitogen.service.Pool(router, [self.files])
        self.child = self.fresh()
        self.far = router.local(via=self.child)
        self.sender = self.child.call(open_receiver)

    def call(self, value):
        return self.child.call(remote.echo, value)

    def call_async(self, value):
        receiver = self.child.call_async(remote.echo, value)
        return lambda: receiver.get().unpickle()

    def service(self, value):
        return self.child.call_service(Echo, 'echo', value=value)

    def service_async(self, value):
        receiver = self.child.call_service_async(Echo, 'echo', value=value)
        return lambda: receiver.get().unpickle()

    def hop(self, value):
        return self.far.call(remote.echo, value)

    def service_hop(self, value):
        return self.far.call_service(Echo, 'echo', value=value)

    def one_way(self, count, value):
        seen = self.child.call_async(swallow, count)
        for _ in range(count):
            self.sender.send(value)
        assert seen.get().unpickle() == count

    def fresh(self):
        plan = self.plan
        if not plan.host:
            return self.router.local()
        return self.router.ssh(
            hostname=plan.host,
            username=plan.user,
            port=plan.port,
            ssh_args=list(plan.options),
            check_host_keys='accept',
            compression=False,
            python_path=sys.executable,
        )

    def put_folder(self, child, source, to):
        """By calls that nobody waits for, as its Ansible extension sends small files."""
        chain = mitogen.parent.CallChain(child, pipelined=True)
        chain.call_no_reply(make_folder, to)
        for name in os.listdir(source):
            with open(os.path.join(source, name), 'rb') as file:
                chain.call_no_reply(write, os.path.join(to, name), mitogen.core.Blob(file.read()))
        chain.call(remote.pid)

    def put_file(self, targets, source, to):
        self.files.register(source)
        replies = [child.call_async(fetch, source, path) for child, path in zip(targets, to, strict=True)]
        for reply in replies:
            reply.get().unpickle()

    def start(self):
        child = self.fresh()
        child.call(remote.pid)
        return lambda: child.shutdown(wait=True)

    def child_pid(self):
        return self.fresh().call(remote.pid)

    def start_many(self, count):
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(lambda _: self.child_pid(), range(count)))


def main(router):
    measure.report(Peer(router, measure.plan()))


if __name__ == '__main__':
    mitogen.utils.log_to_file(level='ERROR')
    mitogen.utils.run_with_router(main)
