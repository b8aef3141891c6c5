import errno
import os

import pytest

from svcfw.transport import failures


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize('number', [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOSPC])
def test_what_has_run_out_is_the_cause(number: int) -> None:
    found = failures.cannot_run('web1', 'ssh', error(number), 'Install it.')
    assert failures.is_exhausted(error(number))
    assert found.kind == 'busy'
    assert found.cause.startswith(f'cannot start ssh: on {os.uname().nodename} ')
    assert found.remedy
    assert 'Install' not in found.remedy


@pytest.mark.parametrize('number', [errno.ENOENT, errno.EACCES, errno.ENOEXEC])
def test_else_it_is_the_program(number: int) -> None:
    found = failures.cannot_run('web1', 'ssh', error(number), 'Install it.', 'nopython')
    assert not failures.is_exhausted(error(number))
    assert (found.kind, found.cause, found.remedy) == (
        'nopython',
        f'cannot run ssh: {os.strerror(number)}',
        'Install it.',
    )
