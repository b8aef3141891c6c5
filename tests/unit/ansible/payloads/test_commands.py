"""The fastest exact way of each command: from memory, as a source, or as it is."""

import pytest

from svcfw.ansible.payloads import audited
from svcfw.core.wire.errors import StartError
from tests.unit.ansible.connections import PYTHON, escalated, set_become
from tests.unit.ansible.payload_text import PAYLOAD


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
    assert process == {
        'can_rehearse': expected, 'may_reuse': expected, 'may_preimport': False, 'is_core': audited.is_core,
    }  # fmt: skip


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


def test_a_command_here_has_no_terminal_as_over_stock_local(connect, mux):
    connect(svcfw_transport='local').exec_command('id')
    assert mux.named('run_command')[-1][-1] is False


def test_an_interpreter_that_cannot_be_kept_warm(connection, mux):
    mux.raises = [StartError('interpreter', 'target', '/usr/bin/python3 is not there', '')]
    connection.exec_command(PYTHON, in_data=PAYLOAD)
    assert mux.calls[-1] == ('run_command', PYTHON, PAYLOAD, None, False)


def test_what_is_unknown_of_a_payload_is_named(connection, said):
    connection.exec_command(
        PYTHON, in_data=PAYLOAD.replace(b'profile=', b'profiles=', 1).replace(b'\nprofile=', b'\np=')
    )
    assert 'unknown argument p' in said[-1][1]


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


def test_a_become_command_nobody_saw_being_built_goes_to_stock_which_can_answer_prompts(connection, mux, stock):
    plugin = set_become(connection)
    cmd = escalated(connection, 'id') + ' '
    assert plugin.success in cmd
    connection.exec_command(cmd)
    assert mux.named('run_command') == []
    assert len(stock) == 1


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
