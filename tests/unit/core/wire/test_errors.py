import copy
import pickle

import pytest

from svcfw.core.wire import errors
from svcfw.core.wire.errors import CallError, StartError
from svcfw.core.wire.values import Secret


def test_one_tree():
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(cls, errors.Error) for cls in classes)


def test_call_error_shows_all_three():
    assert str(CallError('os.Thing', 'went wrong', 'Traceback: ...')) == 'os.Thing: went wrong\nTraceback: ...'
    assert str(CallError('os.Thing', 'went wrong')) == 'os.Thing: went wrong'


def test_call_error_holds_plain_text_only():
    error = CallError(int, 5, None)
    assert list(map(type, error.args)) == [str, str, str]


def test_start_error_says_where_what_and_what_to_do():
    error = StartError('auth', 'web1', 'the password was refused', 'Check ansible_password.')
    assert str(error) == 'web1: the password was refused. Check ansible_password.'
    assert str(StartError('died', 'web1', 'it ended')) == 'web1: it ended'


@pytest.mark.parametrize('error', [CallError('a', 'b', 'c'), StartError('died', 'h', 'c', 'r')])
def test_errors_can_be_copied(error):
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert vars(twin) == vars(error)


def test_a_secret_does_not_show_itself():
    secret = Secret('hunter2')
    for text in (
        repr(secret),
        repr([secret]),
        f'{secret}',
        f'{secret:>20}',
        f'{secret!r}',
        str({'p': secret}),
        str(secret),
        '%s' % secret,  # noqa: UP031 - as logging does
    ):
        assert 'hunter2' not in text
    assert secret.reveal() == 'hunter2'
    assert type(secret.reveal()) is str
    assert secret == 'hunter2'
    assert type(secret + '') is str
