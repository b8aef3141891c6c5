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
    """Misuse of a pool: a second one on a router, two services of one name, use after the end."""


class TransferError(Error):
    """A file transfer failed; the destination is unchanged. The message names file, cause and remedy.

    A remote caller gets it as a CallError with this type's name.
    """


class CacheFolderError(Error):
    """A folder is not safe to cache contents in; the message names it and the reason."""


class ManifestError(Error):
    """Malformed manifest from a peer: contradicts itself, or names a path outside of the folder."""


def transfer_error(error):
    """Translate an OSError or ValueError of a file into a TransferError; the caller adds the file's name."""
    if isinstance(error, TransferError):
        return error
    return TransferError(getattr(error, 'strerror', None) or '%s: %s' % (type(error).__name__, error))


def refusal(reason):
    """The CallError that reports a RefusedError (or `reason`, an error or text, as one) to a remote caller."""
    return CallError(REFUSED, reason.reason if isinstance(reason, RefusedError) else str(reason))
