"""The files that affect a login of this account: start-up files of its shell, and files that these name.

A context has the environment of its login. A line that a play adds to ~/.bashrc has to affect the next module, as it
would after a new login; so the files are watched (standing.py), and a change leads to a new login. The list of files is
made once for a context, soon after its start:

- what sshd and PAM read below the home;
- what the shell reads when it is given a command, and for other accounts (`sudo -i`, `su -`) what a login shell reads;
- what those files name, as far as the text shows it: every word that looks like a path after expansion of assignments
  and the environment. For a pattern (/etc/profile.d/*.sh) the folder counts. Sourced files are searched in the same
  way, two levels deep.

Not visible are the output of programs that they run (`eval "$(rbenv init -)"`), and computed names.
Nor are files considered that decide who may log in (authorized_keys, sshd_config): sshd checks those once, at the
beginning of a connection, and a play that is about to lock itself out should end as it does over stock ssh.
"""

import os
import re

#: Read by sshd for a session, or by pam_env for the user; below the home.
_SESSION = ('.ssh/environment', '.ssh/rc', '.pam_environment')
_SYSTEM_SESSION = ('/etc/ssh/sshrc',)
#: By the name of a shell, what it reads when it is given a command, as by sshd.
_COMMAND = {
    'bash': ('/etc/bash.bashrc', '~/.bashrc'),
    'zsh': ('/etc/zshenv', '/etc/zsh/zshenv', '$ZDOTDIR/.zshenv', '~/.zshenv'),
    'fish': (
        '/usr/share/fish/config.fish', '/usr/share/fish/vendor_conf.d', '/etc/fish/config.fish', '/etc/fish/conf.d',
        '~/.config/fish/config.fish', '~/.config/fish/conf.d', '~/.config/fish/fish_variables',
    ),
    'csh': ('/etc/csh.cshrc', '/etc/.cshrc', '~/.tcshrc', '~/.cshrc'),
}  # fmt: skip
_COMMAND['tcsh'] = _COMMAND['csh']
#: The same for a login shell; shells not in the table read the POSIX files.
_LOGIN = {
    'bash': ('/etc/profile', '/etc/profile.d', '~/.bash_profile', '~/.bash_login', '~/.profile'),
    'zsh': ('/etc/zprofile', '/etc/zsh/zprofile', '/etc/zlogin', '/etc/zsh/zlogin', '~/.zprofile', '~/.zlogin'),
    'fish': (),
    'csh': ('/etc/csh.login', '/etc/.login', '~/.login'),
}
_LOGIN['tcsh'] = _LOGIN['csh']
_POSIX_LOGIN = ('/etc/profile', '/etc/profile.d', '~/.profile')
#: Variables that name a file which a shell reads.
_NAMING = ('BASH_ENV', 'ENV')

_MAX_READ_BYTES = 64 * 1024
_MAX_PATHS = 200
_DEPTH = 2

_ASSIGNMENT = re.compile(r'(?:^|[\s;&(])(?:export\s+|set\s+(?:-\w+\s+)*)?([A-Za-z_]\w*)=["\']?([^\s"\';]*)')
_PATH = re.compile(
    r'(?P<written>>[>|&]?\s*)?'
    r'(?P<sourced>(?:^|[\s;&(])(?:\.|source)\s+)?'
    # A value alone, such as HISTFILE's, has no effect until something uses it.
    r'(?P<assigned>[=:])?'
    r'["\']?(?P<path>(?:~|\$\{?\w+\}?|/)["\w./+@%~*?${}\[\]-]*)',
    re.MULTILINE,
)
_VARIABLE = re.compile(r'\$(?:\{(\w+)\}|(\w+))')
_COMMENT = re.compile(r'(?m)(?:^|\s)#.*$')
_NEVER = ('/dev/', '/proc/', '/sys/')


def watched(shell, home, environ, is_lent=False):
    """The paths (list of str; of a folder its members count) that affect a login by `shell` into `home`.

    environ: the login's environment (dict of str). is_lent: the account differs from the login account.
    """
    name = os.path.basename(shell or '').lstrip('-')
    roots = [os.path.join(home, path) for path in _SESSION]
    roots += _SYSTEM_SESSION
    roots += _COMMAND.get(name, ())
    if is_lent:
        roots += _LOGIN.get(name, _POSIX_LOGIN)
    roots += [environ[variable] for variable in _NAMING if environ.get(variable)]
    return _Search(home, environ).paths(roots)


class _Search(object):
    """Follows names of files in files."""

    def __init__(self, home, environ):
        self._home = home
        self._variables = dict(environ, HOME=home)
        self._found = {}

    def paths(self, roots):
        for root in roots:
            path = self._expanded(root)
            if path is not None:
                self._add(path, _DEPTH)
        return list(self._found)[:_MAX_PATHS]

    def _add(self, path, depth):
        """Watch a path, and the paths it names if the shell reads it; `depth` more levels."""
        if self._found.get(path, -1) >= depth or len(self._found) >= _MAX_PATHS:
            return
        self._found[path] = depth
        if depth > 0:
            for each in _files(path):
                self._look_through(each, depth - 1)

    def _look_through(self, path, depth):
        try:
            with open(path, 'rb') as opened:
                text = opened.read(_MAX_READ_BYTES).decode('utf-8', 'replace')
        except OSError:
            return
        text = _COMMENT.sub('', text)
        for name, value in _ASSIGNMENT.findall(text):
            if name != 'HOME':
                self._variables[name] = self._filled_in(value)
        for match in _PATH.finditer(text):
            named = self._expanded(match.group('path').replace('"', ''))
            if named is None or match.group('written') or match.group('assigned'):
                continue
            if any(character in named for character in '*?['):
                self._add(_folder_of_pattern(named), depth)
            elif not os.path.isdir(named):
                self._add(named, depth if match.group('sourced') else 0)

    def _filled_in(self, text):
        if text.startswith('~') and text[1:2] in ('', '/'):
            text = self._home + text[1:]
        return _VARIABLE.sub(lambda match: self._variables.get(match.group(1) or match.group(2), ''), text)

    def _expanded(self, text):
        """The path that a word stands for; None if it is none, or has no effect on a login."""
        path = self._filled_in(text)
        if not path.startswith('/') or path.startswith(_NEVER) or path.strip('/') == '':
            return None
        return os.path.normpath(path)


def _files(path):
    """A file, or the members of a folder (list)."""
    try:
        return [os.path.join(path, name) for name in sorted(os.listdir(path))]
    except OSError:
        return [path]


def _folder_of_pattern(path):
    parts = path.split('/')
    return '/'.join(parts[: next(i for i, part in enumerate(parts) if any(each in part for each in '*?['))]) or '/'
