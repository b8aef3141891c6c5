import os
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor

import rpyc
from rpyc.utils.factory import connect_subproc

from benchmarks.peers import measure


class Service(rpyc.Service):
    def exposed_echo(self, value):
        return value

    def exposed_pid(self):
        return os.getpid()


def connect(plan):
    """Over ssh as to a child: it has nothing of its own for that but a forwarded port, which costs a process more."""
    command = [sys.executable, '-m', 'benchmarks.peers.with_rpyc', '--serve']
    if plan.host:
        command = [*plan.ssh_command(), shlex.join(['env', f'PYTHONPATH={os.environ["PYTHONPATH"]}', *command])]
    return connect_subproc(command, rpyc.VoidService)


class Peer:
    """A call is one of an exposed method of a service: it has nothing else."""

    def __init__(self, plan):
        self.kept = []
        self.plan = plan
        self.connection = connect(plan)
        self.echo = self.connection.root.echo
        self.echo_async = rpyc.async_(self.echo)

    def call(self, value):
        return self.echo(value)

    service = call

    def call_async(self, value):
        result = self.echo_async(value)
        return lambda: result.value

    service_async = call_async

    def start(self):
        connection = connect(self.plan)
        connection.root.pid()
        return connection.close

    def child_pid(self):
        connection = connect(self.plan)
        self.kept.append(connection)
        return connection.root.pid()

    def start_many(self, count):
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(lambda _: self.child_pid(), range(count)))


if __name__ == '__main__':
    if '--serve' in sys.argv:
        connection = rpyc.connect_stdpipes(Service)
        connection.serve_all()
    else:
        measure.report(Peer(measure.plan()))
        sys.stdout.flush()
        os._exit(0)
