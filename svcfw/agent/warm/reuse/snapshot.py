"""What a process was like, to tell whether it still is: the condition for running another module in it.

What a run is given is put back by us: arguments, streams, environment, locale, the limit of descriptors, the open log.
Everything else is compared, and where anything differs the process ends. Linux only: nothing else shows all of it.
"""

import _locale
import _signal
import atexit
import ctypes
import os
import resource
import signal
import sys
import time

from svcfw.agent.warm.reuse import globals_seen, kinds

#: Resident memory above that of the beginning.
MAX_GROWTH_BYTES = 32 * 1024 * 1024
# Set for a run, or made by it.
_RESET = {
    'ansible.module_utils.basic': ('_ANSIBLE_ARGS', '_ANSIBLE_PROFILE', '_PARSED_MODULE_ARGS'),
    'tempfile': ('tempdir', '_name_sequence'),
    'platform': ('_uname_cache',),
}
_EMPTIED = {'platform': ('_platform_cache', '_sys_version_cache')}
# Since core 2.22 each run has it write stacks at SIGUSR1.
_DEBUG = 'ansible.module_utils._internal._debug'
_PR_SET_CHILD_SUBREAPER = 36
_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith('RLIMIT_')]
_SIGNALS = [number for number in range(1, signal.NSIG) if number not in (signal.SIGKILL, signal.SIGSTOP)]
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


class Given(object):
    """What each run is given or changes by itself, as it is when this is made."""

    def __init__(self):
        self._argv, self._path, self._main = list(sys.argv), list(sys.path), sys.modules.get('__main__')
        self._orig_argv = list(getattr(sys, 'orig_argv', ()))  # since 3.10
        self._executable, self._excepthook = sys.executable, sys.excepthook
        self._environ = dict(os.environ)
        self._variables = dict(_variables())
        self._locale = _locale.setlocale(_locale.LC_ALL, None)
        self._nofile = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._on_usr1 = signal.getsignal(signal.SIGUSR1)

    def restore(self):
        sys.argv[:], sys.path[:] = self._argv, self._path
        getattr(sys, 'orig_argv', [])[:] = self._orig_argv
        sys.executable, sys.excepthook = self._executable, self._excepthook
        sys.modules['__main__'] = self._main  # type: ignore[assignment]
        if _variables() != self._variables:
            os.environ.clear()
            os.environ.update(self._environ)
        _locale.setlocale(_locale.LC_ALL, self._locale)
        time.tzset()
        if resource.getrlimit(resource.RLIMIT_NOFILE)[1] == self._nofile[1]:
            resource.setrlimit(resource.RLIMIT_NOFILE, self._nofile)
        if getattr(signal.getsignal(signal.SIGUSR1), '__module__', '') == _DEBUG:
            signal.signal(signal.SIGUSR1, self._on_usr1)
        for name, attributes in _RESET.items():
            module = sys.modules.get(name)
            for attribute in attributes:
                if hasattr(module, attribute):
                    setattr(module, attribute, None)
        for name, attributes in _EMPTIED.items():
            for attribute in attributes:
                getattr(sys.modules.get(name), attribute, {}).clear()
        syslog = sys.modules.get('syslog')
        if syslog is not None:
            syslog.closelog()


class Snapshot(object):
    """Of this process, which has one thread and no child, as it is when this is made.

    ours: as of GlobalsSeen. Its descendants that lose their parent become its children from then on, so that none can
    be overlooked.
    """

    def __init__(self, ours=()):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._memory = _resident_bytes()
        self._globals = globals_seen.GlobalsSeen(ours)
        self._state = self._look()

    def difference(self):
        """The place in KINDS (int) of what differs, and more about it (str); (0, '') if nothing does."""
        self._globals.empty_caches()
        if _has_children():
            return kinds.KINDS.index('a child'), ''
        for (kind, before), (_, now) in zip(self._state, self._look()):
            if before != now:
                return kinds.KINDS.index(kind), ''
        if _resident_bytes() > self._memory + MAX_GROWTH_BYTES:
            return kinds.KINDS.index('its memory'), ''
        names = self._globals.new_modules()
        if names:
            return kinds.KINDS.index('an import'), ' '.join(names)
        changed = self._globals.changed()
        if changed is not None:
            return kinds.KINDS.index('a global'), changed
        return 0, ''

    @staticmethod
    def _look():
        """[(its kind, comparable value)], without what children, imports and globals show."""
        mask = os.umask(0)
        os.umask(mask)
        logging = sys.modules.get('logging')
        socket = sys.modules.get('socket')
        return [
            ('a descriptor', _descriptors()),
            ('its account', (os.getresuid(), os.getresgid(), os.getgroups(), _identity('/'))),
            ('a limit', [resource.getrlimit(limit) for limit in _LIMITS]),
            ('the working directory', _identity('.')),
            ('the umask', mask),
            ('a signal', [_signal.getsignal(number) for number in _SIGNALS]),
            ('a signal', _signal.pthread_sigmask(signal.SIG_BLOCK, [])),
            ('a timer', [signal.getitimer(which) for which in _TIMERS]),
            ('its priority', (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), os.sched_getaffinity(0))),
            ('the environment', (dict(_variables()), _locale.setlocale(_locale.LC_ALL, None))),
            ('the time zone', (time.tzname, time.timezone, time.altzone, time.daylight)),
            ('exit functions', atexit._ncallbacks()),
            ('tracing', (sys.gettrace(), sys.getprofile(), sys.getrecursionlimit(), sys.getswitchinterval())),
            ('a global', None if socket is None else socket.getdefaulttimeout()),
            ('a logger', logging and (list(logging.root.handlers), logging.root.level, logging.root.disabled,
                                      set(logging.root.manager.loggerDict), logging.root.manager.disable)),
        ]  # fmt: skip


def has_one_thread():
    return len(os.listdir('/proc/self/task')) == 1


def _variables():
    """The environment as os.environ holds it, without the decoding of each."""
    return os.environ._data  # type: ignore[attr-defined]


def _has_children():
    """Whether anything that this process has started is left; reaps what has ended."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return True
        except ChildProcessError:
            return False


def _descriptors():
    found = {}
    for name in os.listdir('/proc/self/fd'):
        try:
            status = os.fstat(int(name))
        except OSError:
            continue  # that of the listing
        found[name] = status.st_dev, status.st_ino
    return found


def _identity(path):
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _resident_bytes():
    with open('/proc/self/statm', 'rb') as file:
        return int(file.read().split()[1]) * resource.getpagesize()
