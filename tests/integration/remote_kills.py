"""What test_kills.py has contexts do that are to be killed. Python 3.6."""

import os
import sys
import threading

from svcfw.core.dispatch import takes_router
from svcfw.files.service import FileService
from svcfw.service import AllowParents, Service, expose

kept = []


def pid():
    return os.getpid()


def wait(sender):
    sender.send('begun')
    threading.Event().wait()


def keep(sender):
    kept.append(sender)


class Busy(Service):
    @expose(policy=AllowParents())
    def wait(self, sender):
        sender.send('begun')
        threading.Event().wait()


@takes_router
def start(router):
    """A child of this context; its process."""
    child = router.local(name='below')
    kept.append(child)
    return child, child.call(pid)


# -- a program that is to be killed


def program(moment, transport, options, python, file):
    """Tell the processes below, get into the moment, and say so."""
    import svcfw

    router = svcfw.Router()
    child = router.ssh(python=python, **options) if transport == 'ssh' else router.local(python=python)
    below, pid_below = child.call(start)
    print(child.call(pid), pid_below, flush=True)
    receiver = svcfw.Receiver(router)
    if moment == 'idle':
        print('begun', flush=True)
    elif moment == 'in a call':
        child.call_async(wait, receiver.to_sender())
    elif moment == 'in a service call':
        below.call_service_async(Busy, 'wait', sender=receiver.to_sender())
    elif moment == 'in a transfer':
        FileService.put(below, file, file + '.copy', on_progress=lambda *done: print('begun', flush=True))
    elif moment == 'during a start':
        print('begun', flush=True)
        while True:
            child.call(start)
    else:
        child.call(keep, receiver.to_sender())
        print('begun', flush=True)
    print(receiver.get().value(), flush=True)
    threading.Event().wait()


if __name__ == '__main__':
    from tests.integration import remote_kills

    remote_kills.program(*eval(sys.argv[1]))
