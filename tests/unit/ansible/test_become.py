"""On the real become plugins of the installed core."""

import shlex

import pytest
from ansible.errors import AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, get_shell_plugin

from svcfw.ansible.become import Escalations, NotRepeatable, is_escalated


@pytest.fixture
def shell():
    return get_shell_plugin('sh', '/bin/sh')


@pytest.fixture
def escalations(shell):
    return Escalations(shell, pytest.fail)


@pytest.fixture
def escalate(shell, escalations):
    """escalate(method, cmd='id', **variables): (plugin, the Become of that command), with a new plugin each time."""

    def make(method='sudo', cmd='id', **variables):
        plugin = become_loader.get(method)
        escalations.attach(plugin)
        plugin.set_options(var_options=variables)
        command = plugin.build_become_command(cmd, shell)
        escalation = escalations.find(f'/bin/sh -c {shlex.quote(command)}', ('/bin/sh',))
        assert escalation.inner == cmd
        return plugin, escalation.become(PlayContext())

    return make


def test_the_plugin_returns_what_it_would_have(shell, escalations):
    plugin = become_loader.get('sudo')
    plugin.set_options()
    escalations.attach(plugin)
    command = plugin.build_become_command('id', shell)
    assert command.startswith('sudo ')
    assert plugin.success in command
    assert is_escalated(plugin, command)
    assert not is_escalated(plugin, 'sudo id')
    assert not is_escalated(None, command)


@pytest.mark.parametrize('flags', ['-P', '--pty', '-lP', '-l --pty'])
def test_no_context_on_a_terminal_that_the_command_makes(escalate, flags):
    with pytest.raises(NotRepeatable, match='terminal'):
        escalate('su', ansible_become_flags=flags)


def test_flags_that_make_no_terminal(escalate):
    for method, flags in (('su', '-l'), ('su', '-s /bin/sh -m'), ('sudo', '-P')):
        assert escalate(method, ansible_become_flags=flags)[1].key


def test_the_key_is_that_of_the_account_not_of_the_command(escalate):
    assert escalate(cmd='id')[1].key == escalate(cmd='/usr/bin/python3')[1].key


@pytest.mark.parametrize(
    'variables',
    [
        {'ansible_become_user': 'bob'},
        {'ansible_become_password': 'x'},
        {'ansible_become_flags': '-H'},
        {'ansible_become_exe': '/opt/sudo'},
    ],
)
def test_the_key_differs_with_whatever_leads_elsewhere(escalate, variables):
    assert escalate()[1].key != escalate(**variables)[1].key


def test_another_prompt_to_wait_for_is_another_key(escalate):
    assert escalate('su')[1].key != escalate('su', ansible_su_prompt_l10n=['Passwort'])[1].key


def test_a_wrong_password_is_another_key(escalate):
    assert escalate(ansible_become_password='a')[1].key != escalate(ansible_become_password='b')[1].key


def test_methods_do_not_share(escalate):
    assert escalate('sudo')[1].key != escalate('su')[1].key


def test_only_su_needs_a_terminal(escalate):
    assert escalate('su')[1].need_tty
    assert not escalate('sudo')[1].need_tty


def examines(dialogue):
    """Whether what comes now is still the escalating program's, not the other account's."""
    before = dialogue.said()
    dialogue.receive(b'another line\n')
    return dialogue.said() != before


def test_the_dialogue_starts_the_boot_command_and_sees_success(escalate):
    plugin, become = escalate()
    text = become.dialogue.build('exec python')
    assert 'exec python' in text
    assert examines(become.dialogue)
    assert become.dialogue.receive(b'Welcome\nto this') is None
    assert become.dialogue.receive(b' host\n') is None
    assert examines(become.dialogue)
    assert become.dialogue.receive(plugin.success.encode()[:9]) is None
    assert become.dialogue.receive(plugin.success.encode()[9:] + b'\r\n') is None
    assert not examines(become.dialogue)


def test_the_plugin_is_left_as_core_left_it(escalate):
    plugin, become = escalate(ansible_become_password='x')
    before = (plugin._id, plugin.success, plugin.prompt)
    become.dialogue.build('exec python')
    become.dialogue.build('exec python')
    assert plugin._id != before[0]
    become.dialogue.end()
    become.dialogue.end()
    assert (plugin._id, plugin.success, plugin.prompt) == before


def test_a_prompt_is_answered_once_even_if_it_comes_in_pieces(escalate):
    plugin, become = escalate(ansible_become_password='geheim\u00fc')
    become.dialogue.build('exec python')
    prompt = plugin.prompt.encode()
    assert become.dialogue.receive(prompt[:10]) is None
    assert become.dialogue.receive(prompt[10:]) == 'geheim\u00fc\n'.encode()
    assert become.dialogue.receive(b'\n') is None
    assert become.dialogue.receive(plugin.success.encode() + b'\n') is None
    assert not examines(become.dialogue)


def test_a_second_prompt_means_a_wrong_password(escalate):
    plugin, become = escalate(ansible_become_password='x')
    become.dialogue.build('exec python')
    become.dialogue.receive(plugin.prompt.encode())
    with pytest.raises(AnsibleError, match='Incorrect sudo password'):
        become.dialogue.receive(b'\n' + plugin.prompt.encode())


def test_the_plugins_own_words_for_a_wrong_password(escalate):
    plugin, become = escalate(ansible_become_password='x')
    become.dialogue.build('exec python')
    become.dialogue.receive(plugin.prompt.encode())
    with pytest.raises(AnsibleError, match='Incorrect sudo password'):
        become.dialogue.receive(b'\nSorry, try again.\n')


def test_the_plugins_own_words_for_a_missing_password(escalate):
    _, become = escalate()
    become.dialogue.build('exec python')
    with pytest.raises(AnsibleError, match='Missing sudo password'):
        become.dialogue.receive(b'sudo: a password is required\n')


def test_a_prompt_that_nobody_was_told_of_is_not_waited_for(escalate):
    """sudo on a terminal, or with -S among the flags, and no password given: the plugin sets no prompt."""
    _, become = escalate()
    become.dialogue.build('exec python')
    become.dialogue.receive(b'We trust you have received the usual lecture about passwords:\n')
    with pytest.raises(AnsibleError, match='Missing sudo password'):
        become.dialogue.receive(b'[sudo] password for bob: ')


def test_who_lacks_a_terminal_does_not_lack_a_password(escalate):
    """It is given one next, and the password there."""
    _, become = escalate(ansible_become_password='x')
    assert become.has_password
    become.dialogue.build('exec python')
    said = (
        b'sudo: a terminal is required to read the password; either use the -S option to read from standard input\n'
        b'Sorry, a password is required to run sudo\n'
    )
    become.dialogue.receive(said)
    assert become.dialogue.said() == said


def test_su_asks_in_any_language(escalate):
    plugin, become = escalate('su', ansible_become_password='x')
    become.dialogue.build('exec python')
    assert become.dialogue.receive(b'Passwort: ') == b'x\n'
    become.dialogue.receive(b'\r\n' + plugin.success.encode() + b'\r\n')
    assert not examines(become.dialogue)


def test_su_asks_and_there_is_no_password(escalate):
    _, become = escalate('su')
    become.dialogue.build('exec python')
    with pytest.raises(AnsibleError, match='Missing su password'):
        become.dialogue.receive(b'Password: ')


def test_what_follows_success_is_not_examined(escalate):
    plugin, become = escalate(ansible_become_password='x')
    become.dialogue.build('exec python')
    become.dialogue.receive(plugin.success.encode() + b'\nSorry, try again.\n' + plugin.prompt.encode())
    assert not examines(become.dialogue)


def test_no_secret_in_what_could_be_shown(escalate):
    _, become = escalate(ansible_become_password='geheim')
    assert b'geheim' in become.key  # it goes to the multiplexer, which hashes it
    assert 'geheim' not in repr(become.dialogue)


def test_what_a_refusal_says_is_kept_whole_without_the_prompt(escalate):
    plugin, become = escalate(ansible_become_password='hunter2')
    dialogue = become.dialogue
    dialogue.build('BOOT')
    assert dialogue.receive(b'a lecture\n' + plugin.prompt.encode()) == b'hunter2\n'
    dialogue.receive(b'bob is not in the ')
    dialogue.receive(b'sudoers file.\nno newline')
    dialogue.end()
    assert dialogue.said() == b'a lecture\nbob is not in the sudoers file.\nno newline'


@pytest.mark.parametrize('may_use_tty', [None, True, False])
def test_who_needs_a_terminal_gets_it_always(escalate, shell, escalations, may_use_tty):
    for method, expected in (('su', True), ('sudo', may_use_tty)):
        plugin = become_loader.get(method)
        escalations.attach(plugin)
        plugin.set_options(var_options={})
        escalation = escalations.find(plugin.build_become_command('id', shell), ())
        assert escalation.become(PlayContext(), may_use_tty=may_use_tty).need_tty is (expected)
