"""The plugin between the installed core's own actions and a fake multiplexer."""

import errno
import os
import shlex
from unittest import mock as mocking

import pytest
from ansible.errors import (
    AnsibleAuthenticationFailure,
    AnsibleConnectionFailure,
    AnsibleError,
    AnsibleFileNotFound,
    AnsibleOptionsError,
)
from ansible.plugins.connection import ssh
from ansible.plugins.loader import become_loader, connection_loader
from ansible.release import __version__

from svcfw.ansible import here, options
from svcfw.ansible.connection import Connection
from svcfw.ansible.payloads import audited, payload_cache
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.mux.client.client import DeferredError, MuxError, Result
from tests.unit.ansible.connections import make_action, set_become
from tests.unit.ansible.payload_text import PAYLOAD

# Up to 2.16 the mode is another one (u+x), which is left to chmod itself.
CHMOD = 'run_command' if __version__.startswith('2.16.') else 'chmod'
PYTHON = "/bin/sh -c '/usr/bin/python3 && sleep 0'"


@pytest.fixture
def connection(connect):
    return connect()


@pytest.fixture
def action(connection):
    return make_action(connection)


@pytest.fixture
def stock(monkeypatch):
    """What reached the stock connection, as (method, arguments)."""
    calls = []

    def record(name, answer):
        def method(self, *args, **kwargs):
            calls.append((name, args, kwargs))
            return answer

        monkeypatch.setattr(ssh.Connection, name, method)

    for name in ('exec_command', 'put_file', 'fetch_file'):
        record(name, (0, b'stock\n', b''))
    record('reset', None)
    return calls


def no_python():
    return StartError('nopython', 'target', 'no Python 3.6 or later', 'install one')


# -- what core goes by ---------------------------------------------------------------------------------------------


def test_it_is_an_ssh_connection_that_pipelines_but_not_async(connection):
    assert isinstance(connection, ssh.Connection)
    assert connection.transport == 'ssh'
    assert connection.has_pipelining
    assert connection.has_tty
    assert connection.get_option('pipelining') is True
    # Up to 2.20 either would make async tasks run synchronously without a word.
    assert not connection.always_pipeline_modules
    assert not connection.has_native_async
    assert connection.is_pipelining_enabled()
    assert not connection.is_pipelining_enabled(True)


def test_su_pipelines_too_where_core_asks_us(connection):
    set_become(connection, 'su')
    assert connection.is_pipelining_enabled()


@pytest.mark.parametrize('kind', ['become', 'connection', 'httpapi', 'cliconf', 'netconf', 'terminal', 'sub_plugin'])
def test_no_attribute_stands_where_core_looks_for_a_plugin_first(connection, kind):
    # TaskExecutor._set_plugin_options asks for `_become`, then for `become`.
    assert not hasattr(connection, f'_{kind}')


def test_no_persistent_framework(connection):
    assert not connection.supports_persistence
    assert not connection.force_persistence
    assert connection.socket_path is None


def test_nothing_is_started_before_there_is_something_to_do(connection, mux):
    assert not connection.connected
    connection.close()
    assert mux.connects == []


def test_connected_from_the_first_command_to_the_end_of_the_task(connection, mux):
    connection.exec_command('id')
    assert connection.connected
    connection.close()
    assert not connection.connected
    assert mux.calls[-1] == ('close',)


def test_magic_variables_come_from_the_options(connect):
    variables = {}
    connect(ansible_host='10.0.0.9', ansible_port=2222).update_vars(variables)
    assert variables['ansible_host'] == '10.0.0.9'
    assert variables['ansible_port'] == 2222
    assert variables['ansible_user'] == 'me'


def test_a_hosts_variable_turns_pipelining_off(connect):
    assert not connect(ansible_pipelining=False).is_pipelining_enabled()
    assert connect(ansible_pipelining=False, ansible_svcfw_pipelining=True).is_pipelining_enabled()


# -- the ladder ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('cmd', [PYTHON, '/bin/sh -c /usr/bin/python3'])
def test_a_module_runs_from_memory(connection, mux, cmd):
    assert connection.exec_command(cmd, in_data=PAYLOAD) == (0, b'out\n', b'err\n')
    [(_, payload, environment)] = mux.named('run_module')
    assert payload.module == 'ping'
    assert environment == {}


@pytest.mark.parametrize(('variables', 'expected'), [({}, True), ({'ansible_svcfw_reuse': False}, False)])
def test_a_module_of_core_may_run_in_a_process_that_has_run_others(connect, mux, variables, expected):
    connect(**variables).exec_command(PYTHON, in_data=PAYLOAD)
    [process] = mux.processes
    assert process == {'can_rehearse': expected, 'may_reuse': expected, 'is_core': audited.is_core}


def test_a_modules_environment(connection, mux):
    connection.exec_command("/bin/sh -c 'A='\"'\"'b c'\"'\"' /usr/bin/python3'", in_data=PAYLOAD)
    assert mux.named('run_module')[0][2] == {'A': 'b c'}


@pytest.mark.parametrize(
    'source', [b'print(1)\n', PAYLOAD.replace(b'rlimit_nofile', b'rlimit_nofiles')], ids=['plain', 'unknown form']
)
def test_other_python_source_runs_unchanged_in_a_warm_interpreter(connection, mux, source):
    connection.exec_command(PYTHON, in_data=source)
    assert mux.named('run_source') == [('run_source', source, ['/usr/bin/python3'], {})]


@pytest.mark.parametrize(
    'cmd', ['/bin/sh -c /bin/sh', "/bin/sh -c 'cd /x; /usr/bin/python3'", 'pwsh -EncodedCommand x']
)
def test_other_input_goes_to_the_command_as_it_is(connection, mux, cmd):
    connection.exec_command(cmd, in_data=PAYLOAD)
    assert mux.named('run_command') == [('run_command', cmd, PAYLOAD, None, False)]


def test_a_command_without_input_has_a_terminal_where_stock_gives_one(connection, mux):
    connection.exec_command('id')
    connection.exec_command('id', sudoable=False)
    connection.set_option('use_tty', False)
    connection.exec_command('id')
    assert [call[-1] for call in mux.named('run_command')] == [True, False, False]


def test_core_finds_the_become_plugin(connection):
    # `_set_plugin_options` takes what is called `_become`, if there is anything, for the plugin.
    assert not hasattr(connection, '_become')


def test_a_command_here_has_no_terminal_as_over_stock_local(connect, mux):
    connect(svcfw_transport='local').exec_command('id')
    assert mux.named('run_command')[-1][-1] is False


def test_an_interpreter_that_cannot_be_kept_warm(connection, mux):
    mux.raises = [StartError('interpreter', 'target', '/usr/bin/python3 is not there', '')]
    connection.exec_command(PYTHON, in_data=PAYLOAD)
    assert mux.calls[-1] == ('run_command', PYTHON, PAYLOAD, None, False)


def test_without_python_the_stock_connection_does_all(connection, mux, stock, tmp_path):
    mux.raises = [no_python()]
    assert connection.exec_command('id', None, False) == (0, b'stock\n', b'')
    count = len(mux.calls)
    connection.put_file(str(tmp_path), '/x')
    connection.fetch_file('/x', str(tmp_path / 'x'))
    connection.exec_command('id')
    assert [call[0] for call in stock] == ['exec_command', 'put_file', 'fetch_file', 'exec_command']
    assert stock[0][1:] == (('id',), {'in_data': None, 'sudoable': False})
    assert len(mux.calls) == count


def test_without_python_nothing_has_been_answered_ahead(action, mux, stock):
    mux.raises = [no_python()]
    action._low_level_execute_command(action._connection._shell.mkdtemp(basefile='b', tmpdir='/t'), sudoable=False)
    assert mux.named('mkdtemp') == []
    assert len(stock) == 1


def test_another_target_is_judged_anew(connection, mux, stock):
    mux.raises = [no_python()]
    connection.exec_command('id')
    connection.set_options(var_options={'inventory_hostname': 'target', 'ansible_host': 'other'})
    connection.exec_command('id')
    assert len(stock) == 1
    assert len(mux.named('run_command')) == 2


def test_options_that_only_stock_can_serve(connect, mux, stock):
    connect(ansible_ssh_pkcs11_provider='/lib/x.so').exec_command('id')
    assert mux.calls == []
    assert len(stock) == 1


@pytest.fixture
def said(monkeypatch):
    """What is shown at -v: (host, line)."""
    lines = []
    display = mocking.Mock(verbosity=1)
    display.v.side_effect = lambda line, host: lines.append((host, line))
    monkeypatch.setattr('svcfw.ansible.connection._display', display)
    return lines


def test_one_line_tells_of_what_is_not_the_fastest_way(connect, said):
    lines = said
    connection = connect(ansible_svcfw_payload_cache=False)  # nothing was built for these
    connection.exec_command(PYTHON, in_data=PAYLOAD)
    connection.exec_command('id')
    assert lines == []
    for _ in range(3):
        connection.exec_command(PYTHON, in_data=b'print()')
    [(host, line)] = lines
    assert host == 'target'
    assert 'L1' in line
    # Another task of the run is another process with a connection of its own.
    connect().exec_command(PYTHON, in_data=b'print()')
    assert len(lines) == 1


def test_what_is_unknown_of_a_payload_is_named(connection, said):
    connection.exec_command(
        PYTHON, in_data=PAYLOAD.replace(b'profile=', b'profiles=', 1).replace(b'\nprofile=', b'\np=')
    )
    assert 'unknown argument p' in said[-1][1]


def test_a_fast_path_that_is_off_is_named_once(connect, mux, said):
    connection = connect(ansible_svcfw_payload_cache=False)
    connection._turn_off('become', 'the become plugin has no prompt')
    connection._turn_off('become', 'and another thing')
    connection.exec_command('id')
    connection.close()
    off = [line for _, line in said if 'fast path off' in line]
    assert off == ['svcfw: fast path off, become: the become plugin has no prompt']


def test_a_cache_of_payloads_that_core_does_not_use_is_named(connect, said, monkeypatch):
    monkeypatch.setattr(payload_cache, 'core_version', '2.19.0')
    connection = connect()
    connection._payloads.keep('ansible.modules.never_built')
    connection.close()
    ((_, line),) = said
    assert line == (
        'svcfw: fast path off, kept payloads: '
        'this ansible-core keeps what it builds in another place than ansiballz_cache'
    )


def test_without_a_play_context_the_options_say_all(connect, mux):
    connection = connect()
    del connection._play_context
    connection.exec_command(PYTHON, in_data=PAYLOAD)
    assert len(mux.named('run_module')) == 1


def test_an_option_of_a_later_stock_connection_has_its_default(connection, monkeypatch):
    asked = connection.get_option

    def get_config_value(option, **place):
        assert place == {'plugin_type': 'connection', 'plugin_name': 'ssh'}
        if option != 'new_one':
            raise AnsibleError('no such option')
        return 'default'

    monkeypatch.setattr('ansible.constants.config.get_config_value', get_config_value)
    assert asked('new_one') == 'default'
    with pytest.raises(KeyError):
        asked('of nobody')


def test_a_key_that_core_puts_into_an_agent_in_another_way_is_stocks(connect, mux, stock, monkeypatch):
    monkeypatch.delattr('ansible.plugins.connection.ssh.Connection._populate_agent', raising=False)
    connect(ansible_private_key='key').exec_command('id')
    assert mux.calls == []
    assert len(stock) == 1


def test_no_secret_is_shown(connection, mux, monkeypatch):
    display = mocking.Mock(verbosity=5)
    monkeypatch.setattr('svcfw.ansible.connection._display', display)
    connection.exec_command(PYTHON, in_data=PAYLOAD)
    assert b'geheim'.decode() not in repr(display.mock_calls)
    connection._play_context.no_log = True
    mux.result = Result(rc=0, stdout=b'geheim', stderr=b'geheim')
    connection.exec_command('echo geheim')
    assert 'geheim' not in repr(display.mock_calls)


# -- without waiting -----------------------------------------------------------------------------------------------


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


@pytest.fixture
def unprivileged(action):
    """A task that becomes an account which is neither root nor the login."""
    set_become(action._connection, ansible_become_user='bob')
    with mocking.patch.object(type(action), '_is_become_unprivileged', return_value=True):
        yield action


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


# -- become --------------------------------------------------------------------------------------------------------


def escalated(connection, inner, executable='/bin/sh'):
    command = connection.become.build_become_command(inner, connection._shell)
    return f'{executable} -c {shlex.quote(command)}' if executable else command


def test_a_module_runs_in_the_context_of_the_other_account(connection, mux):
    set_become(connection)
    connection.exec_command(escalated(connection, 'A=b /usr/bin/python3'), in_data=PAYLOAD)
    assert mux.named('run_module')[0][2] == {'A': 'b'}
    assert mux.targets[-1].become is not None
    assert len(mux.boots) == 1
    assert 'BOOT' in mux.boots[0]


@pytest.mark.parametrize('executable', ['/bin/sh', None], ids=['wrapped', 'raw'])
def test_a_command_of_the_other_account(connection, mux, executable):
    set_become(connection)
    connection.exec_command(escalated(connection, 'id -u', executable))
    assert mux.named('run_command') == [('run_command', 'id -u', None, '/bin/sh', True)]


def test_a_loop_with_a_new_plugin_for_each_item_starts_one_context(connection, mux):
    for _ in range(3):
        set_become(connection)
        connection.exec_command(escalated(connection, '/usr/bin/python3'), in_data=PAYLOAD)
    assert len(mux.boots) == 1
    assert len(mux.connects) == 1


def test_an_item_without_become_runs_as_the_login(connection, mux):
    set_become(connection)
    connection.exec_command(escalated(connection, 'id'))
    connection.set_become_plugin(None)
    connection.exec_command('id')
    assert mux.targets[-1].become is None


def test_a_shell_operation_under_become_runs_as_that_account(connection, mux):
    set_become(connection)
    connection.exec_command(escalated(connection, connection._shell.expand_user('~')), sudoable=True)
    assert mux.named('run_command') == [('run_command', 'echo ~', None, '/bin/sh', True)]


def test_the_plugin_is_as_core_left_it_when_the_stock_connection_comes_to_it(connection, mux, stock):
    plugin = set_become(connection)
    cmd = escalated(connection, 'id')
    success = plugin.success
    mux.raises = [no_python()]
    connection.exec_command(cmd)
    assert plugin.success == success
    assert stock[0][1] == (cmd,)


def test_a_become_command_nobody_saw_being_built_goes_to_stock_which_can_answer_prompts(connection, mux, stock):
    plugin = set_become(connection)
    cmd = escalated(connection, 'id') + ' '
    assert plugin.success in cmd
    connection.exec_command(cmd)
    assert mux.named('run_command') == []
    assert len(stock) == 1


def test_what_was_sent_ahead_is_done_before_stock_goes_on_with_it(action, mux, stock):
    action._make_tmp_path()
    set_become(action._connection)
    action._connection.exec_command(escalated(action._connection, 'id') + ' ')
    assert [call[0] for call in mux.calls][-2:] == ['mkdtemp', 'flush']
    assert len(stock) == 1


@pytest.mark.parametrize(
    'name', ['success', 'prompt', 'check_success', 'check_password_prompt', 'build_become_command']
)
def test_a_become_plugin_without_what_a_dialogue_needs_is_left_to_stock(connection, mux, stock, said, name):
    class Plugin:
        """Has what core itself may still use."""

        def build_become_command(self, cmd, shell):
            return f'sudo {cmd}'

    plugin = become_loader.get('sudo')
    for attribute in ('name', 'success', 'prompt', 'get_option', 'check_password_prompt', 'check_success',
                      'check_incorrect_password', 'check_missing_password'):  # fmt: skip
        setattr(Plugin, attribute, getattr(plugin, attribute))
    Plugin.success = 'MARK'
    delattr(Plugin, name)
    connection.set_become_plugin(Plugin())
    connection.exec_command('sudo MARK id')
    assert f'become: the become plugin has no {name}' in said[0][1]
    assert mux.named('run_command') == []
    assert len(stock) == 1


def test_a_build_with_other_arguments_is_left_to_stock(connection, mux, stock, said):
    plugin = become_loader.get('sudo')
    build = plugin.build_become_command
    plugin.build_become_command = lambda cmd, shell, task: build(cmd, shell)
    connection.set_become_plugin(plugin)
    plugin.set_options()
    connection.exec_command(plugin.build_become_command('id', connection._shell, task='t'))
    assert 'build_become_command is called with unexpected arguments' in said[0][1]
    assert len(stock) == 1


def test_a_command_that_is_another_each_time_is_left_to_stock(connection, mux, stock, said):
    plugin = become_loader.get('sudo')
    build = plugin.build_become_command
    numbers = iter(range(10))
    plugin.build_become_command = lambda cmd, shell: f'{build(cmd, shell)} # {next(numbers)}'
    connection.set_become_plugin(plugin)
    plugin.set_options()
    connection.exec_command(plugin.build_become_command('id', connection._shell))
    assert 'the become plugin builds a different command each time' in said[0][1]
    assert mux.named('run_command') == []
    assert len(stock) == 1


def test_a_plugin_without_an_id_is_known_by_its_marks(connection, mux):
    for _ in range(2):
        plugin = become_loader.get('sudo')
        build = plugin.build_become_command

        def without_id(cmd, shell, plugin=plugin, build=build):
            command = build(cmd, shell)
            del plugin._id
            return command

        plugin.build_become_command = without_id
        connection.set_become_plugin(plugin)
        plugin.set_options(var_options={'ansible_become_password': 'x'})
        connection.exec_command(plugin.build_become_command('id', connection._shell))
    first, second = (target.become.key for target in mux.targets)
    assert first == second


def test_a_wrong_password_fails_the_task_and_gives_up_the_start(connection, mux):
    plugin = set_become(connection, ansible_become_password='wrong')
    cmd = escalated(connection, 'id')
    mux.escalate = lambda text: [plugin.prompt.encode(), b'Sorry, try again.\n']
    before = plugin.prompt
    with pytest.raises(AnsibleError, match='Incorrect sudo password') as caught:
        connection.exec_command(cmd)
    assert not isinstance(caught.value, AnsibleConnectionFailure)
    assert mux.typed == [b'wrong\n']
    assert mux.calls[-1] == ('abort',)
    assert plugin.prompt == before


# -- files ---------------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_here(connection, mux):
    with pytest.raises(AnsibleFileNotFound, match='/nonexistent'):
        connection.put_file('/nonexistent', '/x')
    assert mux.calls == []


def test_a_file_that_cannot_be_read(connection, tmp_path):
    with pytest.raises(AnsibleError, match='failed to transfer file to'):
        connection.put_file(str(tmp_path), '/x')


def test_fetch(connection, mux, tmp_path):
    mux.files['/etc/x'] = (b'content', 0o600)
    connection.fetch_file('/etc/x', str(tmp_path / 'x'))
    assert (tmp_path / 'x').read_bytes() == b'content'
    assert (tmp_path / 'x').stat().st_mode & 0o777 == 0o600


def test_fetch_of_what_is_not_there(connection, tmp_path):
    with pytest.raises(AnsibleError, match=r'(?s)failed to transfer file to /etc/x .*No such file'):
        connection.fetch_file('/etc/x', str(tmp_path / 'x'))
    assert os.listdir(tmp_path) == []


def test_fetch_to_where_nothing_can_be_written(connection, mux, tmp_path):
    mux.files['/etc/x'] = (b'content', 0o600)
    with pytest.raises(AnsibleError, match=os.strerror(errno.ENOENT)):
        connection.fetch_file('/etc/x', str(tmp_path / 'no' / 'x'))


# -- the end of a connection ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('error', 'raised'),
    [
        (StartError('auth', 'target', 'permission denied', 'check the key'), AnsibleAuthenticationFailure),
        (StartError('refused', 'target', 'connection refused', 'check the port'), AnsibleConnectionFailure),
        (StartError('hostkey', 'target', 'host key changed', 'check it'), AnsibleConnectionFailure),
        (StartError('timeout', 'target', 'no answer in 10 s', 'check the route'), AnsibleConnectionFailure),
        (StartError('option', 'target', 'no program ssh', 'install it'), AnsibleError),
        (StartError('become', 'target', 'sudo: unknown user bob', 'check become_user'), AnsibleError),
        (ChannelError('target: the connection was closed'), AnsibleConnectionFailure),
        (MuxError('cannot make /run/x'), AnsibleConnectionFailure),
    ],
)
def test_errors_are_of_the_class_that_decides_unreachable_or_failed(connection, mux, error, raised):
    mux.raises = [error]
    with pytest.raises(AnsibleError) as caught:
        connection.exec_command('id')
    assert type(caught.value) is raised
    assert 'target' in str(caught.value)
    if isinstance(error, StartError):
        assert error.cause in str(caught.value)
        assert error.remedy in str(caught.value)


def test_an_unknown_host_key_with_a_password_fails_as_stock_does(connect, mux):
    mux.raises = [StartError('hostkey', 'target', 'host key unknown', 'add it')]
    with pytest.raises(AnsibleError) as caught:
        connect(ansible_password='x').exec_command('id')
    assert type(caught.value) is AnsibleError


def test_after_a_broken_connection_the_next_command_makes_a_new_one(connection, mux):
    mux.raises = [ChannelError('gone')]
    with pytest.raises(AnsibleConnectionFailure):
        connection.exec_command('id')
    assert connection.exec_command('id')[0] == 0
    assert len(mux.connects) == 2


def test_retries_are_those_of_the_option(connect, mux):
    connection = connect(ansible_ssh_retries=1)
    mux.raises = [StartError('refused', 'target', 'refused', '')]
    assert connection.exec_command('id')[0] == 0


def test_a_tasks_time_out_ends_the_job(connection, mux):
    class TaskTimeoutError(BaseException):
        """As core's own, which no `except Exception` catches."""

    mux.raises = [TaskTimeoutError()]
    with pytest.raises(TaskTimeoutError):
        connection.exec_command('sleep 1000')
    assert mux.calls[-1] == ('abort',)
    connection.close()
    assert mux.calls[-1] == ('abort',)


def test_reset_ends_the_context_only(connection, mux, stock):
    connection.exec_command('id')
    connection.reset()
    assert mux.named('reset', 'close') == [('reset',), ('close',)]
    assert stock == []
    assert not connection.connected
    connection.exec_command('id')


def test_reset_in_a_process_that_has_no_multiplexer_yet(connection, mux, stock):
    connection.reset()
    assert mux.calls == []
    assert mux.connects[0]['start'] is False
    assert [call[0] for call in stock] == ['reset']


def test_reset_without_an_ssh_program(connection, monkeypatch):
    def missing(self):
        raise FileNotFoundError('ssh')

    monkeypatch.setattr(ssh.Connection, 'reset', missing)
    connection.reset()


def test_a_change_of_options_changes_the_place(connection, mux):
    connection.exec_command('id')
    connection.set_option('port', 2222)
    connection.exec_command('id')
    first, second = (target.link for target in mux.targets)
    assert first != second
    assert second == options.encode_link(connection)


def test_reboots_short_time_out_is_the_same_place(connection, mux):
    connection.exec_command('id')
    connection.set_option('timeout', 3)
    connection.exec_command('id')
    first, second = mux.targets
    assert first.link == second.link
    assert (first.timeout_s, second.timeout_s) == (10, 3)


def test_the_idle_time_is_told_when_connecting(connect, mux):
    connect(svcfw_idle_timeout=7).exec_command('id')
    (options,) = mux.connects
    assert options['idle_timeout_s'] == 7


def test_nothing_is_replaced_that_the_stock_connection_uses_within_itself():
    meant = {
        'transport', 'has_pipelining', 'has_tty', 'set_become_plugin', 'set_options', 'set_option',
        'get_option', 'is_pipelining_enabled', 'exec_command', 'put_file', 'fetch_file', 'reset', 'close', '_connect',
        '_resolve_option_variables', 'update_vars',
    }  # fmt: skip
    set_by_the_loader = {'_load_name', '_original_path', '_redirected_names', 'ansible_aliases', 'ansible_name'}
    inherited = {name for base in Connection.__mro__[1:] for name in vars(base)}
    replaced = {name for name in vars(Connection).keys() & inherited if not name.startswith('__')}
    assert replaced - {'_abc_impl', '_is_protocol'} <= meant | set_by_the_loader


def test_no_attribute_of_the_stock_connection_is_taken(connection):
    theirs = vars(ssh.Connection(connection._play_context)).keys()
    ours = {'_is_stock', '_is_windows', '_operations', '_escalations', '_session', '_deferred', '_link', '_told'}
    assert ours <= vars(connection).keys()
    assert not ours & theirs


@pytest.mark.parametrize(
    ('in_data', 'expected'),
    [(None, (1, b'sudo: unknown user bob\r\n', b'')), (PAYLOAD, (1, b'', b'sudo: unknown user bob\n'))],
)
def test_a_refused_become_command_leaves_its_status_and_words(connection, mux, in_data, expected):
    set_become(connection)

    def refuse(text):
        raise StartError('become', 'target', 'the child ended with status 1', '', 1)

    def say(command):
        yield b'sudo: unknown user bob\n'
        refuse(command)

    mux.escalate = say
    inner = 'id' if in_data is None else '/usr/bin/python3'
    assert connection.exec_command(escalated(connection, inner), in_data=in_data) == expected


def test_where_stock_needs_a_terminal_the_words_of_a_refusal_are_on_it(connection, mux):
    set_become(connection, 'su')

    def say(command):
        yield b'su: user bob does not exist\n'
        raise StartError('become', 'target', 'the child ended with status 1', '', 1)

    mux.escalate = say
    answer = connection.exec_command(escalated(connection, '/usr/bin/python3'), in_data=PAYLOAD)
    assert answer == (1, b'su: user bob does not exist\r\n', b'')


@pytest.mark.parametrize(
    ('transport', 'expected'), [('local', 'local'), ('ssh', 'ssh'), ('paramiko', 'ssh'), ('auto', 'ssh')]
)
def test_core_is_told_which_transports_stay_on_this_machine(connect, transport, expected):
    connection = connect(svcfw_transport=transport)
    assert connection.transport == expected
    connection.set_option('timeout', 3)
    assert connection.transport == expected
    assert type(connection).transport == 'ssh'


# -- on this machine -----------------------------------------------------------------------------------------------


@pytest.fixture
def on_this_machine(connect, monkeypatch):
    monkeypatch.setattr(here, 'account', lambda: 'me-here')
    return connect(svcfw_transport='local')


def test_here_one_is_who_runs_the_play_whatever_is_set(on_this_machine, mux):
    action = make_action(on_this_machine)
    set_become(on_this_machine, become_user='me')
    assert action._get_remote_user() == 'me-here'
    on_this_machine.exec_command('id')
    assert on_this_machine._play_context.remote_user == 'me-here'


def test_here_becoming_who_is_only_set_to_log_in_is_done(on_this_machine, mux):
    action = make_action(on_this_machine)
    action._play_context.executable = '/bin/sh'
    set_become(on_this_machine, ansible_become_user='me')
    action._low_level_execute_command('id')
    assert mux.targets[-1].become is not None
    set_become(on_this_machine, ansible_become_user='me-here')
    action._low_level_execute_command('id')
    assert mux.targets[-1].become is None


def test_here_a_play_sees_the_user_that_was_set(on_this_machine):
    variables = {}
    on_this_machine.update_vars(variables)
    assert variables['ansible_user'] == 'me'
    assert on_this_machine.get_option('remote_user') == 'me-here'


def test_elsewhere_the_user_is_as_set(connect):
    assert connect().get_option('remote_user') == 'me'


def test_nobody_has_a_name_here(monkeypatch):
    for error in (KeyError('uid not found'), OSError('No username set in the environment')):
        monkeypatch.setattr('getpass.getuser', mocking.Mock(side_effect=error))
        assert here.account() == ''


@pytest.fixture
def stock_local(monkeypatch):
    """What reached the stock `local`, as (method, the connection, arguments)."""
    calls = []
    stock_class = connection_loader.get('ansible.builtin.local', class_only=True)
    for name in ('exec_command', 'put_file', 'fetch_file'):

        def method(self, *args, name=name, **kwargs):
            calls.append((name, self, args, kwargs))
            return 0, b'stock\n', b''

        monkeypatch.setattr(stock_class, name, method)
    return calls


def test_here_the_stock_connection_is_local(connect, mux, stock, stock_local, tmp_path):
    connection = connect(svcfw_transport='local')
    mux.raises = [no_python()]
    plugin = set_become(connection, 'su')
    connection.cwd = b'/srv'
    assert connection.exec_command('id', None, False) == (0, b'stock\n', b'')
    connection.put_file(str(tmp_path), '/x')
    connection.fetch_file('/x', str(tmp_path / 'x'))
    assert [name for name, *_ in stock_local] == ['exec_command', 'put_file', 'fetch_file']
    assert stock_local[0][1].cwd == b'/srv'
    assert stock_local[0][1].become is plugin
    assert stock == []


def test_here_what_makes_a_terminal_goes_by_the_stock_local(connect, mux, stock, stock_local):
    connection = connect(svcfw_transport='local')
    set_become(connection, 'su', ansible_become_flags='-P')
    connection.exec_command(escalated(connection, 'id'))
    assert [name for name, *_ in stock_local] == ['exec_command']
    assert stock == []
    assert mux.named('run_command') == []


def test_here_no_option_of_ssh_is_in_the_way(connect, mux):
    connect(svcfw_transport='local', ansible_sshpass_prompt='word').exec_command('id')
    assert mux.named('run_command')


def test_a_folder_that_core_chooses_later_counts(on_this_machine, mux):
    assert on_this_machine.uses_context()
    on_this_machine.cwd = b'/usr'
    on_this_machine.exec_command('id')
    assert b'/usr' in mux.targets[-1].link


def test_a_login_begins_when_core_asks_for_pipelining(connect, mux):
    connection = connect()
    connection.is_pipelining_enabled()
    assert len(mux.begun) == 1
    connection.exec_command('id')
    assert mux.targets[0].link == mux.begun[0]
    assert len(mux.connects) == 1


def test_no_login_begins_where_the_stock_connection_works(connect, mux):
    connect(ansible_ssh_pkcs11_provider='/lib/p11.so').begin()
    assert mux.connects == []


def test_a_bad_option_is_no_error_before_the_operation(connect, mux):
    connection = connect(svcfw_idle_timeout=-1)
    connection.begin()
    with pytest.raises(AnsibleOptionsError):
        connection.exec_command('id')
