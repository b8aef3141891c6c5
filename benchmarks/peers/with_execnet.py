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

    def __init__(self):
        self.group = execnet.Group()
        self.gateway = self.group.makegateway('popen//id=near')
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

    def start(self):
        gateway = execnet.makegateway('popen')
        channel = gateway.remote_exec(PID)
        channel.receive()
        return gateway.exit

    def child_pid(self):
        return execnet.makegateway('popen').remote_exec(PID).receive()

    def start_many(self, count):
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(lambda _: self.child_pid(), range(count)))


if __name__ == '__main__':
    measure.report(Peer())
    execnet.default_group.terminate(1)
