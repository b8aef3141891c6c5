from benchmarks.file_peers import place as places
from benchmarks.file_peers.programs import Program, run


class Peer(Program):
    sends_changes = True
    again = 'same'
    small = 'small'

    def put(self, n, source, to):
        run(['rsync', '-a', '-e', self.shell(n), source, self.at(to)])

    def put_tree(self, n, source, to):
        self.put(n, source + '/', to)


if __name__ == '__main__':
    places.report(Peer)
