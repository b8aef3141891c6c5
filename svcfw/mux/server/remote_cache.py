"""RemoteCache: remote cache of one agent: modules and file contents that it holds, so that each is sent once.

The agent of a child context gets them from the login account's agent: what both need crosses the link to their host
once.
"""

import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from svcfw.agent import ops
from svcfw.agent.requests import Content as ContentPart
from svcfw.agent.requests import Drop, Forget, Members, Pass, Request
from svcfw.mux.server.members import Content
from svcfw.mux.server.turns import LinkTurns

#: Beyond this size of modules the agent is told to forget all first.
MAX_MEMBER_BYTES = 64 * 1024 * 1024
#: Beyond this size of file contents the agent is told to drop the least recently used.
MAX_CONTENT_BYTES = 16 * 1024 * 1024
#: Modules in one message: later messages need not wait for all.
MEMBERS_BYTES = 1024 * 1024
#: Large files that an agent may still have; the agent is asked whether it has.
MAX_LARGE = 64

#: Batches whose packed form is kept: hosts that go through the same tasks lack the same.
MAX_PACKED = 32

#: tell(request): sends one without answer.
Tell = Callable[[Request], None]


def batches(members: Iterable[Content]) -> Iterator[list[Content]]:
    """The members that are sent in one message each."""
    batch: list[Content] = []
    batch_bytes = 0
    for digest, content in members:
        batch.append((digest, content))
        batch_bytes += len(content)
        if batch_bytes >= MEMBERS_BYTES:
            yield batch
            batch, batch_bytes = [], 0
    if batch:
        yield batch


@lru_cache(MAX_PACKED)
def packed(batch: tuple[Content, ...]) -> Members:
    """The request with these. Packing takes 10 ms for a first module's, which are a quarter of their size then."""
    sizes = [(digest, len(content)) for digest, content in batch]
    return Members(sizes, zlib.compress(b''.join(each[1] for each in batch)))


def pack_ahead(members: Sequence[Content]) -> None:
    """Have what a new agent will be sent packed by then."""
    for batch in batches(dict(members).items()):
        packed(tuple(batch))


class RemoteCache:
    """What one agent holds.

    flow: the link to its host. above: that of the agent that relays to this one, under the id `context_id()`.
    """

    def __init__(
        self,
        tell: Tell,
        flow: LinkTurns,
        above: 'RemoteCache | None' = None,
        context_id: Callable[[], int] | None = None,
    ) -> None:
        self.tell = tell
        self._flow = flow
        self._above = above
        self._context_id = context_id
        self._members: set[bytes] = set()
        self._member_bytes = 0
        self._contents: OrderedDict[bytes, int] = OrderedDict()
        self._arriving: dict[bytes, list[Callable[[], None]]] = {}
        self._large: OrderedDict[bytes, int] = OrderedDict()

    # -- modules

    def members(self, members: Sequence[Content]) -> None:
        """Send what the agent lacks of a module's (digest, content), before the request that needs them."""
        lacking = self._lacking(members)
        if self._member_bytes + sum(map(len, lacking.values())) > MAX_MEMBER_BYTES:
            self.tell(Forget())
            self._members.clear()
            self._member_bytes = 0
            lacking = self._lacking(members)
        for batch in batches(lacking.items()):
            self._give_members(batch)
        self._members.update(lacking)
        self._member_bytes += sum(map(len, lacking.values()))

    def _lacking(self, members: Sequence[Content]) -> dict[bytes, bytes]:
        return {digest: content for digest, content in members if digest not in self._members}

    def _give_members(self, batch: list[Content]) -> None:
        if self._above is None:
            self.tell(packed(tuple(batch)))
        else:
            self._above.members(batch)
            self._pass_on(ops.MEMBERS, [digest for digest, _ in batch])

    def _pass_on(self, kind: str, digests: list[bytes]) -> None:
        assert self._above is not None
        assert self._context_id is not None
        self._above.tell(Pass(self._context_id(), kind, digests))

    # -- contents of files, of at most ops.HELD_BYTES

    def content(self, digest: bytes, content: bytes, then: Callable[[], None]) -> None:
        """Have the agent hold a content; then call back, perhaps at once: it has been sent, and stays for a while.

        Operations sent within the callback find it there.
        """
        if digest in self._arriving:
            self._arriving[digest].append(then)
            return
        if digest in self._contents:
            self._contents.move_to_end(digest)
            then()
            return
        self._arriving[digest] = [then]
        if self._above is None:
            self._send_part(digest, content, 0)
        else:
            self._above.content(digest, content, lambda: self._passed(digest, len(content)))

    def _send_part(self, digest: bytes, content: bytes, start: int) -> None:
        def send() -> None:
            end = start + self._flow.chunk_bytes()
            self.tell(ContentPart(digest, content[start:end], end >= len(content)))
            if end < len(content):
                self._send_part(digest, content, end)
            else:
                self._is_there(digest, len(content))

        self._flow.when_room(send)

    def _passed(self, digest: bytes, size: int) -> None:
        self._pass_on(ops.CONTENT, [digest])
        self._is_there(digest, size)

    def _is_there(self, digest: bytes, size: int) -> None:
        self._contents[digest] = size
        waiting = self._arriving.pop(digest)
        for then in waiting:
            then()
        self._drop_beyond(MAX_CONTENT_BYTES)

    def doubt(self) -> None:
        """A held content could not be used: send all contents again."""
        self._drop_beyond(0)

    def _drop_beyond(self, maximum: int) -> None:
        dropped = []
        while self._contents and sum(self._contents.values()) > maximum:
            dropped.append(self._contents.popitem(last=False)[0])
        if dropped:
            self.tell(Drop(dropped))

    def kept_bytes(self) -> int:
        """Of modules and contents of small files that the agent holds, as far as is known here."""
        return self._member_bytes + sum(self._contents.values())

    # -- large files

    def was_put(self, digest: bytes, size: int) -> None:
        """A large file has been sent; the agent may keep it."""
        self._large[digest] = size
        self._large.move_to_end(digest)
        if len(self._large) > MAX_LARGE:
            self._large.popitem(last=False)

    def large(self, size: int) -> list[bytes]:
        """The digests of large files of this size that the agent may still have."""
        return [digest for digest, each in self._large.items() if each == size]

    def was_missing(self, digest: bytes) -> None:
        """The agent does not have that large file any more."""
        self._large.pop(digest, None)
