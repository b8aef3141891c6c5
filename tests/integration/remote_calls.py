"""Functions that test_calls.py has in real children. Python 3.6."""

import os
import threading

from svcfw.core.calls import chain
from svcfw.core.dispatch import takes_router

ran = []
_go = threading.Event()


def wait_for_go(sender):
    sender.send('waiting')
    _go.wait()
    _go.clear()
    return 'gone on'


@takes_router
def let_go_from_now_on(router):
    """Have a message to the handle that is returned set the event, while the main thread is busy."""
    return router.add_handler(lambda message: _go.set())


def note(what):
    ran.append(what)
    return what


def fail(what):
    ran.append(what)
    raise ValueError(what)


def leave():
    raise SystemExit('left')


def unsendable():
    return object()


def fork():
    pid = os.fork()
    if pid == 0:
        return 'never heard'
    return os.WEXITSTATUS(os.waitpid(pid, 0)[1])


@takes_router
def name_of(router):
    return router.name


def taken():
    """What has run since the last time."""
    noted = list(ran)
    del ran[:]
    return noted


def failed_chains():
    return len(chain._failed)


def public_names():
    """The short cuts of the package, which Python 3.6 has no hook for."""
    import svcfw
    import svcfw.service
    from svcfw import CallError, Latch

    try:
        svcfw.nothing  # noqa: B018
    except AttributeError as e:
        text = str(e)
    assert {'CallError', 'is_target'} <= set(dir(svcfw))
    assert 'FileService' in dir(svcfw.service)
    return [CallError.__name__, svcfw.ChannelError.__name__, Latch.__name__, svcfw.service.FileService.__name__, text]
