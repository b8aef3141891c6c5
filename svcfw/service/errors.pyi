from svcfw.core.calls.caller import RefusedError as RefusedError
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

class PoolError(Error): ...
class TransferError(Error): ...
class CacheFolderError(Error): ...
class ManifestError(Error): ...

def transfer_error(error: BaseException) -> TransferError: ...
def refusal(reason: object) -> CallError: ...
