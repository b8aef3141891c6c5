"""Standing: whether a context is still what a new login would give. Checked before each answered request.

A login reads some forty files, most of which never change. Each time they are compared with their earlier state (inode
and ctime), in 50 microseconds; only differences are examined:

- Entries of accounts and groups change often (a play that makes forty accounts). They are looked up again, as by a
  login, and count only if this account's own differ.
- What the other files mean for this account only PAM, sudo and a shell can tell: any change counts.

Changes that are not visible here (sudoers within a folder that this account may not read, edited in place; rights in a
directory service) are bounded by how long the multiplexer keeps contexts of other accounts (mux/server/keeping.py).
"""

import os
import pwd
import stat
import sys
import time

#: Read by every login; of a folder also its members.
LOGIN = (
    '/etc/environment', '/etc/login.defs', '/etc/default/locale', '/etc/locale.conf', '/etc/pam.d',
    '/etc/security/access.conf', '/etc/security/group.conf', '/etc/security/limits.conf', '/etc/security/limits.d',
    '/etc/security/namespace.conf', '/etc/security/pam_env.conf', '/etc/security/time.conf',
)  # fmt: skip
#: Files that decide who may become whom, and how.
RIGHTS = (
    '/etc/sudoers', '/etc/sudoers.d', '/etc/sudo.conf', '/etc/doas.conf', '/etc/default/su',
)  # fmt: skip
if not sys.platform.startswith('linux'):
    RIGHTS += ('/usr/local/etc/sudoers', '/usr/local/etc/sudoers.d', '/usr/local/etc/doas.conf')
_SHADOW, _NSSWITCH = '/etc/shadow', '/etc/nsswitch.conf'
#: Local files with accounts.
ACCOUNTS = ('/etc/passwd', '/etc/group', _SHADOW, _NSSWITCH)
#: Sources in nsswitch.conf that are such files, or add nothing to an account in them.
_IN_FILES = frozenset(['files', 'compat', 'db', 'systemd', 'altfiles'])
#: Interval of lookups if a directory service has the account: no file shows its changes.
ASK_S = 10.0


class Standing(object):
    """The state when it was made. Loop thread only.

    is_lent: the context was started from that of another account, whose permission may be withdrawn.
    more: further paths of which any change counts. is_below: there is an ancestor on this host through which all
    requests come; it checks what every login reads.
    """

    def __init__(self, is_lent=False, more=(), is_below=False, clock=time.monotonic):
        self._clock = clock
        self._files = Snapshot((() if is_below else LOGIN) + (RIGHTS if is_lent else ()) + tuple(more))
        self._accounts = Snapshot(ACCOUNTS)
        entry = own_entry()
        self._name = '' if entry is None else entry.pw_name
        # The requester's account: its password or the account may have expired.
        self._lenders = [os.environ[name] for name in ('SUDO_USER', 'DOAS_USER') if is_lent and name in os.environ]
        self._account = self._look_up()
        self._asked_at = clock()
        self._is_elsewhere = _is_elsewhere()

    def changed(self):
        """Why a new context would differ, for a log; '' if it would not."""
        path = self._files.changed()
        if path:
            return '%s has changed' % path
        if self._accounts.changed():
            # Take the files first: a change between the two is noticed next time.
            self._accounts.take()
            self._is_elsewhere = _is_elsewhere()
        elif not self._is_elsewhere or self._clock() < self._asked_at + ASK_S:
            return ''
        self._asked_at = self._clock()
        return '' if self._look_up() == self._account else 'the account %s has changed' % self._name

    def _look_up(self):
        """What a login would get: uid, gid, home, shell, groups; and its expiry, if readable."""
        entry = own_entry(self._name)
        if entry is None:
            return None
        groups = sorted(os.getgrouplist(entry.pw_name, entry.pw_gid))
        shadow = _shadow([entry.pw_name] + self._lenders)
        return entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_shell, groups, shadow


class Snapshot(object):
    """State of files, and of the members of folders, when it was last taken."""

    def __init__(self, paths):
        self._roots = paths
        self._present = ()
        self._keys = []
        self._absent = ()
        self.take()

    def take(self):
        """Record the present state."""
        paths = []
        for path in self._roots:
            paths.append(path)
            paths.extend(_entries(path))
        keys = [(path, _key(path)) for path in paths]
        self._present = tuple(path for path, key in keys if key is not None)
        self._keys = [key for _, key in keys if key is not None]
        self._absent = tuple(path for path, key in keys if key is None)

    def changed(self):
        """The first path that differs; '' if there is none."""
        keys = list(map(_key, self._present))
        if keys != self._keys:
            return next(path for path, old, new in zip(self._present, self._keys, keys) if old != new)
        for path in self._absent:
            if os.access(path, os.F_OK):  # half the time of a failing stat
                return path
        return ''


def _key(path):
    """Differs after any change of the file: nobody can set ctime back.

    The size shows two changes within one tick of a kernel before 6.13, in which an account may be added twice.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_ctime_ns


def _entries(path):
    """The paths in a folder; none if it is not a folder or not readable."""
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            return [os.path.join(path, name) for name in sorted(os.listdir(path))]
    except OSError:
        pass
    return []


def own_entry(name=''):
    """This account's entry of passwd, by its name if that is known; None for a number without account (a container)."""
    try:
        return pwd.getpwnam(name) if name else pwd.getpwuid(os.getuid())
    except KeyError:
        return None


def own_account():
    """(name, home, shell) of this account; a container may run under a number without account."""
    account = own_entry()
    if account is None:
        return str(os.getuid()), '/', '/bin/sh'
    return account.pw_name, account.pw_dir, account.pw_shell or '/bin/sh'


def _shadow(names):
    """The lines of these accounts in /etc/shadow, if readable."""
    starts = tuple(name.encode('utf-8', 'surrogateescape') + b':' for name in names)
    try:
        with open(_SHADOW, 'rb') as f:
            return [line for line in f if line.startswith(starts)]
    except OSError:
        return []


def _is_elsewhere():
    """Whether accounts or groups may come from a directory service."""
    try:
        with open(_NSSWITCH, 'rb') as f:
            lines = f.read().decode('utf-8', 'replace').splitlines()
    except OSError:
        return False
    for line in lines:
        database, _, sources = line.partition('#')[0].partition(':')
        words = sources.replace('[', ' [').replace(']', '] ').split()
        is_about_accounts = database.strip() in ('passwd', 'group', 'initgroups')
        if is_about_accounts and any(word[:1].isalpha() and word not in _IN_FILES for word in words):
            return True
    return False
