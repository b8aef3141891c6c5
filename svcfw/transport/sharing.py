"""ssh's own sharing of connections (ControlMaster, ControlPath), and what a context has to do with it. Python 3.6.

A context lives longer than a task. As a master it would carry other people's sessions and end them with itself; as the
client of a master it would end with that one, and keep the terminal of who opened it from closing. So it is neither,
and has a connection of its own, unless only a master that is there already can get to the host: one that was opened
with a second factor, say.
"""

# In the way of Ansible's own connection: with ControlPersist among the arguments and no ControlPath it uses a socket of
# its own, which is nobody else's affair; then what ssh_config says of ControlPath has no say either.
_OF_ANSIBLE = 'controlpersist'

# $0 is ssh, $1 the host, $2 the command, $3 seconds, the rest are options. -S wins over every -o that came before, and
# of -o the first counts. Nothing is asked of anybody for the trial: no refused password may count against the account.
_SCRIPT = (
    'h=$1 c=$2 s=$3;shift 3;'
    'if "$0" "$@" -O check "$h" </dev/null >/dev/null 2>&1'
    ' && ! "$0" -o BatchMode=yes -o ConnectTimeout="$s" "$@" -S none -T "$h" true </dev/null >/dev/null 2>&1;'
    'then exec "$0" -o ControlMaster=no "$@" -T "$h" "$c";'
    'fi;exec "$0" "$@" -S none -T "$h" "$c"'
)


def may_share(ssh_args, named):
    """Whether the user's own arguments or ssh_config may name a master's socket that Ansible would use (bool).

    ssh_args: as in Spec. named: set of str, what all arguments set, as of openssh.option_names.
    """
    return 'controlpath' in named or (ssh_args is not None and _OF_ANSIBLE not in named)


def argv(program, options, host, text, timeout_s):
    """The command that runs `text` on `host` by a connection of its own, or else by a master that is there.

    program: str, ssh; options: list of str. Where there is a master, one more login tells which it is to be; it is
    given a third of `timeout_s` to connect.
    """
    return ['/bin/sh', '-c', _SCRIPT, program, host, text, str(max(1, int(timeout_s) // 3)), *options]
