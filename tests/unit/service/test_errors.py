"""Errors of files and refusals, as a caller elsewhere hears of them."""

import pytest

from svcfw.core.calls.caller import REFUSED
from svcfw.service.errors import RefusedError, TransferError, refusal, transfer_error


def test_an_error_of_the_system_says_its_cause_alone() -> None:
    error = transfer_error(FileNotFoundError(2, 'No such file or directory', '/secret/path'))
    assert type(error) is TransferError
    assert str(error) == 'No such file or directory'


def test_others_say_what_they_are() -> None:
    assert str(transfer_error(ValueError('embedded null byte'))) == 'ValueError: embedded null byte'


def test_one_that_is_one_stays_the_same() -> None:
    error = TransferError('checksum mismatch')
    assert transfer_error(error) is error


@pytest.mark.parametrize('reason', [RefusedError('it may not'), ValueError('it may not'), 'it may not'])
def test_a_refusal_is_known_by_its_type(reason: object) -> None:
    error = refusal(reason)
    assert (error.typename, error.message) == (REFUSED, 'it may not')
