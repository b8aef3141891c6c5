import shlex

import execnet

from benchmarks.file_peers import place as places


class Peer:
    """RSync, which serves all targets at once. It holds each file in memory as a whole, so it gets small ones only."""

    sends_changes = False
    again = None
    small = 'small'
    copies_large = False
    memory_is_ours = True

    def __init__(self, place):
        options = shlex.join([*place.ssh_options, '-p', str(place.port)])
        self.group = execnet.Group()
        for _ in range(place.targets):
            self.group.makegateway(f'ssh={options} {place.user}@{place.host}//python=python3')

    def trees(self, source, to):
        rsync = execnet.RSync(source, verbose=False)
        for gateway, path in zip(self.group, to, strict=True):
            rsync.add_target(gateway, path)
        rsync.send()

    def pids(self):
        return [gateway.remote_exec('import os; channel.send(os.getpid())').receive() for gateway in self.group]

    def close(self):
        self.group.terminate(timeout=1)


if __name__ == '__main__':
    places.report(Peer)
