import os

import mitogen.core
import mitogen.parent
import mitogen.service
import mitogen.utils

from benchmarks.file_peers import place as places
from benchmarks.peers.mitogen_children import fetch, make_folder, write


def pid():
    import os

    return os.getpid()


class Peer:
    """Large files by FileService; small ones as its Ansible extension does it, by calls that nobody waits for."""

    sends_changes = False
    again = None
    small = 'small'
    copies_large = True
    memory_is_ours = True

    def __init__(self, router, place):
        self.service = mitogen.service.FileService(router)
        self.pool = mitogen.service.Pool(router, [self.service])
        self.service.register_prefix(place.source)
        self.targets = [
            router.ssh(
                hostname=place.host,
                username=place.user,
                port=place.port,
                ssh_args=place.ssh_options,
                check_host_keys='accept',
                compression=False,
                python_path='python3',
                name=f'target-{n}',
            )
            for n in range(place.targets)
        ]

    def put(self, n, source, to):
        self.targets[n].call(fetch, source, to)

    def put_tree(self, n, source, to):
        chain = mitogen.parent.CallChain(self.targets[n], pipelined=True)
        chain.call_no_reply(make_folder, to)
        for name in os.listdir(source):
            with open(os.path.join(source, name), 'rb') as file:
                chain.call_no_reply(write, os.path.join(to, name), mitogen.core.Blob(file.read()))
        chain.call(pid)

    def pids(self):
        return [target.call(pid) for target in self.targets]

    def close(self):
        self.pool.stop(join=False)


def main(router):
    places.report(lambda place: Peer(router, place))


if __name__ == '__main__':
    mitogen.utils.log_to_file(level='ERROR')
    mitogen.utils.run_with_router(main)
