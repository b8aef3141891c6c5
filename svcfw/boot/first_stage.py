"""The first stage: a command line that finds a Python and runs the code waiting in the pipe.

Also runs on Python 3.6: contexts that start children use these functions.

The text for ssh passes through the login shell of the account, whichever that is. sh, bash, dash, zsh, ksh, fish, csh
and tcsh agree on little more than this: a word in single quotes stands for itself as long as it contains no single
quote, no newline (csh), no exclamation mark (csh history) and no backslash before a quote or another backslash (fish).
So everything is one `/bin/sh -c` with such words, and what goes on inside is plain POSIX shell.
"""

# Order: what the account itself calls python3, then by version (newest first: faster), then the places where
# distributions put one that is not on a non-interactive PATH. `python` last: it is often Python 2 or missing.
CANDIDATES = (
    'python3',
    'python3.14',
    'python3.13',
    'python3.12',
    'python3.11',
    'python3.10',
    'python3.9',
    'python3.8',
    'python3.7',
    'python3.6',
    '/usr/bin/python3',
    '/usr/local/bin/python3',
    '/usr/libexec/platform-python',
    '/opt/homebrew/bin/python3',
    '/opt/bin/python3',
    'python',
)

# Printed if no Python was found, or if the configured one cannot be used.
NO_PYTHON = 'SVCFW-NO-PYTHON'
BAD_PYTHON = 'SVCFW-BAD-PYTHON'

# $0 is this script itself, $1 the Python code, $2 what was tried before, the rest are the remaining candidates.
# A program that is found may not start (a shim without its version, a missing library), and after exec nobody can try
# the next one: so it is started once for a test, which takes some 8 ms and tells which Python it is. A shim (of pyenv,
# asdf, mise) sets variables, PATH among them, which tasks would see: so the Python itself is used.
# A Python that is too old returns here (see _TRY_THE_REST) with the remaining candidates.
_SCRIPT = (
    'c=$1 t=$2;shift 2;'
    'for p in "$@";do shift;t="$t $p";'
    'w=$(command -v "$p")||continue;'
    'q=$("$p" -S -c "import sys,zlib;print(sys.executable)"</dev/null 2>/dev/null)||{{ t="$t(status $?)";continue;}};'
    'case $w in */shims/*)p=$q;esac;'
    'exec "$p" -c "$c" "$0" "$c" "$t" "$@";'
    'done;'
    'echo "{complaint}$t">&2;exit 127'
)

# Must parse on Python 2 as well, on one line, without a single quote and without a backslash. In order:
# - empty entries leave sys.path, since they mean the current directory, which may belong to someone else than the
#   account we run as (become): nothing may be imported from a file before that;
# - a Python that is too old gives way;
# - exactly as many bytes as the second stage has are read, by os.read: what follows in the pipe are frames;
# - the second stage is unpacked and run; `b`, `d` and `s` are what it starts from (see loader.py).
_CODE = (
    'import os,sys;'
    'sys.path[:]=filter(None,sys.path);'
    'a=sys.argv;'
    'v=sys.version_info;'
    'v<(3,6)and {too_old};'
    'import zlib;'
    'b=b"";'
    'exec("while len(b)<{size}:b+=os.read(0,{size}-len(b))or sys.exit(9)");'
    'd=zlib.decompressobj();'
    's=d.decompress(b).split(bytes(1));'
    'exec(s[0])'
)
_TRY_THE_REST = 'os.execv("/bin/sh",["sh","-c",a[1],a[1],a[2],a[3]+"(%d.%d)"%v[:2]]+a[4:])'
_GIVE_UP = 'sys.exit("' + NO_PYTHON + ': tried "+sys.executable+"(%d.%d)"%v[:2])'

_PLAIN = frozenset('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-')
_PLAIN_CODES = frozenset(map(ord, _PLAIN | frozenset(' ;:&|<>={}@()')))
_UNSAFE = frozenset("'\\!\n\r\0")

# The second stage is padded to this size, so that the command line can be written, and a login begin, before there is a
# bundle: a process that has just started needs 50 ms for it. Little of it is padding; tests/unit/boot/test_bundle.py
# holds both limits.
STAGE_BYTES = 19600
# What of it there is for the configuration at least. Modules that become contexts know this size
# (ansible_plugins/module_utils/services.py).
CONFIG_BYTES = 512
# The second stage of a child for another account, whose configuration has modules that others do not need. It crosses
# no network.
SEALED_STAGE_BYTES = STAGE_BYTES + 8192


def configuration(config, size=CONFIG_BYTES):
    """A configuration as `second_stage` takes it: `size` bytes. Raises ValueError if it is too large.

    config: dict, names to None, bool, numbers, str, bytes and containers of these: the argument of
    `svcfw.core.entry.main` on the host.
    """
    data = ascii(config).encode()
    if len(data) > size:
        raise ValueError('configuration too large: %d bytes, limit %d' % (len(data), size))
    return data.ljust(size)


def second_stage(bundle, configured, size=STAGE_BYTES):
    """The first bytes in the pipe of a new child, `size` of them.

    bundle: bytes, of `bundle.packed`. configured: of `configuration`.
    """
    return bundle + configured.ljust(size - len(bundle))


def argv(python, size):
    """The command for a known interpreter: no shell, no search. Returns a list of str.

    python: list of str, the interpreter and its options, ['/usr/bin/python3'].
    size: length in bytes of the second stage.
    """
    return [*python, '-c', _CODE.format(size=size, too_old=_GIVE_UP)]


def search_argv(size, hints=(), only=None):
    """The search as an argv list, for programs that take one (docker exec, chroot): list of str. Arguments as in
    `text`."""
    code = _CODE.format(size=size, too_old=_TRY_THE_REST)
    candidates = [*hints, *(name for name in CANDIDATES if name not in hints)] if only is None else [only]
    script = _SCRIPT.format(complaint=NO_PYTHON + ': tried' if only is None else BAD_PYTHON + ':')
    return ['/bin/sh', '-c', 'eval "$0"', script, code, '', *candidates]


def text(size, hints=(), only=None):
    """The search as one line for a login shell: str.

    size: length in bytes of the second stage.
    hints: sequence of str, interpreters to try first (names for PATH, or paths).
    only: str, the only one to use; None to search.
    Raises ValueError for an interpreter that no quoting preserves in every login shell.
    """
    return ' '.join(quote(word) for word in search_argv(size, hints, only))


def nested_text(size, hints=()):
    """The search as text for `sh -c` within a become command: str. Arguments as in `search_argv`.

    It contains no dollar sign: `sudo -i` quotes everything else for the login shell, which expands those.
    """
    return ' '.join(_nested(word) for word in search_argv(size, hints))


def _nested(word):
    if "'" not in word and '$' not in word:
        return "'%s'" % word
    # POSIX: printf's %b decodes \0 and octal digits, which backquotes within double quotes do not change.
    codes = [
        chr(code) if code in _PLAIN_CODES else '\\0%03o' % code for code in word.encode('utf-8', 'surrogateescape')
    ]
    return '"`printf %%b \'%s\'`"' % ''.join(codes)


def can_quote(word):
    """Whether `quote` accepts `word` (bool)."""
    return not _UNSAFE.intersection(word)


def quote(word):
    """`word` (str), quoted for every login shell named above. Raises ValueError where that is impossible."""
    if word and _PLAIN.issuperset(word):
        return word
    if not can_quote(word):
        raise ValueError('cannot pass %r through every login shell' % (word,))
    return "'%s'" % word
