"""Operations that are answered ahead: which they are, and where their errors show."""

from unittest import mock as mocking

import pytest
from ansible.errors import (
    AnsibleConnectionFailure,
    AnsibleError,
)

from svcfw.ansible import deferred
from svcfw.mux.client.client import DeferredError, Result
from tests.unit.ansible.connections import CHMOD, PYTHON, escalated, make_action, set_become
from tests.unit.ansible.payload_text import PAYLOAD, of_module


def test_the_way_of_a_copied_file(action, mux):
    tmp = action._make_tmp_path()
    assert tmp.startswith('/home/me/.ansible/tmp/ansible-tmp-')
    assert tmp.endswith('/')
    action._transfer_data(tmp + 'source', b'content')
    action._fixup_perms2([tmp, tmp + 'source'])
    action._connection.exec_command(PYTHON, in_data=PAYLOAD)
    action._remove_tmp_path(tmp)
    action._connection.close()
    assert [call[0] for call in mux.calls] == [
        'expand_user', 'mkdtemp', 'put_file', CHMOD, 'run_module', 'remove', 'close',
    ]  # fmt: skip
    assert mux.named('mkdtemp')[0][1:] == (tmp.rstrip('/'), 0o077)
    assert mux.named('put_file')[0][1:] == (b'content', tmp + 'source')
    if CHMOD == 'chmod':
        assert mux.named('chmod')[0][1:] == ([tmp, tmp + 'source'], 'u+rwx')
    assert mux.named('remove')[0][1:] == (tmp.rstrip('/'), True)
    assert action._connection._shell.tmpdir is None


class TestWhereAHomeIs:
    """Core asks for each item of a loop."""

    def test_it_is_asked_for_once_while_only_files_are_copied(self, action, mux):
        for _ in range(3):
            tmp = action._make_tmp_path()
            for module in ('stat', 'copy'):
                action._connection.exec_command(PYTHON, in_data=of_module(module))
            action._remove_tmp_path(tmp)
        assert len(mux.named('expand_user')) == 1
        assert len({call[1] for call in mux.named('mkdtemp')}) == 3

    @pytest.mark.parametrize(
        'run',
        [
            lambda connection: connection.exec_command(PYTHON, in_data=of_module('user')),
            lambda connection: connection.exec_command(PYTHON, in_data=b'#!/usr/bin/python3\nprint(1)\n'),
            lambda connection: connection.exec_command("/bin/sh -c 'usermod -d /new me'"),
            lambda connection: connection.reset(),
        ],
    )
    def test_it_is_asked_for_again_after_what_may_change_it(self, action, mux, run):
        action._make_tmp_path()
        run(action._connection)
        action._make_tmp_path()
        assert len(mux.named('expand_user')) == 2

    def test_it_is_asked_for_again_after_a_while(self, action, mux, monkeypatch):
        now = [100.0]
        monkeypatch.setattr(deferred.time, 'monotonic', lambda: now[0])
        action._make_tmp_path()
        now[0] += deferred.HOME_HOLDS_S
        action._make_tmp_path()
        assert len(mux.named('expand_user')) == 2


def test_a_directory_for_another_account_is_made_filled_and_removed_by_that_account(unprivileged, mux):
    action = unprivileged
    tmp = action._make_tmp_path()
    assert tmp.startswith('/var/tmp/ansible-tmp-')
    action._transfer_data(tmp + 'source', b'content')
    action._fixup_perms2([tmp, tmp + 'source'])
    action._connection.set_become_plugin(None)
    action._remove_tmp_path(tmp)
    assert [(call[0], target.become is not None) for call, target in zip(mux.calls, mux.targets, strict=True)] == [
        ('expand_user', False), ('flush', True), ('mkdtemp', True), ('put_file', True), ('chmod', True),
        ('remove', True),
    ]  # fmt: skip
    assert mux.named('chmod') == [('chmod', [tmp, tmp + 'source'], 'u+rwx')]
    assert len(mux.boots) == 1
    assert not mux.named('run_command')


def test_the_password_is_asked_for_before_anything_is_sent_ahead(unprivileged, mux):
    mux.escalate = lambda text: [b'Sorry, try again.\n']
    with pytest.raises(AnsibleError, match='Incorrect sudo password'):
        unprivileged._make_tmp_path()
    assert not mux.named('mkdtemp')


@pytest.mark.parametrize(
    'variables',
    [
        {'ansible_system_tmpdirs': ['/srv/tmp']},
        {'ansible_system_tmpdirs': ['/var/tmp/mine']},
        {'ansible_common_remote_group': 'both'},  # whose files are the login's
    ],
)
def test_where_not_every_account_can_make_one_the_login_does(connect, mux, variables):
    action = make_action(connect(**variables))
    set_become(action._connection, ansible_become_user='bob')
    with mocking.patch.object(type(action), '_is_become_unprivileged', return_value=True):
        tmp = action._make_tmp_path()
        action._transfer_data(tmp + 'source', b'content')
        action._fixup_perms2([tmp, tmp + 'source'])
    assert all(target.become is None for target in mux.targets)
    assert 'setfacl' in mux.named('run_command')[0][1]


def test_access_for_a_third_account_is_left_to_the_real_command(unprivileged, mux):
    tmp = unprivileged._make_tmp_path()
    unprivileged._remote_set_user_facl([tmp], 'eve', 'r-x')
    assert 'u:eve:r-x' in mux.named('run_command')[0][1]


def test_the_login_is_told_to_have_its_directory_before_another_account_can_make_it(connect, mux):
    connection = connect(ansible_remote_tmp='~/.x')
    set_become(connection)
    connection.exec_command(escalated(connection, 'id'))
    assert mux.targets[-1].become.folder == '~/.x'
    connection = connect(ansible_remote_tmp='$HOME/.x')
    set_become(connection)
    connection.exec_command(escalated(connection, 'id'))
    assert mux.targets[-1].become.folder == ''


def test_a_directory_with_a_tilde_that_core_did_not_expand(action, mux):
    command = action._connection._shell.mkdtemp(basefile='ansible-tmp-1', tmpdir='~root/t')
    result = action._low_level_execute_command(command, sudoable=False)
    assert result['stdout'] == 'ansible-tmp-1=/root/t/ansible-tmp-1\n'


def test_a_directory_named_by_a_variable_is_the_shells_business(connect, mux):
    action = make_action(connect(ansible_remote_tmp='$HOME/.tmp'))
    mux.result = lambda method, text, *rest: Result(rc=0, stdout=b'/h/.tmp/x\n', stderr=b'')
    assert action._make_tmp_path() == '/h/.tmp/x/'
    assert mux.named('mkdtemp') == []
    assert '$HOME' in mux.named('run_command')[0][1]


def test_expanding_an_unknown_user_leaves_it(action, mux):
    assert action._remote_expand_user('~nobody-such/x', sudoable=False) == '~nobody-such/x'


def test_a_file_elsewhere_is_waited_for(connection, mux, tmp_path):
    (tmp_path / 'f').write_bytes(b'x')
    connection.put_file(str(tmp_path / 'f'), '/etc/f')
    assert [call[0] for call in mux.calls] == ['facts', 'put_file', 'flush']


@pytest.mark.parametrize('path', ['/etc/x', '/home/me/.ansible/tmp/../x'])
def test_what_is_not_ours_is_changed_by_the_real_commands(action, mux, path):
    tmp = action._make_tmp_path()
    shell = action._connection._shell
    action._remote_chmod([tmp, path], 'u+rwx')
    action._low_level_execute_command(shell.remove(path), sudoable=False)
    assert [call[1] for call in mux.named('run_command')] == [
        wrapped(action, shell.chmod([tmp, path], 'u+rwx')),
        wrapped(action, shell.remove(path)),
    ]
    assert mux.named('chmod', 'remove') == []


def wrapped(action, command):
    """As this core wraps it."""
    seen = []
    with mocking.patch.object(
        action._connection, 'exec_command', side_effect=lambda cmd, **_: seen.append(cmd) or (0, b'', b'')
    ):
        action._low_level_execute_command(command, sudoable=False)
    return seen[0]


@pytest.mark.parametrize(
    ('error', 'raised', 'message'),
    [
        (
            ('mkdtemp', '{tmp}', 1, 'mkdir: permission denied'),
            AnsibleConnectionFailure,
            r'Failed to create temporary dir.*Failed command was: .*mkdir.*result 1.*permission denied',
        ),
        (
            ('mkdtemp', '{tmp}', 1, 'mkdir: No space left on device'),
            AnsibleConnectionFailure,
            r'^mkdir: No space left on device$',
        ),
        (
            ('put_file', '{tmp}/f', 1, 'No space left on device'),
            AnsibleError,
            r'failed to transfer file to .*No space left',
        ),
        (
            ('chmod', '{tmp}', 1, 'not permitted'),
            AnsibleError,
            r'Failed to set permissions on remote files \(rc: 1, err: not',
        ),
    ],
)
def test_the_next_answer_brings_the_error_that_stock_would_have_raised(action, mux, error, raised, message):
    tmp = action._make_tmp_path().rstrip('/')
    mux.deferred_error = DeferredError(error[0], error[1].format(tmp=tmp), *error[2:])
    with pytest.raises(AnsibleError, match=f'(?s){message}') as caught:
        action._connection.exec_command(PYTHON, in_data=PAYLOAD)
    assert type(caught.value) is raised
