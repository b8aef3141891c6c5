import os
from pathlib import Path
from unittest.mock import ANY

import pytest
from ansible.errors import AnsibleError, AnsibleOptionsError

from svcfw.ansible import options
from svcfw.core.wire.codec import Codec
from svcfw.core.wire.values import Secret
from svcfw.transport.spec import Spec


def link(connection, **environ):
    return Codec().decode(options.encode_link(connection, environ))


def test_a_bare_inventory_leaves_all_to_the_configuration_of_ssh(connect):
    assert link(connect()) == {
        'transport': 'auto',
        'host': 'target',
        'port': None,
        'user': 'me',
        'password': None,
        'private_key_file': None,
        'ssh_executable': 'ssh',
        'ssh_args': None,
        'ssh_common_args': [],
        'ssh_extra_args': [],
        'host_key_checking': True,
        'preferred_python': None,
        'cwd': None,
        'env': {},
        'set_by_config': ANY,
        'agent': None,
        'spoken_to': None,
    }


def test_a_spec_can_be_made_of_it(connect):
    fields = link(connect(ansible_port=2222))
    del fields['cwd'], fields['env'], fields['set_by_config'], fields['agent'], fields['spoken_to']
    assert Spec(timeout_s=3, **fields).port == 2222


def test_every_usual_variable_counts(connect):
    fields = link(
        connect(
            ansible_host='10.0.0.1',
            ansible_port='2222',
            ansible_user='bob',
            ansible_ssh_pass='hunter2',
            ansible_private_key_file='~/key',
            ansible_ssh_common_args='-o ProxyJump="a b"',
            ansible_ssh_extra_args='-4',
            ansible_ssh_args='-C',
            ansible_host_key_checking=False,
            svcfw_transport='paramiko',
            svcfw_python='/opt/python3',
        )
    )
    assert fields == {
        'transport': 'paramiko',
        'host': '10.0.0.1',
        'port': 2222,
        'user': 'bob',
        'password': Secret('hunter2'),
        'private_key_file': os.path.expanduser('~/key'),
        'ssh_executable': 'ssh',
        'ssh_args': ['-C'],
        'ssh_common_args': ['-o', 'ProxyJump=a b'],
        'ssh_extra_args': ['-4'],
        'host_key_checking': False,
        'preferred_python': '/opt/python3',
        'cwd': os.getcwd(),
        'env': {},
        'set_by_config': [],
        'agent': None,
        'spoken_to': None,
    }
    assert type(fields['password']) is Secret


def test_the_password_of_the_command_line_counts(connect):
    connection = connect()
    connection._play_context.password = 'asked'
    assert link(connection)['password'] == 'asked'


def test_files_are_named_from_where_ansible_was_started(connect, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    fields = link(connect(ansible_private_key_file='key', ansible_ssh_executable='./bin/ssh'))
    assert fields['private_key_file'] == str(tmp_path / 'key')
    assert fields['ssh_executable'] == str(tmp_path / 'bin' / 'ssh')


def test_an_agent_of_another_login_is_another_way_in(connect):
    environment = {'SSH_AUTH_SOCK': '/tmp/agent', 'HOME': '/root'}
    assert link(connect(), **environment)['env'] == {'SSH_AUTH_SOCK': '/tmp/agent'}


def test_what_ssh_sends_shapes_a_login(connect):
    args = '-F /dev/null -o "SendEnv=LC_* COLOUR"'
    environ = {'LC_TIME': 'de_DE', 'COLOUR': 'red', 'HOME': '/root'}
    assert link(connect(ansible_ssh_common_args=args), **environ)['env'] == {'LC_TIME': 'de_DE', 'COLOUR': 'red'}
    assert link(connect(ansible_ssh_common_args=args, svcfw_transport='paramiko'), **environ)['env'] == {}


def test_on_this_machine_all_of_the_environment_counts_and_where_one_is(connect, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    fields = link(connect(svcfw_transport='local'), A='1', B='2', _='/bin/x', OLDPWD='/')
    assert fields['env'] == {'A': '1', 'B': '2', 'PWD': str(tmp_path)}
    assert fields['cwd'] == str(tmp_path)
    # As a shell sets PWD: what it inherits if that is the same folder, else the folder without symbolic links.
    (tmp_path / 'link').symlink_to(tmp_path)
    inherited = {str(tmp_path / 'link'): str(tmp_path / 'link'), '.': str(tmp_path), '/gone': str(tmp_path)}
    for given, expected in inherited.items():
        assert link(connect(svcfw_transport='local'), PWD=given)['env'] == {'PWD': expected}
    ordered = options.encode_link(connect(svcfw_transport='local'), {'B': '2', 'A': '1'})
    assert ordered == options.encode_link(connect(svcfw_transport='local'), {'A': '1', 'B': '2'})


def test_the_time_out_is_no_part_of_the_place(connect):
    assert options.encode_link(connect(ansible_ssh_timeout=3)) == options.encode_link(connect(ansible_ssh_timeout=30))
    assert options.connect_timeout_s(connect(ansible_ssh_timeout=3)) == 3


def test_who_asks_ssh_to_speak_has_a_login_of_this_run(connect, monkeypatch):
    quiet, speaking = options.encode_link(connect()), options.encode_link(connect(ansible_ssh_verbosity=1))
    assert speaking != quiet
    assert speaking != options.encode_link(connect(ansible_ssh_verbosity=3))
    monkeypatch.setattr(options.constants, 'DEFAULT_LOCAL_TMP', '/tmp/another-run')
    assert speaking != options.encode_link(connect(ansible_ssh_verbosity=1))
    assert quiet == options.encode_link(connect())


def test_without_a_time_out_there_is_one(connect):
    connection = connect(ansible_ssh_timeout=0)
    connection._play_context.timeout = 0
    assert options.connect_timeout_s(connection) > 0


def test_tagged_values_become_plain():
    class Tagged(str):
        def __str__(self):
            return 'not this'

    assert type(options.text(Tagged('x'))) is str
    assert options.text(Tagged('\udcff')) == '\udcff'
    assert options.text(Path('/x')) == '/x'


def test_an_unknown_transport_is_refused_by_name(connect):
    with pytest.raises(AnsibleError, match=r'(?s)svcfw_transport.*telnet|telnet.*svcfw_transport'):
        connect(svcfw_transport='telnet')


def test_a_useless_idle_time_is_refused(connect):
    with pytest.raises(AnsibleOptionsError, match='svcfw_idle_timeout'):
        options.idle_timeout_s(connect(svcfw_idle_timeout=0))


def test_arguments_that_cannot_be_split_are_named(connect):
    with pytest.raises(AnsibleOptionsError, match='ssh_extra_args'):
        options.encode_link(connect(ansible_ssh_extra_args='-o "'))


@pytest.mark.parametrize('variables', [{'ansible_ssh_pkcs11_provider': '/lib/x.so'}, {'ansible_sshpass_prompt': 'PIN'}])
def test_what_only_stock_can_do_is_left_to_it(connect, variables):
    assert options.stock_only(connect()) is None
    assert options.stock_only(connect(**variables))


class TestAgents:
    """Who one is to a server: by the keys that an agent holds, or by where it listens."""

    @pytest.fixture(autouse=True)
    def no_configuration(self, monkeypatch):
        monkeypatch.setattr(options.ssh_config, 'may_set', lambda option, words: '-A' in words)

    def fields(self, connection, digest):
        environ = {'SSH_AUTH_SOCK': '/run/agent', 'KRB5CCNAME': '/run/tickets'}
        return Codec().decode(options.encode_link(connection, environ, lambda path: digest))

    def test_the_keys_stand_for_the_socket(self, connect):
        fields = self.fields(connect(), b'keys')
        assert (fields['agent'], fields['env']) == (b'keys', {'KRB5CCNAME': '/run/tickets'})

    def test_an_agent_that_does_not_answer_is_known_by_its_socket(self, connect):
        fields = self.fields(connect(), None)
        assert (fields['agent'], fields['env']['SSH_AUTH_SOCK']) == (None, '/run/agent')

    def test_an_agent_that_is_forwarded_is_known_by_its_socket(self, connect):
        fields = self.fields(connect(ansible_ssh_extra_args='-A'), b'keys')
        assert (fields['agent'], fields['env']['SSH_AUTH_SOCK']) == (None, '/run/agent')


class Templar:
    def template(self, value):
        if value == '{{ nowhere }}':
            raise AnsibleError('nowhere is undefined')
        return value


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        ('/opt/venv/bin/python', '/opt/venv/bin/python'),
        ('auto_silent', None),
        ('python3', None),
        ('/usr/bin/env python3', None),
        ('{{ nowhere }}', None),
        (None, None),
        (3, None),
    ],
)
def test_the_interpreter_of_modules_is_tried_where_it_is_a_path(value, expected):
    assert options.modules_python({'ansible_python_interpreter': value}, Templar()) == expected


@pytest.mark.parametrize(
    ('given', 'expected'), [({}, None), ({'ansible_ssh_use_tty': True}, True), ({'ansible_ssh_use_tty': False}, False)]
)
def test_become_commands_get_a_terminal_if_they_ask_or_as_the_user_says(connect, given, expected):
    assert options.escalates_on_tty(connect(**given), given) is expected
