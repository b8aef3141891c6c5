from benchmarks.file_peers import place as places
from benchmarks.file_peers.programs import Program, run


class Peer(Program):
    def put(self, n, source, to):
        run(['scp', *self.ssh_options(n), '-q', '-r', source, self.at(to)])

    put_tree = put


if __name__ == '__main__':
    places.report(Peer)
