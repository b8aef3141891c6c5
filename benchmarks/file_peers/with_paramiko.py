import os

import paramiko

from benchmarks.file_peers import place as places


class Peer:
    """SFTP. `put` has its writes pipelined; small files go one after the other."""

    sends_changes = False
    again = None
    small = 'few'
    copies_large = True
    memory_is_ours = True

    def __init__(self, place):
        self.clients = []
        for _ in range(place.targets):
            client = paramiko.SSHClient()
            client.load_host_keys(place.known_hosts)
            client.connect(place.host, place.port, place.user, key_filename=place.key, allow_agent=False)
            self.clients.append(client)
        self.sftp = [client.open_sftp() for client in self.clients]

    def put(self, n, source, to):
        self.sftp[n].put(source, to)

    def put_tree(self, n, source, to):
        self.sftp[n].mkdir(to)
        for name in os.listdir(source):
            self.put(n, os.path.join(source, name), os.path.join(to, name))

    def pids(self):
        return []

    def close(self):
        for client in self.clients:
            client.close()


if __name__ == '__main__':
    places.report(Peer)
