"""Errors of the service framework."""

from svcfw.core.calls.caller import REFUSED, RefusedError
from svcfw.core.wire.errors import CallError, Error

__all__ = [
    'CacheFolderError',
    'ManifestError',
    'PoolError',
    'RefusedError',
    'TransferError',
    'refusal',
    'transfer_error',
]


class PoolError(Error):
    """A pool was used in a way that it cannot be: two on one router, two services of a name, use after the end."""


class TransferError(Error):
    """A file was not transferred; what was there before is as it was. The message names file, cause and remedy.

    The caller elsewhere gets a CallError with this type's name.
    """


class CacheFolderError(Error):
    """A folder that contents cannot be kept in safely; the message names it and says why."""


class ManifestError(Error):
    """What a peer says of a folder cannot be so, or would lead outside of it."""


def transfer_error(error):
    """The TransferError for what went wrong with a file, whose name the message need not repeat."""
    if isinstance(error, TransferError):
        return error
    return TransferError(getattr(error, 'strerror', None) or '%s: %s' % (type(error).__name__, error))


def refusal(reason):
    """The CallError that tells a caller elsewhere of a RefusedError, or of another error or text as if it were one."""
    return CallError(REFUSED, reason.reason if isinstance(reason, RefusedError) else str(reason))
