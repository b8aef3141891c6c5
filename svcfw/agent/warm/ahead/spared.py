"""Two needless things that ansible-core's `run_command` does for each command, and a warm process does not.

It waits (2.16 to 2.22): it asks twice in a row whether the command has ended, and where that ends in between, it waits
once more for output, for a second, in a select() of no file: one command in fifteen on a machine with two processors.

It forks (2.17 to 2.22; so does 2.16, which is left as it is): with a function that is to run between fork and exec,
CPython has to fork, which takes 2 ms of a process of 30 MB, where it would use vfork (3.10 and later). That function
sets a umask if there is one, which few modules name.
"""

import functools
import os
import sys

_BASIC = 'ansible.module_utils.basic'


def _before_exec(umask):
    """Core's function, as this interpreter compiles it. Sources: run_command in ansible.module_utils.basic."""

    def preexec():
        if umask:
            os.umask(umask)

    return preexec


_WITHOUT_EFFECT = _before_exec(None)


def spare():
    """In the template, once `basic` is imported. Idempotent. What somebody else does stays as it is."""
    selectors, subprocess = sys.modules.get('selectors'), sys.modules.get('subprocess')
    if selectors is not None:
        for each in {selectors.DefaultSelector, getattr(selectors, 'PollSelector', selectors.SelectSelector)}:
            if not _is_ours(each.select):
                each.select = _without_a_wait(each.select)
    if subprocess is not None and not _is_ours(subprocess.Popen.__init__):
        subprocess.Popen.__init__ = _without_fork(subprocess.Popen.__init__)


def _is_ours(function):
    return getattr(function, '__globals__', None) is globals()


def _without_a_wait(select):
    @functools.wraps(select)
    def replacement(self, timeout=None):
        if timeout and not self.get_map() and sys._getframe(1).f_globals.get('__name__') == _BASIC:
            timeout = 0
        return select(self, timeout)

    return replacement


def _without_fork(init):
    @functools.wraps(init)
    def replacement(self, *args, **kwargs):
        # Without close_fds, CPython might go on to posix_spawn, which differs in more.
        if _is_without_effect(kwargs.get('preexec_fn')) and kwargs.get('close_fds', True):
            kwargs['preexec_fn'] = None
        return init(self, *args, **kwargs)

    return replacement


def _is_without_effect(function):
    """Whether its code, globals and closure equal those of core's function without a umask: then it does the same."""
    return _meaning(function) == _meaning(_WITHOUT_EFFECT)


def _meaning(function):
    """What decides what it does when it is called; None for what is no function of Python."""
    code = getattr(function, '__code__', None)
    if code is None:
        return None
    names = [function.__globals__.get(name) for name in code.co_names]
    return code.co_code, code.co_names, names, code.co_consts, code.co_freevars, function.__closure__
