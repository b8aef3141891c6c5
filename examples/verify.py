"""Which hosts have the same file as this one: `python examples/verify.py /etc/hosts web1 web2`.

The hosts ask a service of this program, which reads the file once, however many ask.
"""

import hashlib
import sys

import svcfw
import svcfw.service


def sha256(path: str) -> str:
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()


class Original(svcfw.service.Service):
    """Knows the file of this machine; hosts can ask about that one only."""

    invoker_class = svcfw.service.DeduplicatingInvoker

    def __init__(self, router: 'svcfw.Router', path: str):
        super().__init__(router)
        self._path = path

    @svcfw.service.expose(policy=svcfw.service.AllowAny())
    def digest(self) -> str:
        return sha256(self._path)


def compare(program: 'svcfw.Context', path: str) -> str:
    """Runs on the host."""
    wanted = program.call_service(Original, 'digest')
    try:
        return 'the same' if sha256(path) == wanted else 'another one'
    except OSError as e:
        return str(e)


def start(router: 'svcfw.Router', host: str) -> 'svcfw.Context':
    return router.local(name=host) if host == 'local' else router.ssh(host)


@svcfw.main()
def main(router: 'svcfw.Router') -> None:
    path, *hosts = sys.argv[1:]
    with svcfw.service.Pool(router, [Original(router, path)]):
        replies = [start(router, host).call_async(compare, router.myself(), path) for host in hosts]
        for host, reply in zip(hosts, replies, strict=True):
            print(f'{host}: {reply.get()}')
