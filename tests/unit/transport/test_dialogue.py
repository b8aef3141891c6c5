"""Real words of OpenSSH 7.4 to 10.0, and of servers, and what is made of them."""

import itertools

import pytest

from svcfw.core.wire.values import Secret
from svcfw.transport import messages
from svcfw.transport.dialogue import MAX_KEPT_CHARS, MAX_SAID_CHARS, STDERR, STDOUT, TTY, Fail, LoginDialogue, Send

PROMPT = b"bob@web1's password: "
CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
The fingerprint for the ED25519 key sent by the remote host is
SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU.
Please contact your system administrator.
Add correct host key in /home/bob/.ssh/known_hosts to get rid of this message.
Offending ED25519 key in /home/bob/.ssh/known_hosts:12
  remove with:
  ssh-keygen -f "/home/bob/.ssh/known_hosts" -R "web1"
"""
UNKNOWN = (
    "The authenticity of host 'web1 (192.0.2.1)' can't be established.\n"
    'ED25519 key fingerprint is SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU.\n'
    'This key is not known by any other names.\n'
    'Are you sure you want to continue connecting (yes/no/[fingerprint])? '
)


def dialogue(password: str | None = 'open sesame', passphrase: str | None = None, **more: object) -> LoginDialogue:
    answers = {messages.PASSWORD: password, messages.PASSPHRASE: passphrase}
    return LoginDialogue('web1', messages.SSH, answers, **{'user': 'bob', **more})


def only(actions: list) -> object:
    (action,) = actions
    return action


def error_of(actions: list) -> object:
    action = only(actions)
    assert isinstance(action, Fail)
    return action.error


class TestPrompts:
    @pytest.mark.parametrize(
        'prompt',
        [
            "bob@web1's password: ",
            "bob@WEB1's password: ",
            '(bob@web1) Password: ',
            'Password: ',
            'Password:',
            '(bob@web1) bob@web1 LDAP password:',
            'Some banner\nof the server\n\nPassword: ',
        ],
    )
    def test_the_password_is_given_to(self, prompt: str) -> None:
        action = only(dialogue().receive(TTY, prompt.encode()))
        assert isinstance(action, Send)
        assert (action.target, action.data) == (TTY, b'open sesame\n')

    def test_answers_are_kept_no_longer_than_they_are_needed(self) -> None:
        talk = dialogue('open sesame')
        assert 'open sesame' in str(vars(talk))
        talk.forget()
        assert 'open sesame' not in str(vars(talk))
        assert error_of(talk.receive(TTY, PROMPT)).kind == 'auth'

    def test_answers_do_not_show(self) -> None:
        talk = dialogue(Secret('open sesame'))
        action = only(talk.receive(TTY, PROMPT))
        assert action.data == b'open sesame\n'
        assert 'sesame' not in repr((talk, action))

    def test_any_split_of_a_prompt_is_the_same(self) -> None:
        for cut in range(1, len(PROMPT)):
            talk = dialogue()
            actions = talk.receive(TTY, PROMPT[:cut]) + talk.receive(TTY, PROMPT[cut:])
            assert [action.data for action in actions] == [b'open sesame\n'], cut

    def test_bytes_that_come_one_by_one(self) -> None:
        talk = dialogue()
        whole = b'Welcome\r\nfriends\r\n' + PROMPT
        actions = list(itertools.chain(*(talk.receive(TTY, bytes([byte])) for byte in whole)))
        assert [action.data for action in actions] == [b'open sesame\n']

    @pytest.mark.parametrize(
        ('first', 'second'),
        [
            (PROMPT, PROMPT),
            (b'(bob@web1) Password: ', PROMPT),
            (b'Password: ', PROMPT),
            (PROMPT, b'Password: '),
        ],
    )
    def test_a_second_prompt_means_that_it_was_wrong(self, first: bytes, second: bytes) -> None:
        talk = dialogue()
        assert isinstance(only(talk.receive(TTY, first)), Send)
        error = error_of(talk.receive(TTY, b'\r\n' + second))
        assert error.kind == 'auth'
        assert 'password was refused' in error.cause
        assert talk.receive(TTY, PROMPT) == []
        assert talk.ended(255) is error

    def test_other_names_of_the_host_are_asked_for_when_they_are_needed(self) -> None:
        asked = []

        def names() -> list[str]:
            asked.append(1)
            return ['192.0.2.1']

        talk = dialogue(other_names=names)
        assert isinstance(only(talk.receive(TTY, PROMPT)), Send)
        assert asked == []
        talk = dialogue(other_names=names)
        assert isinstance(only(talk.receive(TTY, b"bob@192.0.2.1's password: ")), Send)

    @pytest.mark.parametrize('user', ['bob', None])
    @pytest.mark.parametrize('prompt', [b"bob@jump's password: ", b'(bob@jump) Password: ', b"bob@web12's password: "])
    def test_a_jump_host_with_the_same_user_does_not_get_it(self, prompt: bytes, user: str | None) -> None:
        error = error_of(dialogue(user=user).receive(TTY, prompt))
        assert error.kind == 'auth'
        assert 'asks for a password, which is not the one given for' in error.cause

    def test_long_names_are_compared_as_they_are_shown(self) -> None:
        talk = LoginDialogue('h' * 200, messages.SSH, {messages.PASSWORD: 'x'}, user='u' * 40)
        prompt = f"{'u' * 30}@{'h' * 128}'s password: "
        assert isinstance(only(talk.receive(TTY, prompt.encode())), Send)

    def test_a_jump_host_does_not_get_it(self) -> None:
        error = error_of(dialogue().receive(TTY, b"alice@jump's password: "))
        assert error.kind == 'auth'
        assert 'alice@jump asks for a password' in error.cause

    def test_no_password_to_give(self) -> None:
        error = error_of(dialogue(None).receive(TTY, PROMPT))
        assert (error.kind, error.host) == ('auth', 'web1')
        assert 'none is given' in error.cause
        assert '`password`' in error.remedy

    def test_passphrase(self) -> None:
        talk = dialogue(passphrase='swordfish')
        action = only(talk.receive(TTY, b"Enter passphrase for key '/home/bob/.ssh/id_ed25519': "))
        assert action.data == b'swordfish\n'

    @pytest.mark.parametrize(('passphrase', 'asked'), [(None, 1), ('wrong', 2)])
    def test_a_key_that_stays_locked_is_skipped_and_remembered(self, passphrase: str | None, asked: int) -> None:
        talk = dialogue(passphrase=passphrase)
        for _ in range(asked):
            action = only(talk.receive(TTY, b"Enter passphrase for key '/k/id': "))
        assert action.data == b'\n'
        talk.receive(STDERR, b'bob@web1: Permission denied (publickey).\r\n')
        assert '/k/id' in talk.ended(255).cause

    def test_unknown_host_key(self) -> None:
        error = error_of(dialogue().receive(TTY, UNKNOWN.encode()))
        assert error.kind == 'hostkey'
        assert 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU)' in error.cause
        assert 'known_hosts' in error.remedy

    @pytest.mark.parametrize(
        ('prompt', 'kind', 'word'),
        [
            ('(bob@web1) Verification code: ', 'auth', 'Verification code'),
            ("One-time password (OATH) for `bob': ", 'auth', 'One-time password'),
            ('Enter PIN for ECDSA-SK key /home/bob/.ssh/id_ecdsa_sk: ', 'auth', 'PIN'),
            ('(current) UNIX password: ', 'auth', 'expired'),
            ('(bob@web1) New password: ', 'auth', 'expired'),
            ('Passcode or option (1-3): ', 'auth', 'Passcode or option (1-3)'),
            ('What is your quest? ', 'auth', 'What is your quest'),
        ],
    )
    def test_questions_without_an_answer_fail_by_name(self, prompt: str, kind: str, word: str) -> None:
        error = error_of(dialogue().receive(TTY, prompt.encode()))
        assert error.kind == kind
        assert word in error.cause

    def test_text_without_a_question_waits(self) -> None:
        assert dialogue().receive(TTY, b'Confirm user presence for key ED25519-SK SHA256:x\r\n') == []


@pytest.mark.parametrize(
    ('said', 'kind', 'in_cause', 'in_remedy'),
    [
        (
            'ssh: connect to host 192.0.2.1 port 2222: Connection refused',
            'refused',
            'port 2222 of 192.0.2.1 cannot be reached (Connection refused)',
            'address and port',
        ),
        ('ssh: connect to host web1 port 22: No route to host', 'refused', 'No route to host', 'up'),
        ('ssh: connect to host web1 port 22: Network is unreachable', 'refused', 'unreachable', 'up'),
        ('ssh: connect to host web1 port 22: Connection timed out', 'timeout', 'no answer', 'up'),
        ('ssh: connect to host web1 port 22: Operation timed out', 'timeout', 'no answer', 'up'),
        ('Connection timed out during banner exchange', 'timeout', 'no answer', 'up'),
        ('Connection to 192.0.2.1 port 22 timed out', 'timeout', 'no answer', 'up'),
        (
            'ssh: Could not resolve hostname web1: Name or service not known',
            'refused',
            'the name web1 has no address (Name or service not known)',
            '`hostname`',
        ),
        ('bob@web1: Permission denied (publickey,password).', 'auth', 'publickey,password', 'user, key'),
        ('Permission denied (publickey).', 'auth', 'publickey', 'user, key'),
        (
            'Load key "/k/id": Permission denied\nbob@web1: Permission denied (publickey).',
            'auth',
            'Load key "/k/id": Permission denied',
            'user, key',
        ),
        (
            'no such identity: /k/none: No such file or directory\nbob@web1: Permission denied (publickey).',
            'auth',
            'no such identity: /k/none',
            'user, key',
        ),
        (
            (
                'Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures\r\n'
                'Disconnected from 192.0.2.1 port 22'
            ),
            'auth',
            'too many keys',
            'IdentitiesOnly',
        ),
        (CHANGED + 'Host key verification failed.', 'hostkey', '/home/bob/.ssh/known_hosts:12', '-R "web1"'),
        (
            CHANGED.partition('  remove')[0] + 'Host key verification failed.',
            'hostkey',
            '/home/bob/.ssh/known_hosts:12',
            'ssh-keygen -R web1',
        ),
        (
            CHANGED + 'Password authentication is disabled to avoid man-in-the-middle attacks.\n'
            'bob@web1: Permission denied (publickey,password).',
            'hostkey',
            'did not send a password',
            '-R "web1"',
        ),
        (
            (
                'No ED25519 host key is known for web1 and you have requested strict checking.\n'
                'Host key verification failed.'
            ),
            'hostkey',
            'its ED25519 host key is unknown',
            'known_hosts',
        ),
        ('Host key verification failed.', 'hostkey', 'could not be verified', 'known_hosts'),
        ('The ED25519 host key for web1 is marked as revoked.', 'hostkey', 'revoked', 'not connect'),
        (
            'kex_exchange_identification: read: Connection reset by peer\r\nConnection reset by 192.0.2.1 port 22',
            'refused',
            'hung up before the login (kex_exchange_identification',
            'MaxStartups',
        ),
        ('kex_exchange_identification: Connection closed by remote host', 'refused', 'hung up', 'MaxStartups'),
        ('ssh_exchange_identification: Connection closed by remote host', 'refused', 'hung up', 'MaxStartups'),
        ('Connection closed by 192.0.2.1 port 22', 'refused', 'hung up', 'log'),
        (
            (
                'channel 0: open failed: connect failed: Connection refused\r\nstdio forwarding failed\r\n'
                'Connection closed by UNKNOWN port 65535'
            ),
            'refused',
            'jump host',
            'jump host',
        ),
        (
            'Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their offer: ssh-rsa,ssh-dss',
            'config',
            'no matching host key type found. Their offer: ssh-rsa,ssh-dss',
            '`ssh_common_args`',
        ),
        (
            'command-line: line 0: Bad configuration option: foo',
            'config',
            'Bad configuration option: foo',
            'ssh arguments',
        ),
        ('Bad owner or permissions on /root/.ssh/config', 'config', '/root/.ssh/config', 'ssh_config'),
        (
            'unknown option -- Z\nusage: ssh [-46AaCfGgKkMNnqsTtVvXxYy]',
            'config',
            'unknown option -- Z',
            'ssh arguments',
        ),
        ("command-line line 0: Bad SSH2 cipher spec 'x'.", 'config', "Bad SSH2 cipher spec 'x'", 'ssh arguments'),
        ('Cannot execute command-line and remote command.', 'config', 'remote command', 'ssh_config'),
        (
            'WARNING: Your password has expired.\nPassword change required but no TTY available.',
            'auth',
            'password has expired',
            'by hand',
        ),
        (
            'SVCFW-NO-PYTHON: tried python3(2.7) /usr/bin/python3',
            'nopython',
            'tried python3(2.7) /usr/bin/python3',
            'Install Python',
        ),
    ],
)
@pytest.mark.parametrize('line_end', ['\n', '\r\n'])
def test_what_ssh_says_at_its_end(said: str, kind: str, in_cause: str, in_remedy: str, line_end: str) -> None:
    talk = dialogue(None)
    noise = 'Authorized use only!\n\ndebug1: Permission denied (nothing).\n'
    talk.receive(STDERR, (noise + said.replace('\r', '') + '\n').replace('\n', line_end).encode())
    error = talk.ended(255)
    assert error.kind == kind
    assert error.host == 'web1'
    assert in_cause in error.cause
    assert not error.cause.endswith('.')
    assert in_remedy in error.remedy
    assert error.remedy[0].isupper()


class TestOtherEndings:
    def test_a_login_that_may_not_run_commands(self) -> None:
        talk = dialogue()
        talk.receive(STDOUT, b'This account is currently not available.\n')
        error = talk.ended(1)
        assert error.kind == 'died'
        assert 'may not run commands' in error.cause

    def test_the_last_words_are_quoted_in_a_printable_form(self) -> None:
        talk = dialogue()
        talk.receive(STDERR, b'something\n\x1b[31mbad \xff happened\x07' + b'x' * 1000 + b'\n\n')
        error = talk.ended(3)
        assert error.kind == 'died'
        assert 'status 3' in error.cause
        assert 'bad \ufffd happened' in error.cause
        assert error.cause.isprintable()
        assert len(error.cause) < 400

    def test_silence(self) -> None:
        assert 'without output' in dialogue().ended(255).cause

    def test_whose_status_it_is(self) -> None:
        assert dialogue().ended(255).cause.startswith('ssh ended')
        assert dialogue().ended(126).cause.startswith('the shell or Python on the host ended')

    def test_a_signal(self) -> None:
        assert 'signal 9' in dialogue().ended(-9).cause

    def test_a_time_out_tells_what_was_said_last(self) -> None:
        talk = dialogue()
        talk.receive(TTY, b'Confirm user presence for key ED25519-SK SHA256:x\r\n')
        error = talk.timed_out(10)
        assert error.kind == 'timeout'
        assert '10 s' in error.cause
        assert 'Confirm user presence' in error.cause

    def test_a_refused_password_is_told_from_a_refused_key(self) -> None:
        talk = dialogue()
        talk.receive(TTY, PROMPT)
        talk.receive(STDERR, b'bob@web1: Permission denied (publickey,password).\r\n')
        assert 'the password was refused' in talk.ended(255).cause

    def test_what_is_kept_is_bounded(self) -> None:
        talk = dialogue()
        for _ in range(100):
            talk.receive(STDERR, b'chatter ' * 1000)
            talk.receive(TTY, b'chatter ' * 1000)
        assert all(len(text) <= MAX_KEPT_CHARS for text in [*talk._kept.values(), talk._prompt])

    @pytest.mark.parametrize(
        'text', ['chatter ', 'code ', 'password', ':', 'a@', 'line 1: ', 'Connection ', 'Offending \n']
    )
    def test_no_text_takes_long(self, text: str) -> None:
        talk = dialogue()
        data = (text * MAX_KEPT_CHARS)[:MAX_KEPT_CHARS].encode()
        for _ in range(20):
            talk.receive(TTY, data)
            talk.receive(STDERR, data)
        talk.ended(255)

    def test_a_server_cannot_give_advice(self) -> None:
        talk = dialogue()
        talk.receive(STDERR, b'  remove with:\n  rm -rf $HOME\n' + CHANGED.partition('  remove')[0].encode())
        talk.receive(STDERR, b'Host key verification failed.\n')
        assert 'rm' not in talk.ended(255).remedy.partition(': ')[2].split()

    def test_a_local_child_has_words_of_its_own(self) -> None:
        talk = LoginDialogue('localhost', messages.LOCAL)
        talk.receive(STDERR, b'SVCFW-NO-PYTHON: tried /usr/bin/python2(2.7)\n')
        assert talk.ended(1).kind == 'nopython'


def test_the_account_is_named_where_ssh_has_chosen_it() -> None:
    refusal = b'bob@web1: Permission denied (publickey).\n'
    for user, cause in ((None, 'the server accepts publickey (as bob)'), ('bob', 'the server accepts publickey')):
        talk = dialogue(password=None, user=user)
        talk.receive(STDERR, refusal)
        assert talk.ended(255).cause.endswith(cause)


class TestDebugging:
    SAID = (
        'OpenSSH_9.2p1 Debian-2\n'
        'debug1: Reading configuration data /etc/ssh/ssh_config\r\n'
        'debug2: match not found\r\n'
        'Authenticated to web1 ([192.0.2.1]:22) using "publickey".\r\n'
    )
    LEFT = 'Transferred: sent 2492, received 2828 bytes, in 0.1 seconds\r\nBytes per second: sent 1, received 2\r\n'

    def test_all_of_it_is_there_for_who_asked_for_it(self) -> None:
        talk = dialogue()
        talk.receive(STDERR, self.SAID.encode())
        assert talk.said == self.SAID.replace('\r', '')

    def test_no_more_than_a_link_should_hold(self) -> None:
        talk = dialogue()
        for _ in range(100):
            talk.receive(STDERR, b'debug1: again\n' * 100)
        assert len(talk.said) <= MAX_SAID_CHARS

    def test_none_of_it_is_taken_for_a_reason(self) -> None:
        talk = dialogue()
        talk.receive(STDERR, (self.SAID + self.LEFT).encode())
        assert talk.ended(255).cause == 'ssh ended with status 255 without output'

    def test_the_reason_is_found_in_the_middle_of_it(self) -> None:
        talk = dialogue(password=None)
        talk.receive(STDERR, f'{self.SAID}bob@web1: Permission denied (publickey).\r\n{self.LEFT}'.encode())
        assert talk.ended(255).kind == 'auth'


def test_an_answered_prompt_is_no_part_of_what_follows_it() -> None:
    # A terminal that does not echo shows no line end for what is typed.
    talk = dialogue()
    talk.receive(TTY, b'Password: ')
    talk.receive(TTY, b'Your account is locked.\n')
    assert talk.ended(1).cause.endswith('its last output: Your account is locked.')
