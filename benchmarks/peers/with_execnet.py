import os
import shlex
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import execnet

from benchmarks.peers import measure

ECHO = """
while True:
    item = channel.receive()
    if item is None:
        break
    channel.send(item)
"""
SWALLOW = """
while True:
    count = channel.receive()
    for _ in range(count):
        channel.receive()
    channel.send(count)
"""
PID = 'import os; channel.send(os.getpid())'


class Peer:
    """Its nearest thing to a call: a loop in the child that answers each item of a channel."""

    def __init__(self, plan):
        self.plan = plan
        self.group = execnet.Group()
        self.gateway = self.fresh('//id=near')
        self.far = self.group.makegateway('popen//via=near').remote_exec(ECHO)
        self.sink = self.gateway.remote_exec(SWALLOW)
        self._channels = threading.local()

    def _channel(self):
        if not hasattr(self._channels, 'mine'):
            self._channels.mine = self.gateway.remote_exec(ECHO)
        return self._channels.mine

    def call(self, value):
        channel = self._channel()
        channel.send(value)
        return channel.receive()

    def call_async(self, value):
        channel = self._channel()
        channel.send(value)
        return channel.receive

    def hop(self, value):
        self.far.send(value)
        return self.far.receive()

    def one_way(self, count, value):
        self.sink.send(count)
        for _ in range(count):
            self.sink.send(value)
        assert self.sink.receive() == count

    def fresh(self, options=''):
        plan = self.plan
        if not plan.host:
            return self.group.makegateway(f'popen{options}')
        arguments = shlex.join([*plan.options, '-p', str(plan.port)])
        return self.group.makegateway(f'ssh={arguments} {plan.user}@{plan.host}//python={sys.executable}{options}')

    def put_folder(self, child, source, to):
        rsync = execnet.RSync(source, verbose=False)
        rsync.add_target(child, to)
        rsync.send()

    def put_file(self, targets, source, to):
        rsync = execnet.RSync(os.path.dirname(source), verbose=False)
        for gateway, path in zip(targets, to, strict=True):
            rsync.add_target(gateway, os.path.dirname(path))
        rsync.send()

    def start(self):
        gateway = self.fresh()
        channel = gateway.remote_exec(PID)
        channel.receive()
        return gateway.exit

    def child_pid(self):
        return self.fresh().remote_exec(PID).receive()

    def start_many(self, count):
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(lambda _: self.child_pid(), range(count)))


if __name__ == '__main__':
    peer = Peer(measure.plan())
    measure.report(peer)
    peer.group.terminate(1)
