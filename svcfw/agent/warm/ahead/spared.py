"""What ansible-core's `run_command` does for nothing, and in a warm process does not.

It waits (2.16 to 2.21): it asks twice in a row whether the command has ended, and where that ends in between, it waits
once more for output, for a second, in a select() of nothing: one command in fifteen on a machine with two processors.

It forks: with a function that is to run between fork and exec, CPython has to fork, which takes 2 ms of a process of
30 MB, where it would use vfork (3.10 and later). That function sets a umask, if there is one, which is seldom; SIGPIPE
is reset without it.
"""

import functools
import sys

_BASIC = 'ansible.module_utils.basic'
_BEFORE_EXEC = 'AnsibleModule.run_command.<locals>.preexec'
#: All that this function names, and what it has from around it, in the releases that are known (2.16 to 2.22).
_NAMES, _AROUND = {'_restore_signal_handlers', 'os', 'umask'}, {'self', 'umask'}


def spare():
    """In the template, once `basic` is imported. Idempotent. What somebody else does stays as it is."""
    selectors, subprocess = sys.modules.get('selectors'), sys.modules.get('subprocess')
    if selectors is not None:
        for each in {selectors.DefaultSelector, getattr(selectors, 'PollSelector', selectors.SelectSelector)}:
            if not _is_ours(each.select):
                each.select = _not_of_nothing(each.select)
    if subprocess is not None and not _is_ours(subprocess.Popen.__init__):
        subprocess.Popen.__init__ = _without_fork(subprocess.Popen.__init__)


def _is_ours(function):
    return getattr(function, '__globals__', None) is globals()


def _not_of_nothing(select):
    @functools.wraps(select)
    def replacement(self, timeout=None):
        if timeout and not self.get_map() and sys._getframe(1).f_globals.get('__name__') == _BASIC:
            timeout = 0
        return select(self, timeout)

    return replacement


def _without_fork(init):
    @functools.wraps(init)
    def replacement(self, *args, **kwargs):
        if _does_nothing(kwargs.get('preexec_fn')):
            kwargs['preexec_fn'] = None
        return init(self, *args, **kwargs)

    return replacement


def _does_nothing(function):
    """Whether this is core's own function before exec, and there is no umask to set."""
    if getattr(function, '__qualname__', '') != _BEFORE_EXEC or function.__module__ != _BASIC:
        return False
    code = function.__code__
    around = {name: cell.cell_contents for name, cell in zip(code.co_freevars, function.__closure__ or ())}
    is_known = set(code.co_names) <= _NAMES and set(code.co_consts) <= {None} and set(around) <= _AROUND
    return is_known and not around.get('umask', True)
