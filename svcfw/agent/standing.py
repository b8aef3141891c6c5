"""Standing: whether a context is still what a new login of its account would be. Checked before each answered request.

A login reads some forty files, most of which are never touched. Each time they are compared with what they were (inode
and time of change), in 50 microseconds; only what differs is looked at:

- Entries of accounts and groups change all the time (a play that makes forty accounts). They are asked for again, as a
  login would, and count only if this account's own differ.
- What the other files mean for this account only PAM, sudo and a shell can tell: any change of them counts.

What cannot be seen from here (sudoers within a folder that this account may not read, edited in place; rights kept in a
directory service) is bounded by how long the multiplexer keeps contexts of other accounts (its server/keeping.py).
"""

import os
import pwd
import stat
import sys
import time

#: What a login reads, whoever logs in; of a folder also what is in it.
LOGIN = (
    '/etc/environment', '/etc/login.defs', '/etc/default/locale', '/etc/locale.conf', '/etc/pam.d',
    '/etc/security/access.conf', '/etc/security/group.conf', '/etc/security/limits.conf', '/etc/security/limits.d',
    '/etc/security/namespace.conf', '/etc/security/pam_env.conf', '/etc/security/time.conf',
)  # fmt: skip
#: What says who may become whom, and how.
RIGHTS = (
    '/etc/sudoers', '/etc/sudoers.d', '/etc/sudo.conf', '/etc/doas.conf', '/etc/default/su',
)  # fmt: skip
if not sys.platform.startswith('linux'):
    RIGHTS += ('/usr/local/etc/sudoers', '/usr/local/etc/sudoers.d', '/usr/local/etc/doas.conf')
_SHADOW, _NSSWITCH = '/etc/shadow', '/etc/nsswitch.conf'
#: Where accounts are, as far as that is in files.
ACCOUNTS = ('/etc/passwd', '/etc/group', _SHADOW, _NSSWITCH)
#: Sources in nsswitch.conf that are such files, or add nothing to an account that is in them.
_IN_FILES = frozenset(['files', 'compat', 'db', 'systemd', 'altfiles'])
#: How often to ask for the account where a directory service has it, of which no file tells that it changed.
ASK_S = 10.0


class Standing(object):
    """Taken when it is made. Loop thread only.

    is_lent: the context was started from that of another account, so that its right to be may be withdrawn.
    more: further paths of which any change counts. is_below: there is a context above on this host, by way of which all
    requests come; what every login reads is looked at there, once.
    """

    def __init__(self, is_lent=False, more=(), is_below=False, clock=time.monotonic):
        self._clock = clock
        self._files = Snapshot((() if is_below else LOGIN) + (RIGHTS if is_lent else ()) + tuple(more))
        self._accounts = Snapshot(ACCOUNTS)
        self._name = _name()
        # Who asked for this context: one whose password or account has expired may not.
        self._lenders = [os.environ[name] for name in ('SUDO_USER', 'DOAS_USER') if is_lent and name in os.environ]
        self._account = self._look_up()
        self._asked_at = clock()
        self._is_elsewhere = _is_elsewhere()

    def changed(self):
        """Why a new context would be another one, for a log; '' while it would be the same."""
        path = self._files.changed()
        if path:
            return '%s has changed' % path
        if self._accounts.changed():
            # First the files: what changes between the two is noticed next time.
            self._accounts.take()
            self._is_elsewhere = _is_elsewhere()
        elif not self._is_elsewhere or self._clock() < self._asked_at + ASK_S:
            return ''
        self._asked_at = self._clock()
        return '' if self._look_up() == self._account else 'the account %s has changed' % self._name

    def _look_up(self):
        """What a login would get: uid, gid, home, shell, groups; and when it may, where that can be read."""
        try:
            entry = pwd.getpwnam(self._name) if self._name else pwd.getpwuid(os.getuid())
        except KeyError:
            return None
        groups = sorted(os.getgrouplist(entry.pw_name, entry.pw_gid))
        shadow = _shadow([entry.pw_name] + self._lenders)
        return entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_shell, groups, shadow


class Snapshot(object):
    """What files were like, and the files in folders, when it was taken last."""

    def __init__(self, paths):
        self._roots = paths
        self._present = ()
        self._keys = []
        self._absent = ()
        self.take()

    def take(self):
        """Take them as they are now."""
        paths = []
        for path in self._roots:
            paths.append(path)
            paths.extend(_entries(path))
        keys = [(path, _key(path)) for path in paths]
        self._present = tuple(path for path, key in keys if key is not None)
        self._keys = [key for _, key in keys if key is not None]
        self._absent = tuple(path for path, key in keys if key is None)

    def changed(self):
        """The first path that is not as it was; '' if there is none."""
        keys = list(map(_key, self._present))
        if keys != self._keys:
            return next(path for path, old, new in zip(self._present, self._keys, keys) if old != new)
        for path in self._absent:
            if os.access(path, os.F_OK):  # half the time of a stat that fails
                return path
        return ''


def _key(path):
    """Differs once anything about the file does: nobody can set the time of change back.

    The size tells of two changes within one tick of a kernel before 6.13, where an account may be added twice.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_ctime_ns


def _entries(path):
    """The paths in a folder; none if it is no folder, or may not be read."""
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            return [os.path.join(path, name) for name in sorted(os.listdir(path))]
    except OSError:
        pass
    return []


def _name():
    """Of this account; '' for a number that no account has (a container's)."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ''


def _shadow(names):
    """The lines of these accounts in /etc/shadow, as far as that can be read."""
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
