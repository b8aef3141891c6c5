"""Every cause as its user reads it: place, account, cause, remedy, log; each once."""

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError

from svcfw.ansible.errors import translate
from svcfw.core.wire.errors import ChannelError, StartError
from svcfw.mux import rundir
from svcfw.mux.client.client import DeferredError
from svcfw.mux.client.line import GONE
from svcfw.mux.client.starting import MuxError

LOG = str(rundir.log_path(rundir.default()))
SEE = f' More may be in {LOG} on this machine.'
CONNECT = 'Failed to connect to the host via svcfw: '

CASES = [
    (
        StartError('auth', 'web1', 'the password was refused', 'Correct `password` (and `username`).'),
        {'user': 'bob'},
        f'{CONNECT}bob@web1: the password was refused. Correct ansible_password (and ansible_user).',
    ),
    (
        StartError('auth', 'web1', 'login refused', 'Check the key.'),
        {'user': 'bob'},
        f'{CONNECT}bob@web1: login refused. Check the key.',
    ),
    (
        StartError('auth', 'web1', 'login refused', 'Check the key.'),
        {},
        f'{CONNECT}web1: login refused. Check the key.',
    ),
    (
        StartError('died', 'web1', 'ssh ended with status 1', 'Try the same login by hand.'),
        {'user': 'bob'},
        f'{CONNECT}bob@web1: ssh ended with status 1. Try the same login by hand.{SEE}',
    ),
    (StartError('timeout', 'web1', 'not ready within 10 s'), {}, f'{CONNECT}web1: not ready within 10 s.{SEE}'),
    (
        StartError('timeout', 'web1 as another account', 'not ready within 10 s', 'Raise the timeout.'),
        {'user': 'bob', 'becoming': 'becoming root by sudo'},
        f'{CONNECT}bob@web1, becoming root by sudo: not ready within 10 s. Raise the timeout.{SEE}',
    ),
    (
        StartError('become', 'web1 as another account', 'the child was ended by signal 9', 'Try it by hand.'),
        {'user': 'bob', 'becoming': 'becoming root by sudo'},
        'bob@web1, becoming root by sudo: the child was ended by signal 9. Try it by hand.',
    ),
    (
        ChannelError('the connection was lost'),
        {'user': 'bob'},
        f'bob@web1: the connection was lost. The next task logs in again.{SEE}',
    ),
    (
        ChannelError('web1: the connection was lost'),
        {'user': 'bob'},
        f'bob@web1: the connection was lost. The next task logs in again.{SEE}',
    ),
    (
        ChannelError('the peer has shut down'),
        {},
        f'web1: the connection was lost: the peer has shut down. The next task logs in again.{SEE}',
    ),
    (
        ChannelError(f'{GONE}. The next task starts another one'),
        {},
        f'web1: {GONE}. The next task starts another one.{SEE}',
    ),
    (MuxError('/x is no folder'), {}, f'web1: svcfw cannot work on this controller: /x is no folder.{SEE}'),
    (MuxError(f'it ended. See {LOG}'), {}, f'web1: svcfw cannot work on this controller: it ended. See {LOG}'),
    (
        DeferredError('put_file', '/there', 1, 'No space left on device'),
        {'local_path': '/here'},
        'failed to transfer file to /here /there:\n\nNo space left on device',
    ),
]


@pytest.mark.parametrize(('error', 'given', 'text'), CASES)
def test_what_the_user_reads(error, given, text):
    translated = translate(error, host='web1', **given)
    assert isinstance(translated, AnsibleError)
    # From 2.19 on core puts words of its own before that of a refused login.
    assert str(translated.message).removeprefix('Failed to authenticate: ') == text


@pytest.mark.parametrize(('error', 'given', 'text'), CASES)
def test_nothing_is_said_twice(error, given, text):
    parts = [part for sentence in text.split('. ') for part in sentence.split(': ')]
    assert len(parts) == len(set(parts))


def test_a_lost_host_is_unreachable():
    assert type(translate(ChannelError('x'), host='web1')) is AnsibleConnectionFailure


FORGED = 'so\r\nfatal: [web2]: FAILED! => {}\x1b[2K\x9b31m'
SHOWN = 'so\n  | fatal: [web2]: FAILED! => {}\\x1b[2K\\x9b31m'


@pytest.mark.parametrize(
    'error',
    [
        StartError('died', 'web1', FORGED, 'Try again.'),
        StartError('become', 'web1 as another account', 'no', FORGED, 1),
        ChannelError(FORGED),
        MuxError(FORGED),
        *(DeferredError(op, '/there', 1, FORGED) for op in ('put_file', 'fetch_file', 'chmod', 'mkdtemp', 'other')),
        DeferredError('put_file', FORGED, 1, 'no'),
        DeferredError(FORGED, '/there', 1, 'no'),
        DeferredError('mkdtemp', '/there', 1, f'No space left on device {FORGED}'),
    ],
)
def test_words_of_a_target_forge_no_line(error):
    text = str(translate(error, host='web1', becoming='becoming root by sudo'))
    assert SHOWN in text
    assert '\x1b' not in text
    assert not [line for line in text.splitlines() if line.startswith('fatal')]


def test_what_sudo_says_in_several_lines_stays_readable():
    said = 'sudo: /etc/sudo.conf is world writable\nsudo: Mot de passe oublié\nRe-entrez-le\n'
    text = str(translate(StartError('become', 'web1 as another account', said, 'Look.', 1), host='web1'))
    assert 'sudo: /etc/sudo.conf is world writable\n  | sudo: Mot de passe oublié\n  | Re-entrez-le. Look.' in text
