"""Functions and services that test_ends.py has in real children. Python 3.6."""

import logging
import multiprocessing
import os
import signal
import sys
import time
from unittest import mock

from svcfw.core.dispatch import takes_router
from svcfw.core.wire.errors import ChannelError
from svcfw.service import AllowParents, Service, expose

kept = []


class Own(BaseException):
    pass


def add(a, b):
    return a + b


def raises(name):
    raise {
        'KeyboardInterrupt': KeyboardInterrupt,
        'GeneratorExit': GeneratorExit,
        'SystemExit': SystemExit,
        'Own': Own,
    }[name]('given up')


def forks(way):
    """Fork; the fork ends in one of several ways. Returns its exit status."""
    pid = os.fork()
    if pid == 0:
        if way == 'return':
            return 'never heard'
        if way == 'raise':
            raise ValueError('shown on stderr')
        sys.exit(3 if way == 'exit' else 'a text')
    return os.WEXITSTATUS(os.waitpid(pid, 0)[1])


@takes_router
def uses_router_in_fork(router):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            router.parent().call_service('a.B', 'c')
        except ChannelError as e:
            os.write(writer, 'ChannelError: {}'.format(e).encode())  # noqa: UP032 - Python 3.6 too
        os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    return os.read(reader, 10000).decode()


def _chatter(k):
    log = logging.getLogger('pool')
    for n in range(40):
        log.warning('%d %d %s', k, n, 'z' * 20000)
    return k


def pooled(workers):
    logging.getLogger('pool')
    with multiprocessing.get_context('fork').Pool(workers) as pool:
        return sum(pool.map(_chatter, range(workers * 3)))


class Forking(Service):
    @expose(policy=AllowParents())
    def forks(self):
        return forks('exit')


class Slow(Service):
    @expose(policy=AllowParents())
    def prepare(self, folder):
        self.folder = folder

    def on_shutdown(self):
        with open(os.path.join(self.folder, 'order'), 'a') as file:
            file.write(type(self).__name__ + '\n')
        self.end()

    def end(self):
        time.sleep(0.3)
        open(os.path.join(self.folder, type(self).__name__), 'w').close()


class Leaves(Slow):
    @expose(policy=AllowParents())
    def prepare(self, folder):
        self.folder = folder

    def end(self):
        raise SystemExit(1)


def forbid_threads():
    def refuse(*args):
        raise RuntimeError("can't start new thread")

    kept.append(mock.patch('threading.Thread.start', refuse))
    kept[-1].start()


def allow_threads():
    kept.pop().stop()


def sends_and_dies(sender):
    sender.send('last words')
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)


def sends(sender):
    sender.send('still here')


def keeps(sender):
    kept.append(sender)
