"""Links: the way to a login's context, as a client names it."""

from typing import Any

from svcfw.core.wire.codec import Codec
from svcfw.core.wire.errors import DecodeError
from svcfw.transport.spec import Spec


def spec(link: bytes, timeout_s: float, environment: dict[str, str], python: str | None, verbosity: int) -> Spec:
    """What a transport is to start for a link. Raises DecodeError for a malformed one, StartError.

    environment: the client's; the link's own goes before. python: Spec.modules_python.
    """
    fields: dict[str, Any] = Codec().decode(link)
    if type(fields) is not dict or type(fields.get('env')) is not dict:
        raise DecodeError('that is no link')
    fields['env'] = {**environment, **fields['env']}
    fields.pop('set_by_config', None)  # ssh reads it itself
    fields.pop('agent', None)  # its keys count, not its socket
    fields.pop('spoken_to', None)  # the verbosity says it
    return Spec(timeout_s=timeout_s, modules_python=python, verbosity=verbosity, **fields)
