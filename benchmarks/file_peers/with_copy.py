import json
import os
import shlex
import sys

from benchmarks.file_peers import place as places
from benchmarks.file_peers.place import Place
from benchmarks.file_peers.programs import Program, run


class Peer(Program):
    """Ansible's own `copy` over its own ssh connection, with pipelining; one run of `ansible` for each transfer."""

    small_near = 'few'  # half a second for each file

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._place = place
        self._ansible = os.path.join(os.path.dirname(sys.executable), 'ansible')
        os.environ.update(ANSIBLE_PIPELINING='1', ANSIBLE_SSH_ARGS='', ANSIBLE_LOCALHOST_WARNING='0')

    def put(self, n: int, source: str, to: str) -> None:
        variables = {
            'ansible_user': self._place.user,
            'ansible_port': str(self._place.port),
            'ansible_python_interpreter': sys.executable,  # over there is this machine
            'ansible_ssh_common_args': shlex.join(self.ssh_options(n)),
        }
        arguments = f'src={source} dest={to}'
        where = ['-i', f'{self._place.host},', '-e', json.dumps(variables)]
        run([self._ansible, 'all', *where, '-m', 'ansible.builtin.copy', '-a', arguments])

    def put_tree(self, n: int, source: str, to: str) -> None:
        self.put(n, f'{source}/', f'{to}/')


if __name__ == '__main__':
    places.report(Peer)
