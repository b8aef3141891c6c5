"""Keeps the memory of a process from core dumps, and from other processes of its account; wipes what was freed of it.

The multiplexer, agents and templates hold passwords and what tasks are not to log. A process that is not dumpable
(prctl(2), PR_SET_DUMPABLE) leaves no core, nobody but root can trace it or take its descriptors, and its files in /proc
are root's. An exec ends that, so whatever they start is as it would be; what is forked has to be shown again.
"""

import functools
import gc
import sys

_PR_SET_DUMPABLE = 4
#: mallopt(3): what is freed is overwritten with this byte.
_M_PERTURB, _PERTURB = -6, 0x55
#: Sizes of CPython's own blocks, and how much of each size is overwritten of what others of that size are beside: what
#: was freed last comes first.
_BLOCKS, _OF_EACH_BYTES = range(48, 513, 16), 128 * 1024
_BYTES_HEADER = 33
#: What belongs to no size any more is all overwritten, in steps, up to so many; by this the process grows when CPython
#: asks for more.
_STEP, _STEPS, _GROWTH_BYTES = 256, 256, 256 * 1024
#: Sizes of what glibc keeps for each thread (tcache) without overwriting it, and how many of each size.
_CACHED, _OF_EACH = range(513, 1041, 16), 8
#: How long after a task with no_log memory is wiped, or looked whether something runs yet.
WIPE_S = 1.0
#: In the parameters of each module.
_NO_LOG = b'"_ansible_no_log": true'


def hide():
    """From now on. Where the system has no such thing, core dumps are off, as far as that can be taken back."""
    if not _set_dumpable(0):
        import resource  # where it is needed

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def show():
    """In a fork that is another program: it is as any process."""
    _set_dumpable(1)


def has_secrets(job):
    """Whether a WarmJob is a module of a task with no_log."""
    return _NO_LOG in getattr(job, 'params', b'')


def wipe_when_freed():
    """From now on larger blocks are overwritten when they are freed. Where malloc() is another one, nothing."""
    _call_c('mallopt', _M_PERTURB, _PERTURB)


def wipe_freed():
    """Overwrite what smaller blocks held that were freed, as far as CPython gives them out again; some 5 ms."""
    gc.collect()
    for size in _BLOCKS:
        [bytes(size - _BYTES_HEADER) for _ in range(_OF_EACH_BYTES // size)]
    held, before = [], _size()
    while len(held) < _STEPS and _size() < before + _GROWTH_BYTES:
        held.append([bytes(_BLOCKS[-1] - _BYTES_HEADER) for _ in range(_STEP)])
    del held
    [bytearray(size) for size in _CACHED for _ in range(_OF_EACH)]
    _call_c('malloc_trim', 0)


def _size():
    """Of this process in bytes, 0 where the system does not say."""
    try:
        with open('/proc/self/statm') as file:
            return int(file.read().split()[0]) * 4096
    except OSError:
        return 0


class Wiping(object):
    """Wipes memory once nothing runs any more that may put secrets into it. is_busy(): whether something does.

    Loop thread only.
    """

    def __init__(self, loop, is_busy):
        self._loop = loop
        self._is_busy = is_busy
        self._is_due = False

    def begin(self):
        """Secrets have come."""
        wipe_when_freed()
        if not self._is_due:
            self._is_due = True
            self._loop.call_later(WIPE_S, self._look)

    def _look(self):
        if self._is_busy():
            self._loop.call_later(WIPE_S, self._look)
        else:
            self._is_due = False
            wipe_freed()


def _set_dumpable(value):
    return sys.platform.startswith('linux') and _call_c('prctl', _PR_SET_DUMPABLE, value, 0, 0, 0) == 0


def _call_c(name, *arguments):
    """The result of a function of libc; None if there is none."""
    try:
        return getattr(_libc(), name)(*arguments)
    except (ImportError, OSError, AttributeError):  # a Python without it
        return None


@functools.lru_cache(None)
def _libc():
    """Opened once: it takes longer than the calls, two of which are made for each module."""
    import ctypes  # which is not in every Python

    return ctypes.CDLL(None)
