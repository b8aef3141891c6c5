"""A command is known by exact match with what was recorded, bare or wrapped as core wraps it."""

import shlex

import pytest

from svcfw.ansible.recorded import _MAX_TEXTS, Recorded

SHELLS = ('/bin/sh', '/bin/bash')


@pytest.fixture
def recorded() -> Recorded[str]:
    made: Recorded[str] = Recorded(lambda text, other: f'{text} && {other}')
    made.put('mkdir x', 'make')
    return made


@pytest.mark.parametrize(
    'cmd',
    [
        'mkdir x',
        "/bin/sh -c 'mkdir x'",
        "/bin/bash -c 'mkdir x'",
        "/bin/sh -c 'mkdir x && sleep 0'",
    ],
)
def test_the_forms_in_which_it_comes_back(recorded: Recorded[str], cmd: str) -> None:
    assert recorded.find(cmd, SHELLS) == 'make'


@pytest.mark.parametrize(
    'cmd',
    [
        'mkdir x ',
        'mkdir x; rm -rf y',
        "/bin/zsh -c 'mkdir x'",
        "/bin/sh -c 'mkdir x && sleep 1'",
        "/bin/sh -c 'mkdir x' y",
        "FOO=1 /bin/sh -c 'mkdir x'",
        '/bin/sh -c mkdir x',
    ],
)
def test_nothing_else_is_it(recorded: Recorded[str], cmd: str) -> None:
    assert recorded.find(cmd, SHELLS) is None


def test_quotes_in_it_are_kept(recorded: Recorded[str]) -> None:
    text = 'echo \'a b\' "$HOME"'
    recorded.put(text, 'echo')
    assert recorded.find(f'/bin/sh -c {shlex.quote(text)}', SHELLS) == 'echo'


def test_the_last_meaning_counts(recorded: Recorded[str]) -> None:
    recorded.put('mkdir x', 'make again')
    assert recorded.find('mkdir x', SHELLS) == 'make again'
    recorded.forget('mkdir x')
    recorded.forget('mkdir x')
    assert recorded.find('mkdir x', SHELLS) is None


def test_only_the_last_few_are_kept(recorded: Recorded[str]) -> None:
    for n in range(_MAX_TEXTS):
        recorded.put(f'other {n}', 'other')
    assert recorded.find('mkdir x', SHELLS) is None
    assert recorded.find('other 0', SHELLS) == 'other'


def test_a_shell_that_appends_nothing() -> None:
    made: Recorded[str] = Recorded(None)
    made.put('mkdir x', 'make')
    assert made.find("/bin/sh -c 'mkdir x'", SHELLS) == 'make'
    assert made.find("/bin/sh -c 'mkdir x && sleep 0'", SHELLS) is None
