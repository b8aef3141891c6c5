"""The plugin between the installed core's own actions and a fake multiplexer."""

import errno
import os
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

from svcfw.ansible import here, options
from svcfw.ansible.connection import Connection
from svcfw.ansible.payloads import payload_cache
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.mux.client.client import MuxError, Result
from tests.unit.ansible.connections import PYTHON, escalated, make_action, no_python, set_become
from tests.unit.ansible.payload_text import PAYLOAD

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


def test_core_finds_the_become_plugin(connection):
    # `_set_plugin_options` takes what is called `_become`, if there is anything, for the plugin.
    assert not hasattr(connection, '_become')


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


# -- become --------------------------------------------------------------------------------------------------------


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
    assert mux.connects[0][1] is False
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
    ((wishes, _),) = mux.connects
    assert wishes.idle_timeout_s == 7


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


# -- what actions offer ------------------------------------------------------------------------------------------------


def test_files_of_an_action_are_offered_as_long_as_it_says(connect):
    connection = connect()
    with connection.offering_files('/srv/one'):
        with connection.offering_files('/srv/two'):
            assert connection._more.files == ['/srv/one', '/srv/two']
        assert connection._more.files == ['/srv/one']
    with pytest.raises(OSError, match='x'), connection.offering_files('/srv/one'):
        raise OSError('x')
    assert connection._more.files == []
