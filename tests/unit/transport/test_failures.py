import errno
import os

import pytest

from svcfw.core.wire.errors import StartError
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


def test_an_error_that_is_kept_keeps_nothing_else() -> None:
    secret = object()

    def start(environment: object) -> None:
        try:
            raise error(errno.ENOENT)
        except OSError as exc:
            raise failures.cannot_run('web1', 'ssh', exc, '') from exc

    with pytest.raises(StartError) as caught:
        start(secret)
    kept = failures.forget_origin(caught.value)
    assert kept is caught.value
    assert (kept.__traceback__, kept.__cause__, kept.__context__) == (None, None, None)
    assert kept.kind == 'option'
