"""Switches a forked interpreter to another LC_CTYPE, where that equals starting it with that locale.

An interpreter picks the encoding of file names and of its standard streams once, from LC_CTYPE. From one UTF-8 locale
to another only the streams' error handler changes. The C locale is UTF-8 too since 3.7 (PEP 538 coerces it, PEP 540
adds a mode that cannot be switched on later), so it is within reach only of an interpreter that started there.
"""

import _locale
import os
import sys

# locale.Error, without the 20 modules that `locale` imports
_Error = getattr(_locale, 'Error')  # noqa: B009 - unknown to type checkers
_NAMES = ('LC_ALL', 'LC_CTYPE', 'LANG')
_C = ('C', 'POSIX')
# Locales to which PEP 538 coerces the C locale, in this order.
_COERCED = ('C.UTF-8', 'C.utf8', 'UTF-8')
# With one of these in the environment, encodings are configured and do not follow the locale.
_OVERRIDES = ('PYTHONUTF8', 'PYTHONIOENCODING', 'PYTHONCOERCECLOCALE')
_SINCE_3_7 = sys.version_info >= (3, 7)
# Where the C library keeps locales; it reads the archive once, so a locale added later is not found.
_STORE = ('/usr/lib/locale', '/usr/lib/locale/locale-archive')
_IN_UTF8_MODE = bool(getattr(sys.flags, 'utf8_mode', False))  # since 3.7


def _stored():
    """A value that changes when a locale is added or removed."""
    return tuple(map(_identity, _STORE))


def _identity(path):
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


_STORED_AT_START = _stored()


def refused(job_env):
    """True if `job_env` (dict of str) requires a locale that only a newly started interpreter can have (bool)."""
    if _is_too_new(job_env):
        return True
    wanted = _wanted(job_env)
    if wanted is None:
        return False
    if any(name in os.environ for name in _OVERRIDES) or sys.getfilesystemencoding().lower() != 'utf-8':
        return True
    resolved, codeset = _resolve(wanted)
    if resolved in _C:
        return not _IN_UTF8_MODE
    return codeset.upper() != 'UTF-8'


def apply(job_env):
    """Apply `job_env` to os.environ and switch the locale. In a forked child, after `refused` returned False.

    Returns the error handler that stdin and stdout need now (str), or None if the locale stays what it is.
    """
    wanted, coerced = _wanted(job_env), _is_coerced()
    for name, value in job_env.items():
        os.environb[encoded(name)] = encoded(value)
    if wanted is None:
        return None
    if coerced and 'LC_CTYPE' not in job_env:
        del os.environ['LC_CTYPE']
    resolved = _set(wanted)
    if resolved in _C and not os.environ.get('LC_ALL'):
        resolved = _coerce() or resolved
    return 'surrogateescape' if resolved in _C or (_SINCE_3_7 and resolved in _COERCED) else 'strict'


def environment_before():
    """os.environ without what this interpreter put there as it started (dict), for programs it starts; None if that is
    nothing."""
    return {name: value for name, value in os.environ.items() if name != 'LC_CTYPE'} if _is_coerced() else None


def encoded(text):
    """`text` (str) as it arrives in a program's environment, in any locale (bytes)."""
    return text.encode('utf-8', 'surrogateescape')


def _is_too_new(job_env):
    """Whether a locale of the job, of any category, may have been added after this interpreter started."""
    if _stored() == _STORED_AT_START:
        return False
    environ = dict(environment_before() or os.environ, **job_env)
    names = {value for name, value in environ.items() if name == 'LANG' or name.startswith('LC_')}
    return not all(map(_is_known, names))


def _is_known(name):
    present = _locale.setlocale(_locale.LC_CTYPE, None)
    try:
        _locale.setlocale(_locale.LC_CTYPE, name or 'C')
    except (_Error, ValueError):
        return False
    _locale.setlocale(_locale.LC_CTYPE, present)
    return True


def _wanted(job_env):
    """The name of the locale to set, or None if it is the present one."""
    if not any(name in job_env for name in _NAMES):
        return None
    before = {name: os.environ.get(name) for name in _NAMES}
    coerced = _is_coerced()
    if coerced:
        before['LC_CTYPE'] = None
    after = dict(before, **{name: job_env[name] for name in _NAMES if name in job_env})
    wanted = _effective(after)
    same = wanted == _effective(before) and after['LC_ALL'] == before['LC_ALL']
    # A variable that was coerced and is now set to another value is coerced again.
    return None if same and not (coerced and 'LC_CTYPE' in job_env) else wanted


def _effective(names):
    return names['LC_ALL'] or names['LC_CTYPE'] or names['LANG'] or 'C'


def _is_coerced():
    """True if this interpreter set LC_CTYPE in the environment: it saw the C locale when it started."""
    environ = os.environ
    return (
        _IN_UTF8_MODE
        and not environ.get('LC_ALL')
        and environ.get('LC_CTYPE') in _COERCED
        and not any(name in environ for name in _OVERRIDES)
    )


def _resolve(name):
    """(name, codeset) of the locale that `name` leads to; the C locale if it does not exist."""
    present = _locale.setlocale(_locale.LC_CTYPE, None)
    try:
        return _set(name), _locale.nl_langinfo(_locale.CODESET)
    finally:
        _locale.setlocale(_locale.LC_CTYPE, present)


def _set(name):
    try:
        return _locale.setlocale(_locale.LC_CTYPE, name)
    except _Error:
        return _locale.setlocale(_locale.LC_CTYPE, 'C')


def _coerce():
    for name in _COERCED:
        try:
            _locale.setlocale(_locale.LC_CTYPE, name)
        except _Error:
            continue
        os.environ['LC_CTYPE'] = name
        return name
    return None
