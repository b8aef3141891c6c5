"""Tables of prompts and error messages of login programs, used by `dialogue`.

OpenSSH's messages are those of its sources from 7.4 to 10.0; it does not translate them. {names} in cause and remedy
are groups of the pattern. Names in `backquotes` are options of `Router.ssh` and Spec; callers whose users know other
names translate them (svcfw.ansible.errors).
"""

import re

# Kinds of prompts.
PASSWORD = 'password'
PASSPHRASE = 'passphrase'
PIN = 'pin'
CODE = 'code'
HOST_KEY = 'hostkey'
CHANGE = 'change'
OTHER = 'other'


def _prompts(*rows):
    return [(re.compile('(?:%s) ?\\Z' % pattern, re.IGNORECASE), kind) for kind, pattern in rows]


def _faults(*rows):
    return [(re.compile(pattern, re.MULTILINE), kind, cause, remedy) for kind, pattern, cause, remedy in rows]


# Patterns for the last line on the terminal; the first match counts. Servers choose the wording of all but the first
# three, so the patterns match any text in bounded time.
SSH_PROMPTS = _prompts(
    (HOST_KEY, r".*\(yes/no(/\[fingerprint\])?\)\?|Please type 'yes'.*:"),
    (PASSPHRASE, r"Enter passphrase for (RSA )?key '?(?P<what>[^']+)'?:"),
    (PIN, r'Enter (user )?PIN for (?P<what>.+):'),
    (CHANGE, r'(?P<what>.*\b(current|old|new|retype)\b.*password.*):'),
    (CODE, r'(?P<what>.*\b(code|passcode|otp|token|one-time)\b.*):'),
    (PASSWORD, r"(\(?(?P<what>[^\s@()]+@[^\s()']+)\)?('s)? )?.*password.*:"),
    (OTHER, r'(?P<what>.*[^\s:?>])\s?[:?>]'),
)

CHECK_LOGIN = 'Check user, key and password.'
HUNG_UP = 'Look at its log; it may refuse this address, or limit parallel logins (MaxStartups).'
NO_ADDRESS = 'Set `hostname` to a name or address that this machine can resolve.'
NOTHING_IN_COMMON = 'Allow what the server offers by `ssh_common_args`, or update the server.'
TOO_MANY_KEYS = 'Name the key (`private_key_file`) and add -o IdentitiesOnly=yes to `ssh_common_args`.'
REVOKED = 'Do not connect; ask who runs the host.'
EXPIRED = 'Log in by hand and choose another one.'
UNREACHABLE = 'Check that the host is up, its address and port, and what stands between.'
KNOWN_HOSTS = (
    'Put its key into known_hosts (log in once by hand, or use ssh-keyscan), or turn `host_key_checking` off if any '
    'key will do.'
)
CHANGED_KEY = 'Find out why; if all is well, remove the old key: {command}'

# ssh's own advice on a changed key. Servers write to the same stream, and users may paste it: match exactly this.
REMOVE_KEY = re.compile(r'remove with:\n\s*(ssh-keygen -f "[\w/.~ -]+" -R "[\w.:\[\]-]+")$', re.MULTILINE)

# Appended by the first stage to the name of the configured interpreter: its version, its exit status, or nothing.
_BAD_PYTHON = [
    (
        'nopython',
        r'^SVCFW-BAD-PYTHON: (?P<python>.*)%s$' % how,
        'the Python to use there, {python}, ' + cause,
        'Correct `python`, or leave it out to have one searched for.',
    )
    for how, cause in (
        (r'\((?P<version>\d+\.\d+)\)', 'has version {version}, expected 3.6 or later'),
        (r'\(status (?P<status>\d+)\)', 'does not start: it ended with status {status}'),
        ('', 'is not there'),
    )
]

# What a shell ends with that cannot redirect to /dev/null: it has no descriptors left, and starts no Python that is
# there (which ends with 1 if it does not start). The stock connection would start none either.
_NO_DESCRIPTORS = (
    'busy',
    r'^SVCFW-(NO|BAD)-PYTHON:.*\(status 2\)',
    'no program can be started there: too many files are open',
    'Raise the limit of open files of its account (ulimit -n), or of the host (fs.file-max).',
)

# Patterns for the error stream of ssh (without debug lines); the first match counts. Searched lines are short.
SSH_FAULTS = _faults(
    _NO_DESCRIPTORS,
    (
        'nopython',
        r'^SVCFW-NO-PYTHON: tried (?P<tried>.*)',
        'no Python 3.6 or newer found there; tried {tried}',
        'Install Python 3 on the host, or set `python` to where it is.',
    ),
    *_BAD_PYTHON,
    (
        'hostkey',
        r'^Offending \S+ key in (?P<place>.+)$(?s:.*)^Host key verification failed',
        'its host key differs from the one in {place}',
        CHANGED_KEY,
    ),
    (
        'hostkey',
        r'IDENTIFICATION HAS CHANGED(?s:.*)^Host key verification failed',
        'its host key has changed',
        CHANGED_KEY,
    ),
    (
        'hostkey',
        r'Password authentication is disabled to avoid man-in-the-middle(?s:.*)Permission denied',
        'its host key has changed, so ssh did not send a password',
        CHANGED_KEY,
    ),
    (
        'hostkey',
        r'host key .*revoked',
        'its host key is marked as revoked',
        REVOKED,
    ),
    ('hostkey', r'^No (?P<type>\S+) host key is known for', 'its {type} host key is unknown', KNOWN_HOSTS),
    ('hostkey', r'^Host key verification failed', 'its host key could not be verified', KNOWN_HOSTS),
    (
        'auth',
        r'(?i)password (has expired|change required)|required to change your password',
        'the password has expired',
        EXPIRED,
    ),
    (
        'auth',
        r'Too many authentication failures',
        'too many keys were offered before the right one',
        TOO_MANY_KEYS,
    ),
    (
        'refused',
        r'Could not resolve hostname (?P<name>.*?): (?P<why>.*)',
        'the name {name} has no address ({why})',
        NO_ADDRESS,
    ),
    (
        'timeout',
        r'(?i)(connection|operation) (to .* )?timed out',
        'no answer within the time-out',
        UNREACHABLE,
    ),
    (
        'refused',
        r'connect to (?:host|address) (?P<name>\S+) port (?P<port>\d+): (?P<why>.*)',
        'port {port} of {name} cannot be reached ({why})',
        UNREACHABLE,
    ),
    (
        'auth',
        r'Permission denied \((?P<methods>[^)]*)\)',
        'login refused; the server accepts {methods}',
        CHECK_LOGIN,
    ),
    (
        'config',
        r'Unable to negotiate with .*?: (?P<why>no matching .*)',
        'ssh here and the server have no algorithm in common: {why}',
        NOTHING_IN_COMMON,
    ),
    (
        'config',
        (
            r'^(?P<what>.*(Bad configuration option|(unknown|illegal|invalid) option|Bad owner or permissions|'
            r'line \d+: |Cannot execute command-line and remote command|Bad (\S+ spec|stdio forwarding|port)|'
            r"Can't open user config file|hostname contains invalid characters|requires an argument).*)"
        ),
        'ssh does not accept its settings: {what}',
        'Correct the ssh arguments or ssh_config.',
    ),
    (
        'refused',
        r'(?P<what>stdio forwarding failed|.*UNKNOWN port 65535.*)',
        'the connection by way of a jump host or ProxyCommand failed',
        'Try the jump host by itself.',
    ),
    (
        'refused',
        r'(?P<what>((kex|ssh)_exchange_identification|banner exchange|Connection (closed|reset) by).*)',
        'the server hung up before the login ({what})',
        HUNG_UP,
    ),
    (
        'died',
        r'(?P<what>.*(account is currently not available|[Nn]o shell|not allowed to (execute|run)).*)',
        'the account may not run commands: {what}',
        'Use an account with a login shell.',
    ),
)

# The account that ssh logged in as, where it chose one itself.
REFUSED_ACCOUNT = re.compile(r'^([^\s@:]+)@\S+: Permission denied', re.MULTILINE)

# Beginnings of lines that ssh prints only with -v: never the reason of a failure.
SSH_DEBUG = ('debug', 'OpenSSH_', 'Authenticated to ', 'Transferred: ', 'Bytes per second: ')

# Messages about keys that precede a refused login; appended to its error.
SSH_NOTES = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (r'^Load key .*', r'^no such identity: .*', r'^sign_and_send_pubkey: .*', r'^Permissions \S+ for .*')
]


class Language:
    """Messages of one program. program: str, its name in errors.

    prompts: [(pattern, kind)]; faults: [(pattern, StartError kind, cause, remedy)]; notes: [pattern].
    own_status: int, the exit status of the program's own errors; others come from what it started. None if there is
    none.
    """

    def __init__(self, program, prompts, faults, notes, own_status=None):
        self.program, self.prompts, self.faults, self.notes = program, prompts, faults, notes
        self.own_status = own_status


SSH = Language('ssh', SSH_PROMPTS, SSH_FAULTS, SSH_NOTES, own_status=255)
# A local child has no prompts; its first stage prints the same messages.
LOCAL = Language('the child', [], SSH_FAULTS[: 2 + len(_BAD_PYTHON)], [])
