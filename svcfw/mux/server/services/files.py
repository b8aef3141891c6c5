"""FileService of the controller for modules: they fetch and write the files that their offers name."""

import collections
import hashlib
import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from svcfw.core.message import Message
from svcfw.core.wire.errors import Error
from svcfw.files.calls import SERVICE as FILES
from svcfw.files.disk.paths import encoded
from svcfw.files.disk.writer import Wanted, Writer
from svcfw.files.service import FileService
from svcfw.mux.server.services.uploads import MAX_PARTS, Uploads, is_at
from svcfw.program.router import Router
from svcfw.service.errors import RefusedError, TransferError, transfer_error
from svcfw.service.exposed import arg_spec, expose
from svcfw.service.invoker import Invoker
from svcfw.service.policy import AllowAny
from svcfw.service.request import Request

__all__ = ['FILES', 'ControllerFiles']

#: Queued requests of one module; bounded so that those of others do not wait for long.
MAX_WAITING_OF_ONE = 64
#: Larger contents are sent to one module of an account, and the others copy its file: see SharedStore.
INLINE_BYTES = 8 * 1024
#: The path by which FileService names an open file, to check where it is.
_OPEN_FILE = re.compile(rb'/proc/self/fd/\d+')
#: The arguments of a put, as FileService has them.
_PUT: dict[str, Any] = {'path': str, 'size': int, 'token': bytes, 'wanted': dict}
_PUT |= {'digest': (bytes, type(None)), 'data': (bytes, type(None))}


class _FairInvoker(Invoker):
    """Bounds the queued requests of each module."""

    def __init__(self, service: FileService, workers: Any) -> None:
        super().__init__(service, workers)
        self._counting = threading.Lock()
        self._of: collections.Counter[int] = collections.Counter()

    def enqueue(self, request: Request) -> Request | None:
        with self._counting:
            if self._of[request.src_id] >= MAX_WAITING_OF_ONE:
                raise RefusedError(f'{MAX_WAITING_OF_ONE} requests of this module for files are waiting already')
            self._of[request.src_id] += 1
        try:
            return super().enqueue(request)
        except BaseException:
            self._is_done(request)
            raise

    def run(self, item: Any) -> None:
        if isinstance(item, Request) and self._waits_for_room(item):
            return
        try:
            super().run(item)
        finally:
            if isinstance(item, Request):
                self._is_done(item)

    def _waits_for_room(self, request: Request) -> bool:
        """Whether the link to its host is full: then it is queued again once there is room, and holds no thread."""
        link = request.router.link_for(request.src_id)
        if link is None or not link.is_full():
            return False
        link.when_room(lambda: self._take_again(request))
        return True

    def _take_again(self, request: Request) -> None:
        try:
            super().enqueue(request)
            with self._lock:
                self._workers.schedule(self)
        except Error as exc:  # the pool has ended
            self._is_done(request)
            request.refuse(str(exc))

    def _is_done(self, request: Request) -> None:
        with self._counting:
            self._of[request.src_id] -= 1
            if self._of[request.src_id] <= 0:
                del self._of[request.src_id]


class ControllerFiles(FileService):
    """FileService of the controller: a module may fetch the files of its offer, and write to the uploads of its offer.

    granted(context id): paths that it may fetch now; uploads(context id): where it may write now, None: nowhere. Both
    are called on any thread.
    """

    invoker_class = _FairInvoker
    _inline_bytes = INLINE_BYTES

    def __init__(
        self, router: Router, granted: Callable[[int], list[str]], uploads: Callable[[int], Uploads | None]
    ) -> None:
        super().__init__(router)
        self._grants: Any = _Granted(granted)
        self._uploads = uploads

    @classmethod
    def name(cls) -> str:
        return FILES

    def _not_granted(self, msg: Message) -> TransferError:
        return TransferError('this host may not have it. Name it, or a folder above it, in ansible_svcfw_files')

    @expose(policy=AllowAny())  # type: ignore[untyped-decorator]
    @arg_spec(spec=_PUT)  # type: ignore[untyped-decorator]
    def begin_put(
        self,
        path: str,
        size: int,
        token: bytes,
        digest: bytes | None,
        data: bytes | None,
        wanted: dict[str, Any],
        msg: Message,
    ) -> Any:
        """As of FileService, for places where the sender may write. The answer reveals nothing: neither which contents
        the controller has, nor blocks of the present file, which may be from another host."""
        uploads = self._uploads(msg.src_id)
        if uploads is None:
            raise TransferError('this host may write nothing: nothing is in ansible_svcfw_uploads here')
        place = uploads.place(path)
        size = size if data is None else len(data)
        try:
            # Each host resumes what itself has begun.
            own = None if data is not None else hashlib.sha256(uploads.host.encode() + b'\0' + token).digest()
            writer = _Upload(place, own, lambda: self._uploads(msg.src_id) is not None)
        except OSError as exc:
            raise transfer_error(exc) from exc
        try:
            uploads.require_there(writer.fileno(), place)
            uploads.charge(size, writer.offset)
            attributes = Wanted(mode=uploads.mode(place, wanted), durable=wanted.get('durable') is True)
            if data is None:
                return self._take(writer, place, size, attributes, msg, compares=False)
            writer.restart()
            writer.write(data)
            writer.finish(digest, attributes)
        except Exception as exc:
            writer.discard()
            raise transfer_error(exc) from exc
        return {'is_done': True}


class _Upload(Writer):
    """A Writer that refuses to finish once the permissions of its module have ended."""

    def __init__(self, path: str, token: bytes | None, is_allowed: Callable[[], bool]) -> None:
        super().__init__(path, token)
        self._is_allowed = is_allowed

    def finish(self, digest: bytes | None, wanted: Wanted) -> Any:
        if not self._is_allowed():
            raise TransferError('the module has ended')
        return super().finish(digest, wanted)


class _Granted:
    """In place of svcfw.files.grants.Grants: grants files, and everything below folders, links resolved. Any thread."""

    def __init__(self, granted: Callable[[int], list[str]]) -> None:
        self._granted = granted

    def find(self, path: str | bytes, context_id: int) -> bytes | None:
        """The resolved path (bytes) that a context may open, None if it may not."""
        asked = os.path.normpath(encoded(path))
        is_open = _OPEN_FILE.fullmatch(asked) is not None
        if asked.count(b'/') > MAX_PARTS:
            return None
        real = None
        # What is said is what is granted, mostly, and to resolve a path takes system calls.
        granted_here = map(encoded, self._granted(context_id))
        for granted in sorted(granted_here, key=lambda each: not is_at(asked, os.path.normpath(each))):
            place = _resolved(granted)
            if is_open or is_at(asked, place) or is_at(asked, os.path.normpath(granted)):
                if real is None:
                    real = os.readlink(asked) if is_open and os.path.islink(asked) else _resolved(asked)
                if is_at(real, place):
                    return real
        return None


def _resolved(path: bytes) -> bytes:
    """As os.path.realpath, which makes a system call for each part of a path: some hundred files take it 30 ms."""
    if hasattr(os, 'O_PATH'):
        with suppress(OSError):  # it is not there, or there is no /proc
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                return os.readlink(b'/proc/self/fd/%d' % fd)
            finally:
                os.close(fd)
    return os.path.realpath(path)
