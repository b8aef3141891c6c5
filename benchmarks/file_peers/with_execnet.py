import os
import shlex
import shutil
import tempfile

import execnet

from benchmarks.file_peers import place as places


class Peer:
    """RSync, which copies folders: one file is a folder with that one in it, and all targets are served at once."""

    sends_changes = False
    again = None
    small = 'small'
    memory_is_ours = True

    def __init__(self, place):
        options = shlex.join([*place.ssh_options, '-p', str(place.port)])
        self.group = execnet.Group()
        for _ in range(place.targets):
            self.group.makegateway(f'ssh={options} {place.user}@{place.host}//python=python3')

    def put(self, n, source, to):
        folder = tempfile.mkdtemp(dir=os.path.dirname(to))
        os.link(source, os.path.join(folder, os.path.basename(to)))
        rsync = execnet.RSync(folder, verbose=False)
        rsync.add_target(self.group[n], os.path.dirname(to), delete=False)
        rsync.send()
        shutil.rmtree(folder)

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
