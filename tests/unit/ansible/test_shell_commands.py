"""On the real shell plugin of the installed core."""

import functools
import shlex

import pytest
from ansible.plugins.loader import get_shell_plugin

from svcfw.ansible import shell_commands
from svcfw.ansible.shell_commands import ChangeMode, ExpandUser, GiveAccess, MakeTemp, Remove

EXECUTABLES = ('/bin/sh',)


@pytest.fixture
def shell():
    plugin = get_shell_plugin('sh', '/bin/sh')
    plugin.set_options()
    return plugin


@pytest.fixture
def recorded(shell):
    return shell_commands.record(shell, pytest.fail)


def wrapped(command, executable='/bin/sh'):
    return f'{executable} -c {shlex.quote(command)}'


def test_the_texts_stay_the_plugins_own(shell):
    untouched = get_shell_plugin('sh', '/bin/sh')
    untouched.set_options()
    shell_commands.record(shell, pytest.fail)
    assert shell.mkdtemp(basefile='b', tmpdir='/x') == untouched.mkdtemp(basefile='b', tmpdir='/x')
    assert shell.remove('/x', recurse=True) == untouched.remove('/x', recurse=True)
    assert shell.chmod(['/x'], 'u+rwx') == untouched.chmod(['/x'], 'u+rwx')
    assert shell.expand_user('~') == untouched.expand_user('~')
    assert 'mkdtemp' not in vars(untouched)


def test_a_command_is_known_bare_wrapped_and_with_what_core_appends(shell, recorded):
    command = shell.expand_user('~me')
    for cmd in (command, wrapped(command), wrapped(f'{command} && sleep 0')):
        assert recorded.find(cmd, EXECUTABLES) == ExpandUser('~me')


@pytest.mark.parametrize(
    'change', [lambda c: c + ' ', lambda c: c.replace('sh', 'bash', 1), lambda c: 'x' + c, lambda c: c[:-1]]
)
def test_a_command_that_is_not_quite_it_is_not_known(shell, recorded, change):
    assert recorded.find(change(wrapped(shell.expand_user('~me'))), EXECUTABLES) is None


def test_the_shell_it_was_wrapped_for_must_be_one_of_those_named(shell, recorded):
    cmd = wrapped(shell.expand_user('~'), '/bin/bash')
    assert recorded.find(cmd, EXECUTABLES) is None
    assert recorded.find(cmd, ('/bin/bash', '/bin/sh')) == ExpandUser('~')


@pytest.mark.parametrize(
    ('arguments', 'name'),
    [
        (('~',), '~'),
        (('~bob',), '~bob'),
        (('~', 'bob'), '~bob'),
        (('~$HOME',), None),
        (('~', '$(id)'), None),
        (('~a b',), None),
    ],
)
def test_expand_user(shell, recorded, arguments, name):
    operation = recorded.find(wrapped(shell.expand_user(*arguments)), EXECUTABLES)
    assert operation == (None if name is None else ExpandUser(name))


@pytest.mark.parametrize(
    ('arguments', 'directory', 'umask'),
    [
        ({'tmpdir': '/home/me/.ansible/tmp'}, '/home/me/.ansible/tmp', 0o077),
        ({}, '~/.ansible/tmp', 0o077),
        ({'tmpdir': '~bob/t', 'mode': 0o755}, '~bob/t', 0o022),
        ({'tmpdir': '/x', 'mode': 0}, '/x', None),
        ({'system': True, 'tmpdir': '/home/me'}, '/var/tmp', 0o077),
        ({'system': True, 'tmpdir': '/tmp/'}, '/tmp', 0o077),
        ({'system': True}, '/var/tmp', 0o077),
    ],
)
def test_mkdtemp(shell, recorded, arguments, directory, umask):
    command = shell.mkdtemp(basefile='ansible-tmp-1.5-2-3', **arguments)
    for_other = arguments.get('system', False)
    expected = MakeTemp(directory, 'ansible-tmp-1.5-2-3', umask, command, for_other)
    assert recorded.find(wrapped(command), EXECUTABLES) == expected


@pytest.mark.parametrize(
    'another',
    [
        lambda method: None,
        lambda method: lambda *args, more=1, **kwargs: method(*args, **kwargs),
        lambda method: functools.wraps(method)(lambda *args, **kwargs: ('no', 'text')),
    ],
    ids=['none', 'with another parameter', 'with another result'],
)
@pytest.mark.parametrize('name', ['chmod', 'set_user_facl', 'remove'])
def test_no_directory_is_another_accounts_where_what_follows_is_not_known(shell, name, another):
    setattr(shell, name, another(getattr(shell, name)))
    recorded = shell_commands.record(shell, lambda reason: None)
    made = recorded.find(shell.mkdtemp(basefile='b', system=True), ())
    assert made is not None
    assert not made.is_for_other


def test_access_for_another_account(shell, recorded):
    command = shell.set_user_facl(['/t', '/t/f'], 'bob', 'r-x')
    assert recorded.find(wrapped(command), EXECUTABLES) == GiveAccess(('/t', '/t/f'), 'bob', 'r-x')


@pytest.mark.parametrize(
    'tmpdir', ['$HOME/x', '/a b', '/x`id`', '/"', "/'", 'relative', '/a;b', '/a\\b', '/\u00e9', '~', '/*']
)
def test_mkdtemp_where_a_shell_might_read_more_into_the_path(shell, recorded, tmpdir):
    command = shell.mkdtemp(basefile='b', tmpdir=tmpdir)
    assert recorded.find(wrapped(command), EXECUTABLES) is None


def test_mkdtemp_with_a_name_made_up_by_the_plugin(shell, recorded):
    assert recorded.find(wrapped(shell.mkdtemp(tmpdir='/x')), EXECUTABLES) is None


def test_chmod(shell, recorded):
    assert recorded.find(shell.chmod(['/a', '/b c'], 'u+rwx'), ()) == ChangeMode(('/a', '/b c'), 'u+rwx')
    assert recorded.find(shell.chmod(['/a'], 'a+rX'), ()) is None
    assert recorded.find(shell.chmod(['bob allow read', '/a'], '+a'), ()) is None


def test_remove(shell, recorded):
    assert recorded.find(shell.remove('/a b', recurse=True), ()) == Remove('/a b', True)
    assert recorded.find(shell.remove('/a'), ()) == Remove('/a', False)


def test_a_method_with_other_parameters_loses_the_shortcut_only(shell):
    shell.chmod = lambda paths, mode, flags: f'chmod {flags} {mode} {paths[0]}'
    off = []
    recorded = shell_commands.record(shell, off.append)
    command = shell.chmod(['/x'], 'u+rwx', flags='-v')
    assert command == 'chmod -v u+rwx /x'
    assert recorded.find(command, ()) is None
    assert "the shell plugin's chmod is another one" in off[0]


class Shell:
    """A shell plugin that has nothing that we know."""


def test_methods_that_are_gone_lose_the_shortcut_only():
    off = []
    shell_commands.record(Shell(), off.append)
    assert off == [
        f'the shell plugin has no {name}' for name in ('expand_user', 'mkdtemp', 'chmod', 'set_user_facl', 'remove')
    ]


def test_a_method_that_returns_no_text_loses_the_shortcut_only(shell):
    shell.remove = lambda path: [path]
    off = []
    shell_commands.record(shell, off.append)
    assert shell.remove('/x') == ['/x']
    assert off == ["the shell plugin's remove returns a list"]


def test_an_option_that_is_gone_loses_the_shortcut_only(shell):
    shell.get_option = lambda name: {}[name]
    shell.mkdtemp = lambda basefile, tmpdir=None: f'mkdir {basefile}'
    off = []
    recorded = shell_commands.record(shell, off.append)
    assert recorded.find(shell.mkdtemp('b'), ()) is None
    assert off == ["the shell plugin's mkdtemp is another one: KeyError('remote_tmp')"]


class Removes(Shell):
    def remove(self, path, recurse=False):
        return f'rm {path}'


def test_without_append_command_texts_are_found_as_they_are():
    plugin = Removes()
    recorded = shell_commands.record(plugin, lambda reason: None)
    assert recorded.find(wrapped(plugin.remove('/x')), EXECUTABLES) == Remove('/x', False)


def test_a_text_means_what_it_was_last_made_for(shell, recorded):
    command = shell.remove('/x')
    shell.expand_user = None
    recorded.forget(command)
    assert recorded.find(command, ()) is None


def test_old_texts_are_forgotten(shell, recorded):
    first = shell.remove('/first')
    for number in range(100):
        shell.remove(f'/{number}')
    assert recorded.find(first, ()) is None
    assert recorded.find(shell.remove('/last'), ()) == Remove('/last', False)
