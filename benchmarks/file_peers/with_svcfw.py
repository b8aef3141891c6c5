import svcfw
from benchmarks.file_peers import place as places
from benchmarks.peers import remote
from svcfw.files.put import Put
from svcfw.files.service import FileService

# The other side is this machine only because the benchmark has one: it is sent what another one would be.
Put._named = lambda self: None


class Peer:
    sends_changes = True
    again = 'other'
    small = 'small'
    copies_large = True
    memory_is_ours = True

    def __init__(self, router, place):
        self.targets = [
            router.ssh(place.host, place.user, place.port, ssh_args=place.ssh_options, name=f'target-{n}')
            for n in range(place.targets)
        ]

    def put(self, n, source, to):
        FileService.put(self.targets[n], source, to)

    def put_tree(self, n, source, to):
        FileService.put_tree(self.targets[n], source, to)

    def pids(self):
        return [target.call(remote.pid) for target in self.targets]

    def close(self):
        pass


@svcfw.main()
def main(router):
    places.report(lambda place: Peer(router, place))
