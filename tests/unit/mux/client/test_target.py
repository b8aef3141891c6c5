"""Targets hold passwords: they show none of them."""

from typing import Any

from svcfw.mux.client.target import Become, DeferredError, Result, Target


def test_no_password_is_shown() -> None:
    dialogue: Any = None
    become = Become(b'secret key', dialogue, has_password=True)
    for shown in (repr(become), str(become), repr(Target(b'secret link', become)), repr([Target(b'secret link')])):
        assert 'secret' not in shown


def test_equal_keys_are_equal_targets() -> None:
    dialogue: Any = None
    assert Target(b'l', Become(b'k', dialogue)) == Target(b'l', Become(b'k', dialogue))
    assert Target(b'l', Become(b'k', dialogue)) != Target(b'l', Become(b'other', dialogue))


def test_a_deferred_failure_says_which_it_was() -> None:
    error = DeferredError('put_file', '/x', 1, 'No space left on device')
    assert (error.op, error.cause) == ('put_file', 'No space left on device')
    assert str(error) == 'put_file: No space left on device'
    assert Result(3, b'out', b'err').rc == 3
