"""Desk: receives the calls of modules, checks that their offers permit them, and forwards them.

Its threads serve files; calls of users' services go to their processes. Everything but file transfers runs on the loop
thread. Created when the first module becomes a context.
"""

from svcfw.core import beside, handles
from svcfw.core.message import Message, shaped
from svcfw.core.parent.relay import relay_of
from svcfw.core.stream import Stream
from svcfw.core.wire.errors import ChannelError, DecodeError, Error
from svcfw.core.wire.frames import Frame
from svcfw.files.transfers import INLINE_BYTES
from svcfw.mux.server.services.files import FILES, ControllerFiles
from svcfw.mux.server.services.linked import Linked
from svcfw.mux.server.services.run import Runs
from svcfw.mux.server.services.uploads import Uploads
from svcfw.program.router import Router
from svcfw.service.errors import RefusedError, refusal
from svcfw.service.pool import Pool

#: Threads for files; each transfer borrows one for a few messages at a time.
POOL_SIZE = 4
#: Files that services may let one module have.
MAX_FILES = 10000
#: Requests for files hold a path, some numbers and perhaps a small content, and wait in memory.
MAX_REQUEST_BYTES = 16 * 1024 + INLINE_BYTES


class Desk(Pool):
    """The pool of the multiplexer. linked: {id of a module's context: Linked}."""

    def __init__(self, router: Router, runs: Runs) -> None:
        self.linked: dict[int, Linked] = {}
        #: {id: reason} of contexts that are still connected and whose permissions have ended.
        self._unlinked: dict[int, str] = {}
        self._runs = runs
        files = ControllerFiles(router, self._granted, self._uploads)
        super().__init__(router, services=[files], size=POOL_SIZE)
        router.add_handler(self._on_beside, beside.BESIDE)
        router.add_handler(self._on_line, beside.SERVICE_LINE)
        router.add_handler(self._on_file, beside.SERVICE_FILE)
        relay_of(router).passes = self._passes

    # -- contexts of modules

    def link(self, context_id: int, linked: Linked) -> None:
        """Register the context that a module has become."""
        self.linked[context_id] = linked
        self.router.on_gone(self.router.context(context_id), lambda reason: self._gone(context_id, reason))

    def unlink(self, context_id: int, reason: str) -> None:
        """End the permissions of a context; its later calls fail with this reason. Idempotent."""
        linked = self.linked.pop(context_id, None)
        if linked is not None:
            self._unlinked[context_id] = reason
            linked.run.lost(context_id, reason)
            linked.on_unlink()

    def _gone(self, context_id: int, reason: str) -> None:
        self.unlink(context_id, reason)
        self._unlinked.pop(context_id, None)

    # -- calls

    def accept(self, msg: Message, arrived: float | None = None) -> None:
        """As Pool.accept for files; other calls are forwarded to the services of the run."""
        if msg.is_dead:
            return
        try:
            name, method = _envelope(msg)
            if name == FILES:
                if not self._granted(msg.src_id) and self._uploads(msg.src_id) is None:
                    raise RefusedError('this host may not have it: nothing is in ansible_svcfw_files here')
                if len(msg.frame.payload) > MAX_REQUEST_BYTES:
                    raise RefusedError(f'a request of {len(msg.frame.payload)} bytes is none for files')
                super().accept(msg, arrived)
            else:
                self._pass_on_call(msg, name, method)
        except ChannelError as exc:
            msg.refuse(str(exc))
        except Error as exc:
            msg.fail(refusal(exc))

    def _pass_on_call(self, msg: Message, name: str, method: str) -> None:
        if msg.src_id in self._unlinked:
            raise ChannelError(f'{name}.{method}: {self._unlinked[msg.src_id]}')
        linked = self.linked.get(msg.src_id)
        if linked is None or msg.auth_id != msg.src_id or name not in linked.offer.services:
            raise RefusedError(
                f'{name} is not activated, and the caller is no parent: ansible_svcfw_services does not name it here'
            )
        linked.run.call(linked.offer, msg.frame, name, method)

    def cancel(self, msg: Message) -> None:
        super().cancel(msg)
        linked = self.linked.get(msg.src_id)
        if linked is not None and not msg.is_dead and msg.auth_id == msg.src_id:
            reply_to = msg.small_value()
            if type(reply_to) is int:
                linked.run.cancel(msg.src_id, reply_to, msg.frame.payload)

    def _on_beside(self, msg: Message) -> None:
        """Forward what a module sends to a handle of a service, which it has from a Sender."""
        linked = self.linked.get(msg.src_id)
        if msg.is_dead or linked is None or msg.auth_id != msg.src_id:
            return
        context_id, handle, flags, payload = shaped(msg.small_value(), (int, int, int, bytes))
        host = linked.run.host_of(context_id)
        if handle < handles.FIRST_DYNAMIC or host is None:
            self.unlink(msg.src_id, 'it has sent something to what is no handle of a service')
            return
        try:
            linked.run.send(host, msg.src_id, handle, flags, payload)
        except ChannelError as exc:
            self.unlink(msg.src_id, str(exc))  # else the module would not notice the loss

    def _passes(self, source: Stream, frame: Frame) -> bool:
        """Relay.passes: whether `frame` is from a service for a module of its run, which is then forwarded."""
        linked = self.linked.get(frame.dst)
        if linked is None or frame.handle < handles.FIRST_DYNAMIC:
            return False
        if linked.run.host_of(frame.src) is None or self.router.link_for(frame.src) is not source:
            return False
        linked.run.answer(frame)
        return True

    # -- the rest

    def _on_line(self, msg: Message) -> None:
        found = self._runs.by_host(msg.src_id)
        if found is not None and not msg.is_dead:
            run, host = found
            run.says(host.name, *shaped(msg.small_value(), (int, str)))

    def _on_file(self, msg: Message) -> None:
        """A service permits a caller of its run to fetch a file, or to write one."""
        found = self._runs.by_host(msg.src_id)
        if found is None or msg.is_dead:
            return
        run, _ = found
        context_id, path, writes = shaped(msg.small_value(), (int, str, bool))
        linked = self.linked.get(context_id)
        if linked is not None and linked.run is run:
            files = linked.written if writes else linked.files
            if len(files) < MAX_FILES:
                files.append(path)

    def _granted(self, context_id: int) -> list[str]:
        linked = self.linked.get(context_id)
        return [] if linked is None else linked.offer.files + linked.files

    def _uploads(self, context_id: int) -> Uploads | None:
        linked = self.linked.get(context_id)
        if linked is None or not linked.offer.uploads + linked.written:
            return None
        host = str(linked.offer.facts.get('inventory_hostname'))
        return Uploads(linked.offer.uploads, linked.written, linked.run.quota, host, linked.offer.upload_bytes)


def _envelope(msg: Message) -> tuple[str, str]:
    """The service and method that a message calls. DecodeError."""
    value = msg.small_value()
    if type(value) is not tuple or len(value) != 4 or type(value[0]) is not str or type(value[1]) is not str:
        raise DecodeError('no call of a service')
    return value[0], value[1]
