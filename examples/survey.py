"""Kernel, load and free space of many hosts at once: `python examples/survey.py web1 web2`; `local` is this machine.

The annotations stand in quotes where a host's Python 3.6 could not evaluate them: the program runs there, too.
"""

import os
import sys

import svcfw


def look(path: str) -> 'tuple[str, float, int]':
    """(kernel, load of the last minute, free space in MiB); runs on the host."""
    disk = os.statvfs(path)
    return os.uname().release, os.getloadavg()[0], disk.f_bavail * disk.f_frsize >> 20


def start(router: 'svcfw.Router', host: str) -> 'svcfw.Context':
    return router.local(name=host) if host == 'local' else router.ssh(host)


@svcfw.main()
def main(router: 'svcfw.Router') -> None:
    replies = {start(router, host).call_async(look, '/'): host for host in sys.argv[1:] or ['local']}
    select = svcfw.Select(router.loop, replies)
    while select:
        reply = select.get_source()  # who is ready first
        try:
            kernel, load, free = reply.get()
        except svcfw.Error as e:
            print(f'{replies[reply]}: {e}')
        else:
            print(f'{replies[reply]}: kernel {kernel}, load {load:.2f}, {free} MiB free')
