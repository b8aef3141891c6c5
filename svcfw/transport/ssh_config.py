"""What ssh arguments and configuration files set, as far as it can be determined without ssh."""

import glob
import os
import pwd
import re

# Options of ssh that take a value, as a following word or attached.
_WITH_VALUE = frozenset('BbcDEeFIiJLlmOoPpQRSWw')
_LONG_NAME = {
    'A': 'forwardagent',
    'C': 'compression',
    'F': 'configfile',
    'J': 'proxyjump',
    'M': 'controlmaster',
    'S': 'controlpath',
    'c': 'ciphers',
    'i': 'identityfile',
    'l': 'user',
    'p': 'port',
}

_SYSTEM_CONFIG = '/etc/ssh/ssh_config'


def option_names(words):
    """The ssh_config names, in lower case, that a list of ssh arguments sets: set of str."""
    return {name for name, _ in option_settings(words)}


def option_settings(words):
    """[(ssh_config name in lower case, value)] that a list of ssh arguments sets.

    Flags that abbreviate an option count as it, with value '' if they take none; other flags are left out.
    """
    settings = []
    words = iter(words)
    for word in words:
        if not word.startswith('-') or len(word) < 2:
            continue
        for index, flag in enumerate(word[1:], 2):
            value = ''
            if flag in _WITH_VALUE:
                value = word[index:] or next(words, '')
            if flag == 'o':
                words_of_it = re.split(r'\s*=\s*|\s+', value.strip(), maxsplit=1)
                settings.append((words_of_it[0].lower(), words_of_it[-1] if len(words_of_it) > 1 else ''))
            elif flag in _LONG_NAME:
                settings.append((_LONG_NAME[flag], value))
            if flag in _WITH_VALUE:
                break
    return settings


def user_folder():
    """Where ssh has the user's files, whatever $HOME is (str). Without an account ssh does not run, and has none."""
    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        home = os.path.expanduser('~')
    return os.path.join(home, '.ssh')


def may_set(option, words, cwd=None):
    """Whether `words` (list of str, arguments of ssh) or the files that ssh reads may set `option` (bool).

    option: str, in lower case. cwd: str, where ssh runs, None for here. A file with an Include counts as one that may;
    the distributions' own Include is followed.
    """
    settings = option_settings(words)
    if {name for name, _ in settings} & {option, 'include'}:
        return True
    named = [value for name, value in settings if name == 'configfile']
    if named:
        # -F: ssh reads only that file; with "none" no file at all.
        path = os.path.join(cwd or '', os.path.expanduser(named[-1]))
        return named[-1] != 'none' and (not os.path.exists(path) or _mentions(path, option))
    configs = [os.path.join(user_folder(), 'config'), _SYSTEM_CONFIG, *sorted(glob.glob(_SYSTEM_CONFIG + '.d/*.conf'))]
    return any(_mentions(path, option) for path in configs)


def _mentions(path, option):
    try:
        with open(path, encoding='utf-8', errors='replace') as config:
            lines = config.read().splitlines()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    for line in lines:
        name, _, value = line.strip().replace('=', ' ').partition(' ')
        if name.lower() == option or (name.lower() == 'include' and value.strip() != _SYSTEM_CONFIG + '.d/*.conf'):
            return True
    return False
