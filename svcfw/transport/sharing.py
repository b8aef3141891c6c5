"""ssh's connection sharing (ControlMaster, ControlPath), which a context avoids.

A context lives longer than a task. As a master it would carry other sessions and end them with itself; as a client of a
master it would end with that, and keep the terminal of its owner from closing. So it uses neither and opens its own
connection, unless only an existing master can reach the host: for example one opened with a second factor.
"""

# As Ansible's own connection does: with ControlPersist among the arguments and no ControlPath it uses a private socket;
# then ControlPath in ssh_config does not count either.
_OF_ANSIBLE = 'controlpersist'

# $0 is ssh, $1 the host, $2 the command, $3 seconds, the rest are options. -S wins over every earlier -o, and the first
# of several -o counts. The trial runs in batch mode: no refused password may count against the account.
_SCRIPT = (
    'h=$1 c=$2 s=$3;shift 3;'
    'if "$0" "$@" -O check "$h" </dev/null >/dev/null 2>&1'
    ' && ! "$0" -o BatchMode=yes -o ConnectTimeout="$s" "$@" -S none -T "$h" true </dev/null >/dev/null 2>&1;'
    'then exec "$0" -o ControlMaster=no "$@" -T "$h" "$c";'
    'fi;exec "$0" "$@" -S none -T "$h" "$c"'
)


def may_share(ssh_args, named):
    """Whether the user's arguments or ssh_config may name a master's socket that Ansible would use (bool).

    ssh_args: as in Spec. named: set of str, options that all arguments set, as of openssh.option_names.
    """
    return 'controlpath' in named or (ssh_args is not None and _OF_ANSIBLE not in named)


def argv(program, options, host, text, timeout_s):
    """The command that runs `text` on `host` over a connection of its own, or else over an existing master.

    program: str, ssh; options: list of str. If there is a master, a trial login decides; it has a third of `timeout_s`
    to connect.
    """
    return ['/bin/sh', '-c', _SCRIPT, program, host, text, str(max(1, int(timeout_s) // 3)), *options]
