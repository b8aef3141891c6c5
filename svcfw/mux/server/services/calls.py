"""OpenCalls: calls of services that were forwarded and are not answered yet. No I/O; loop thread only."""

from typing import NamedTuple

from svcfw.core.wire.errors import ChannelError

#: Most calls of one module, and of a whole run; most bytes of one module's calls, which are kept in memory.
MAX_OF_ONE, MAX_OF_ALL = 1000, 20000
MAX_BYTES_OF_ONE = 64 * 1024 * 1024

#: The id of a module's context, and its handle for the answer.
Key = tuple[int, int]


class _Call(NamedTuple):
    service: str
    what: str
    size: int


class OpenCalls:
    """Of one run."""

    def __init__(self) -> None:
        self._calls: dict[Key, _Call] = {}
        self._of: dict[int, list[int]] = {}  # by module: how many, and of how many bytes

    def are_open(self, service: str) -> bool:
        """Whether a call of this service is under way."""
        return any(call.service == service for call in self._calls.values())

    def add(self, key: Key, service: str, method: str, size: int) -> None:
        """Record a call. Raises ChannelError if there are too many."""
        what = f'{service}.{method}'
        count, total = self._of.get(key[0], (0, 0))
        if key in self._calls or not key[1]:
            raise ChannelError(f'{what}: it has no handle of its own for the answer')
        if count >= MAX_OF_ONE or len(self._calls) >= MAX_OF_ALL or total + size > MAX_BYTES_OF_ONE:
            raise ChannelError(f'{what}: {count} calls of this module with {total} bytes are under way already')
        self._calls[key] = _Call(service, what, size)
        self._of[key[0]] = [count + 1, total + size]

    def service_of(self, key: Key) -> str | None:
        """Whose call it is, if it is open."""
        call = self._calls.get(key)
        return None if call is None else call.service

    def remove(self, key: Key) -> None:
        """Forget a call that is answered or cancelled. Idempotent."""
        call = self._calls.pop(key, None)
        if call is not None:
            of_module = self._of[key[0]]
            of_module[0] -= 1
            of_module[1] -= call.size
            if not of_module[0]:
                del self._of[key[0]]

    def drop(self, context_id: int) -> dict[int, str]:
        """Remove the calls of a module; returns {handle: service and method}."""
        if context_id not in self._of:
            return {}
        dropped = {key: call.what for key, call in self._calls.items() if key[0] == context_id}
        for key in dropped:
            self.remove(key)
        return {handle: what for (_, handle), what in dropped.items()}

    def take(self, service: str) -> dict[Key, str]:
        """Remove the calls of a service; returns {key: service and method}."""
        taken = {key: call.what for key, call in self._calls.items() if call.service == service}
        for key in taken:
            self.remove(key)
        return taken
