"""A job's environment, applied to a forked child if a newly started interpreter would behave the same.

Some variables are read while an interpreter (or the dynamic loader, or a library) starts and never again. A job that
sets one of those to another value goes the cold way: its own interpreter, started with that environment.
"""

import os
import sys
import time

from svcfw.agent.warm import locales

_START_PREFIXES = ('PYTHON', 'LD_', 'DYLD_', 'MALLOC_', 'OPENSSL_')
_START_NAMES = frozenset(['GLIBC_TUNABLES', 'GCONV_PATH', 'LOCPATH', '__PYVENV_LAUNCHER__'])


def needs_cold(job_env, interpreter=()):
    """Why a job cannot run in a fork of this process (str naming the variable), or None if it can.

    `job_env` is a dict of str; `interpreter` the words that start it. Values are never part of the answer.
    """
    environ = os.environ
    changed = [name for name, value in job_env.items() if environ.get(name) != value]
    for name in changed:
        if name.startswith(_START_PREFIXES) or name in _START_NAMES:
            return name + ' is read when an interpreter starts'
    if 'PATH' in changed and _is_looked_up(interpreter):
        return 'PATH decides which interpreter starts'
    if 'HOME' in changed and _user_site_differs(job_env['HOME']):
        return "HOME decides which user's packages are found"
    if locales.refused(job_env):
        return 'the locale decides the encodings when an interpreter starts'
    return None


def apply(job_env):
    """Apply `job_env` to this process. In a forked child, after `needs_cold` returned None.

    Returns the error handler that stdin and stdout need from now on (str), or None if theirs are right.
    """
    errors = locales.apply(job_env)
    # Always: the zone file may have changed since the parent read it; a new interpreter would notice.
    time.tzset()
    tempfile = sys.modules.get('tempfile')
    if tempfile is not None:
        setattr(tempfile, 'tempdir', None)  # noqa: B010 - what it found in another environment
    return errors


def encoded(job_env):
    """`job_env` as bytes, whatever this interpreter's file system encoding: dict."""
    return {locales.encoded(name): locales.encoded(value) for name, value in job_env.items()}


def _is_looked_up(interpreter):
    return bool(interpreter) and ('/' not in interpreter[0] or os.path.basename(interpreter[0]) == 'env')


def _user_site_differs(home):
    site = sys.modules.get('site')
    user_site = getattr(site, 'USER_SITE', None)
    if not getattr(site, 'ENABLE_USER_SITE', None) or not user_site:
        return False
    if user_site in sys.path:
        return True
    old_home = os.path.expanduser('~')
    return not user_site.startswith(old_home + '/') or os.path.isdir(home + user_site[len(old_home) :])
