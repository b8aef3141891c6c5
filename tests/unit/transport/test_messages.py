"""The tables themselves: each row can be reached, in this order, and says only what its pattern has found."""

import string

import pytest

from svcfw.boot import first_stage
from svcfw.core.wire.errors import START_KINDS
from svcfw.transport import messages

FAULTS = {row[0].pattern: row for language in (messages.SSH, messages.LOCAL) for row in language.faults}

# The program's words, and the beginning of the cause that is made of them; in the order of the table, one for each row.
SAID = [
    (f'{first_stage.NO_PYTHON}: tried python3(status 2)', 'no program can be started there'),
    (f'{first_stage.NO_PYTHON}: tried python3(2.7)', 'no Python 3.6 or newer found there; tried python3(2.7)'),
    (f'{first_stage.BAD_PYTHON}: /opt/python(3.5)', 'the Python to use there, /opt/python, has version 3.5'),
    (f'{first_stage.BAD_PYTHON}: /opt/python(status 127)', 'the Python to use there, /opt/python, does not start'),
    (f'{first_stage.BAD_PYTHON}: /opt/python', 'the Python to use there, /opt/python, is not there'),
    ('Offending RSA key in /k:1\nHost key verification failed.', 'its host key differs from the one in /k:1'),
    ('REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.', 'its host key has changed'),
    (
        'Password authentication is disabled to avoid man-in-the-middle attacks.\nbob@a: Permission denied (password).',
        'its host key has changed, so ssh did not',
    ),
    ('The RSA host key for a is marked as revoked.', 'its host key is marked as revoked'),
    ('No RSA host key is known for a\nHost key verification failed.', 'its RSA host key is unknown'),
    ('Host key verification failed.', 'its host key could not be verified'),
    ('Your password has expired', 'the password has expired'),
    ('Too many authentication failures\nPermission denied (publickey).', 'too many keys were offered'),
    ('Could not resolve hostname a: Name or service not known', 'the name a has no address (Name or service'),
    ('connect to host a port 22: Connection timed out', 'no answer within'),
    ('connect to address ::1 port 22: Connection refused', 'port 22 of ::1 cannot be reached (Connection refused)'),
    ('bob@a: Permission denied (publickey,password).', 'login refused; the server accepts publickey,password'),
    ('Unable to negotiate with a: no matching cipher found', 'ssh here and the server have no algorithm in common'),
    ('/etc/ssh/x: line 3: Bad configuration option: y', 'ssh does not accept its settings: /etc/ssh/x: line 3'),
    ('stdio forwarding failed\nConnection closed by 192.0.2.1 port 22', 'the connection by way of a jump host'),
    ('Connection reset by 192.0.2.1 port 22', 'the server hung up before the login (Connection reset by'),
    ('This account is currently not available.', 'the account may not run commands: This account'),
]


def first(faults: list, text: str) -> tuple[int, str]:
    """(number of the row that explains `text`, its cause)"""
    for number, (pattern, _, cause, _) in enumerate(faults):
        found = pattern.search(text)
        if found:
            return number, cause.format(**found.groupdict())
    raise AssertionError(f'nothing explains {text!r}')


@pytest.mark.parametrize(('number', 'text', 'cause'), [(number, *said) for number, said in enumerate(SAID)])
def test_each_row_is_the_first_for_some_words(number: int, text: str, cause: str) -> None:
    found, words = first(messages.SSH.faults, text)
    assert (found, words[: len(cause)]) == (number, cause)


def test_there_are_words_for_every_row() -> None:
    assert len(SAID) == len(messages.SSH.faults)


@pytest.mark.parametrize('row', FAULTS.values(), ids=lambda row: row[2][:30])
def test_a_row_names_what_its_pattern_finds_and_a_kind_that_there_is(row: tuple) -> None:
    pattern, kind, cause, remedy = row
    assert kind in START_KINDS
    named = {name for text in (cause, remedy) for _, name, _, _ in string.Formatter().parse(text) if name}
    assert named <= {*pattern.groupindex, 'command'}
    assert not cause.endswith('.')
    assert remedy.endswith(('.', '{command}'))


def test_a_local_child_fails_for_what_the_first_stage_says_and_nothing_else() -> None:
    assert {row[1] for row in messages.LOCAL.faults} == {'busy', 'nopython'}
    for text, cause in SAID[:5]:
        assert first(messages.LOCAL.faults, text)[1].startswith(cause)
    for text, _ in SAID[5:]:
        assert not any(row[0].search(text) for row in messages.LOCAL.faults), text


@pytest.mark.parametrize(
    ('line', 'kind', 'what'),
    [
        ('Are you sure you want to continue connecting (yes/no)? ', messages.HOST_KEY, None),
        ("Please type 'yes', 'no' or the fingerprint: ", messages.HOST_KEY, None),
        ("Enter passphrase for key '/k/id password': ", messages.PASSPHRASE, '/k/id password'),
        ('Enter PIN for ECDSA-SK key /k/code: ', messages.PIN, 'ECDSA-SK key /k/code'),
        ('Current password: ', messages.CHANGE, 'Current password'),
        ('One-time password: ', messages.CODE, 'One-time password'),
        ("bob@a's password: ", messages.PASSWORD, 'bob@a'),
        ('(bob@a) Password:', messages.PASSWORD, 'bob@a'),
        ('Password: ', messages.PASSWORD, None),
        ('Favourite colour? ', messages.OTHER, 'Favourite colour'),
        ('Welcome to a.', None, None),
    ],
)
def test_the_first_kind_of_prompt_that_fits(line: str, kind: str | None, what: str | None) -> None:
    found = [(each, pattern.match(line)) for pattern, each in messages.SSH.prompts]
    fitting = [(each, match.groupdict().get('what')) for each, match in found if match]
    assert fitting[:1] == ([] if kind is None else [(kind, what)])
    assert messages.LOCAL.prompts == []


@pytest.mark.parametrize(
    ('advice', 'command'),
    [
        ('ssh-keygen -f "/home/b b/.ssh/known_hosts" -R "[a]:22"', True),
        ('ssh-keygen -f "/k" -R "a"; rm -rf /', False),
        ('ssh-keygen -f "/k" -R "$(id)"', False),
        ('ssh-keygen -f "/k$(id)" -R "a"', False),
        ('rm -f "/k"', False),
    ],
)
def test_only_a_plain_removal_is_taken_for_advice(advice: str, command: bool) -> None:
    found = messages.REMOVE_KEY.search(f'  remove with:\n  {advice}\nmore')
    assert (found and found.group(1)) == (advice if command else None)
