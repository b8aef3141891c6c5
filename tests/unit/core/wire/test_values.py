"""A secret does not show itself, and is what it is where it is asked."""

import copy
import pickle

import pytest

from svcfw.core.wire.values import Secret

SECRET = Secret('hunter2')


@pytest.mark.parametrize(
    'shown',
    [str(SECRET), repr(SECRET), f'{SECRET}', f'{SECRET!r}', f'{SECRET:>20}', repr([SECRET]), repr({'a': SECRET})],
)
def test_it_is_not_shown(shown: str) -> None:
    assert 'hunter2' not in shown
    assert '<secret>' in shown


def test_its_value_is_plain_text() -> None:
    assert SECRET.reveal() == 'hunter2'
    assert type(SECRET.reveal()) is str
    assert type(SECRET + '') is str
    assert type(SECRET.upper()) is str


def test_it_is_the_text_elsewhere() -> None:
    assert SECRET == 'hunter2'
    assert hash(SECRET) == hash('hunter2')
    assert {SECRET: 1}['hunter2'] == 1
    assert (len(SECRET), SECRET[:6], SECRET.encode()) == (7, 'hunter', b'hunter2')


def test_copies_are_secrets() -> None:
    for made in (copy.copy(SECRET), copy.deepcopy(SECRET), pickle.loads(pickle.dumps(SECRET))):
        assert (type(made), made.reveal()) == (Secret, 'hunter2')
