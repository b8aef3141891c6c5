"""What a fresh login would have, a task in a warm context has; and a context is in nobody's way.

Each change is made on a host by one task and looked at by the next, over svcfw and over a stock connection that logs in
for each task.
"""

from pathlib import Path
from typing import Any

import pytest

from svcfw.mux.server.keeping import MAX_KEPT
from tests.support.ansible import Controller, Run, connection_vars
from tests.support.hosts import Farm, Host
from tests.support.timing import seconds, wait_until
from tests.support.venvs import need_core

SVCFW, STOCK = 'svcfw-ssh', 'ssh'

Task = dict[str, object]


def inventory(host: Host, connection: str, user: str = 'sudoer') -> dict[str, dict[str, object]]:
    variables = {**host.inventory_vars(user), **connection_vars(connection)}
    if connection == STOCK:
        variables['ansible_ssh_args'] = '-o ControlMaster=no'
    return {'target': variables}


def play(controller: Controller, host: Host, connection: str, tasks: list[Task]) -> Run:
    controller.trust(host)
    # A login for each of some forty tasks takes its time.
    return controller.finish(controller.start(controller.write_play(tasks), inventory(host, connection)), 900)


def as_root(**task: object) -> Task:
    return {'become': True, **task}


def as_other(**task: object) -> Task:
    return {'become': True, 'become_user': 'other', **task}


def shell(text: str, **more: object) -> Task:
    return {'shell': text, 'ignore_errors': True, 'ignore_unreachable': True, **more}


#: The process id of the login's context, of which a command of `raw` is a child.
CONTEXT: Task = {'raw': 'echo $PPID', 'name': 'context'}


def outcomes(run: Run) -> list[Any]:
    """(status, output) of each task, in order; the reason of a failure is each connection's own."""
    return [
        (event['kind'], event['result'].get('rc'), event['result'].get('stdout'))
        for event in run.events
        if event['kind'] in ('ok', 'ignored', 'failed', 'unreachable')
    ]


# -- one run's reset, another run's tasks ----------------------------------------------------------------------------


def test_a_reset_leaves_another_runs_task_alone(controller: Controller, farm: Farm, tmp_path: Path) -> None:
    host = farm.host()
    controller.trust(host)
    hold = tmp_path / 'hold.yml'
    hold.write_text(
        '- hosts: all\n  gather_facts: false\n  tasks:\n'
        '    - shell: "touch /tmp/started; until test -e /tmp/go; do sleep 0.1; done; echo $PPID"\n'
        '    - shell: echo $PPID\n'
    )
    first = controller.start(hold, inventory(host, SVCFW))
    wait_until(host.path('/tmp/started').exists, seconds(60), 'the first run')
    contexts = len(pythons(host))
    second = controller.play(inventory(host, SVCFW), [CONTEXT, {'meta': 'reset_connection'}, CONTEXT])
    host.path('/tmp/go').touch()
    done = controller.finish(first)
    assert done.rc == 0, done.output
    before, after = (event['result']['stdout'] for event in second.results('context'))
    assert before != after
    wait_until(lambda: len(pythons(host)) <= contexts, seconds(20), 'the end of the context that was reset')


# -- what is looked at after it has changed --------------------------------------------------------------------------

LIMITS = 'other hard nofile 333\nother soft nofile 333\n'

#: Name -> (what is looked at, the change). One after the other on one host, so the last ones are those after which
#: nobody can become root any more.
CHANGES: dict[str, tuple[Task, Task]] = {
    'groups of the other account': (
        as_other(**shell('id -Gn')),
        as_root(user={'name': 'other', 'groups': 'games', 'append': True}),
    ),
    'groups of the login': (
        shell('id -Gn'),
        as_root(user={'name': 'sudoer', 'groups': 'games', 'append': True}),
    ),
    'its home': (
        as_other(**shell('echo $HOME ~')),
        as_root(user={'name': 'other', 'home': '/home/elsewhere', 'move_home': True}),
    ),
    'its uid': (
        as_other(**shell('id -u; ls -ldn ~ | cut -d" " -f3')),
        as_root(user={'name': 'other', 'uid': 6777}),
    ),
    'its shell': (
        as_other(**shell('echo $SHELL')),
        as_root(user={'name': 'other', 'shell': '/bin/dash'}),
    ),
    'limits': (
        as_other(**shell('ulimit -Hn; ulimit -Sn')),
        as_root(copy={'content': LIMITS, 'dest': '/etc/security/limits.d/90-other.conf'}),
    ),
    'limits, edited in place': (
        as_other(**shell('ulimit -Hn')),
        as_root(shell='echo "other hard nofile 222" >>/etc/security/limits.d/90-other.conf'),
    ),
    'the environment': (
        as_other(**shell('echo $FRESH')),
        as_root(shell='echo FRESH=yes >>/etc/environment; echo session required pam_env.so >>/etc/pam.d/sudo'),
    ),
    'the mask': (
        as_other(**shell('umask')),
        as_root(copy={'content': 'Defaults umask=0027, umask_override\n', 'dest': '/etc/sudoers.d/mask'}),
    ),
    'the path': (
        as_other(**shell('echo $PATH')),
        as_root(copy={'content': 'Defaults secure_path="/usr/bin:/bin:/fresh"\n', 'dest': '/etc/sudoers.d/path'}),
    ),
    'the path of root, edited in place': (
        as_root(**shell('echo $PATH')),
        as_root(shell='sed "s/fresh/in_place/" /etc/sudoers.d/path >/tmp/path; cat /tmp/path >/etc/sudoers.d/path'),
    ),
    'a right to be one account': (
        as_other(**shell('id -un')),
        as_root(copy={'content': 'sudoer ALL=(ALL) !ALL\nsudoer ALL=(root) NOPASSWD: ALL\n',
                      'dest': '/etc/sudoers.d/zz'}),
    ),
    'a right to be root': (
        as_root(**shell('id -un')),
        as_root(copy={'content': 'sudoer ALL=(ALL) !ALL\n', 'dest': '/etc/sudoers.d/zz'}),
    ),
}  # fmt: skip


@pytest.fixture(scope='module')
def looks(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """For each connection what was seen: before, the change, after; of each change in turn."""
    tasks = [task for look, change in CHANGES.values() for task in (look, change, look)]
    found = {}
    for connection in (STOCK, SVCFW):
        with Controller(need_core('2.19'), tmp_path_factory.mktemp(connection)) as controller:
            host = farm.host()
            found[connection] = outcomes(play(controller, host, connection, tasks))
            host.stop()
    return found


@pytest.mark.parametrize('name', CHANGES)
def test_a_change_is_seen_by_the_next_task(looks: dict[str, list[Any]], name: str) -> None:
    start = 3 * list(CHANGES).index(name)
    stock, ours = looks[STOCK][start : start + 3], looks[SVCFW][start : start + 3]
    assert stock[1][0] == 'ok'
    assert stock[0][1:] != stock[2][1:], 'the change changes nothing'
    assert ours[:2] == stock[:2]
    if stock[2][0] == 'ok':
        assert ours[2] == stock[2]
    else:
        assert ours[2][0] in ('ignored', 'unreachable')


def test_a_file_that_changes_all_the_time_ends_nothing(controller: Controller, farm: Farm) -> None:
    host = farm.host()
    writer = 'while test -e /tmp/go_on; do date +N=%N >/etc/environment; done'
    run = play(controller, host, SVCFW, [
        as_root(shell=f"touch /tmp/go_on; setsid sh -c '{writer}' >/dev/null 2>&1 </dev/null &"),
        *[as_other(**shell('id -un')) for _ in range(3)],
        {'ping': None},
        as_root(file={'path': '/tmp/go_on', 'state': 'absent'}),
    ])  # fmt: skip
    assert [outcome[0] for outcome in outcomes(run)] == ['ok'] * 6, run.output


@pytest.mark.parametrize('transport', ['svcfw-ssh', 'svcfw-paramiko'])
def test_a_login_that_is_not_possible_any_more_ends_nothing(controller: Controller, farm: Farm, transport: str) -> None:
    """As with stock's persistent connection, of a play that changes how one logs in, in several steps."""
    host = farm.host()
    keys = '/etc/ssh/svcfw/authorized_keys'
    run = play(controller, host, transport, [
        CONTEXT,
        as_root(shell=f'mv {keys} {keys}.away; echo FRESH=yes >>/etc/environment'),
        CONTEXT,
        as_root(**shell('id -un')),
        {'ping': None},
        as_root(shell=f'mv {keys}.away {keys}'),
    ])  # fmt: skip
    assert [outcome[0] for outcome in outcomes(run)] == ['ok'] * 6, run.output
    first, last = (event['result']['stdout'] for event in run.results('context'))
    assert first == last


# -- accounts that come and go ---------------------------------------------------------------------------------------


def as_tmpuser(**task: object) -> Task:
    return {'become': True, 'become_user': 'tmpuser', **task}


MADE = as_root(user={'name': 'tmpuser', 'create_home': True})
USED = as_tmpuser(**shell('id -un; id -u'))


ENDS = [
    as_root(user={'name': 'tmpuser', 'home': '/home/tmpuser2', 'move_home': True}, ignore_errors=True),
    as_root(user={'name': 'tmpuser', 'uid': 6701}, ignore_errors=True),
    as_root(user={'name': 'tmpuser', 'state': 'absent', 'remove': True}, ignore_errors=True),
    as_root(**shell('usermod -u 6703 tmpuser')),
    as_root(**shell('userdel -r tmpuser 2>/dev/null')),
    shell('sudo userdel -r tmpuser 2>/dev/null'),
    as_root(raw='userdel tmpuser', ignore_errors=True),
]


def test_a_context_does_not_keep_its_account(controller: Controller, farm: Farm) -> None:
    """Each time the account is used just before and just after."""
    tasks = [task for end in ENDS for task in (MADE, USED, end, USED)]
    seen = {}
    for connection in (STOCK, SVCFW):
        host = farm.host()
        seen[connection] = outcomes(play(controller, host, connection, tasks))
        host.stop()
    assert [outcome[0] for outcome in seen[STOCK][2::4]] == ['ok'] * len(ENDS)
    for step, (stock, ours) in enumerate(zip(seen[STOCK], seen[SVCFW], strict=True)):
        assert (ours[0] == 'ok') == (stock[0] == 'ok'), tasks[step]
        if stock[0] == 'ok':
            assert ours == stock, tasks[step]


def test_what_an_account_left_running_is_not_ours_to_end(controller: Controller, farm: Farm) -> None:
    seen = {}
    for connection in (STOCK, SVCFW):
        host = farm.host()
        run = play(controller, host, connection, [
            MADE,
            as_tmpuser(shell='setsid sleep 1000 >/dev/null 2>&1 </dev/null &'),
            as_root(user={'name': 'tmpuser', 'state': 'absent'}, ignore_errors=True),
            as_root(shell='pgrep -c -u tmpuser sleep'),
        ])  # fmt: skip
        seen[connection] = outcomes(run)
        host.stop()
    assert seen[SVCFW] == seen[STOCK]
    assert seen[SVCFW][-1][2] == '1'


def test_many_accounts(controller: Controller, farm: Farm) -> None:
    """The login's context serves throughout, and no more contexts are kept than are worth it."""
    host = farm.host()
    names = [f'u{number}' for number in range(40)]
    run = play(controller, host, SVCFW, [
        CONTEXT,
        as_root(user={'name': '{{ item }}', 'create_home': False}, loop=names),
        as_root(command='id -un', become_user='{{ item }}', loop=names, name='as each'),
        CONTEXT,
    ])  # fmt: skip
    first, last = (event['result']['stdout'] for event in run.results('context'))
    assert first == last
    assert [item['stdout'] for item in run.result('as each')['result']['results']] == names
    # Each with its template; and the login's. A few may be about to end.
    wait_until(lambda: len(pythons(host)) <= 2 * (MAX_KEPT + 1), seconds(20), f'the end of some of {pythons(host)}')


def test_idle_contexts_of_other_accounts_end(controller: Controller, farm: Farm) -> None:
    host = farm.host()
    play(controller, host, SVCFW, [as_other(ping=None), as_root(ping=None), {'ping': None}])
    assert owners(host) >= {0, 6002, 6004}
    wait_until(lambda: 6004 not in owners(host), seconds(20), 'the end of the context of `other`')
    assert owners(host) >= {0, 6002}


def pythons(host: Host) -> list[str]:
    """The contexts of a host and what they forked; not the sudo or sh that started them."""
    return [line for line in host.processes() if 'import os,sys' in line and line.split()[0].endswith('python3')]


def owners(host: Host) -> set[int]:
    """Whose contexts there are."""
    found = set()
    for folder in host.path('/proc').glob('[0-9]*'):
        try:
            if b'import os,sys' in (folder / 'cmdline').read_bytes():
                found.add(folder.stat().st_uid)
        except OSError:
            continue
    return found
