"""The topics: a playbook each (`playbooks/NAME.yml`), and what its runs need."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """One playbook.

    `is_short`: part of the short form, as CI runs it. `needs`: capabilities that must be on this machine, and then
    are on the hosts. `is_local`: makes sense on a controller that is its own target. `env`: of ansible-playbook.
    """

    name: str
    is_short: bool = False
    needs: tuple[str, ...] = ()
    is_local: bool = True
    needs_collections: bool = False
    env: tuple[tuple[str, str], ...] = ()


TOPICS = (
    Topic('become_sudo'),
    Topic('become_su'),
    Topic('become_doas', needs=('doas',), needs_collections=True),
    Topic('become_others', needs_collections=True),
    Topic(
        'become_terminals',
        needs_collections=True,
        env=(('ANSIBLE_SSH_EXTRA_ARGS', '-tt'), ('ANSIBLE_PIPELINING', '0')),
    ),
    Topic('become_no_acl'),
    Topic('accounts', is_local=False),
    Topic('shells', is_local=False),
    Topic('raw', is_short=True),
    Topic('environment'),
    Topic('locale', needs_collections=True),
    Topic('modules_kinds', is_short=True),
    Topic('modules_core'),
    Topic('modules_posix', needs_collections=True),
    Topic('modules_crypto', needs_collections=True),
    Topic('modules_general', needs_collections=True),
    Topic('async'),
    Topic('timeouts'),
    Topic('delegation', is_local=False),
    Topic('strategies', is_local=False),
    Topic('discovery'),
    Topic('vault'),
    Topic('files'),
    Topic('check_diff'),
    Topic('synchronize', needs=('rsync',), needs_collections=True),
    Topic('expect', needs=('pexpect',)),
    Topic('reboot', is_local=False),
    Topic('connections', is_local=False),
    Topic('keep_remote_files', env=(('ANSIBLE_KEEP_REMOTE_FILES', '1'),)),
)
