"""Get: transfer of one file from another context."""

import errno
import hashlib
import io
import os

from svcfw.core.wire.errors import ChannelError
from svcfw.files.calls import call, is_metadata, malformed, receive
from svcfw.files.disk.file_object import FileObject
from svcfw.files.disk.paths import room_for
from svcfw.files.disk.writer import Wanted, Writer
from svcfw.files.messages.file_parts import FilePlace
from svcfw.files.transfers import HASHED_BYTES, Transfers
from svcfw.service.errors import TransferError

#: What may be written to memory if the caller sets no limit.
MAX_MEMORY_BYTES = 256 * 1024 * 1024


class Get(object):
    """One file `path` (str) of one context; `on_progress(done, total)` or None. For one transfer.

    max_bytes: the size that it may have; None for as much as there is room for: on the disk that it is written to, or
    MAX_MEMORY_BYTES of memory. The other side is not trusted: what it says a file is has to be had here.
    """

    def __init__(self, context, path, on_progress, max_bytes=None):
        self._context = context
        self._path = path
        self._on_progress = on_progress
        self._max_bytes = max_bytes
        self._disk = None  # the place on the disk that decides it
        self._transfers = Transfers.of(context.router)

    def to_file_object(self, file):
        """Write the content to `file`; the metadata."""
        if self._max_bytes is None and isinstance(file, io.BytesIO):
            self._max_bytes = MAX_MEMORY_BYTES
        return self._get(lambda look: self._write(look, file))

    def to_place(self, path, preserves, is_durable):
        """Write the content to the local file `path`; returns the metadata."""
        return self._get(lambda look: self._place(look, path, preserves, is_durable))

    def _get(self, take):
        # Concurrent gets of the same file wait, so that they can take the content from here.
        with self._transfers.alone((self._context.id, self._path)):
            look = self._look()
            if look['digest'] is None and self._transfers.store.of_size(look['size']):
                look = self._look(hashes=True)  # the content may be here under another name
            take(look)
        self._report(look['size'], look['size'])
        return {name: value for name, value in look.items() if name not in ('token', 'digest', 'content')}

    def _look(self, **options):
        look = call(self._context, self._path, 'look', path=self._path, **options)
        if not is_metadata(look) or not _is_look(look):
            raise malformed(self._context, self._path)
        self._admit(look['size'])
        return look

    def _admit(self, size):
        if self._max_bytes is not None and size > self._max_bytes:
            if self._disk is not None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._disk)
            text = '%s: %s: it has %d bytes, and there may be %d: raise max_bytes'
            raise TransferError(text % (self._context, self._path, size, self._max_bytes))

    def _require_size(self, look, size):
        """TransferError if a content that is here, and that the other side says the file has, has another size."""
        if size != look['size']:
            raise malformed(self._context, self._path)

    def _write(self, look, file):
        store = self._transfers.store
        content = look['content']
        if content is None and look['digest'] is not None:
            content = store.get(look['digest'])
        if content is not None:
            self._require_size(look, len(content))
            file.write(content)
        else:
            writer = FileObject(file, look['size'] <= HASHED_BYTES)
            self._fetch(look, writer, writer.check, None)
            content = writer.content()
        if content is not None:
            store.put(hashlib.sha256(content).digest(), content)

    def _place(self, look, path, preserves, is_durable):
        wanted = Wanted(durable=is_durable)
        if preserves:
            wanted.mode, wanted.mtime_ns, wanted.atime_ns = look['mode'] & 0o777, look['mtime_ns'], look['atime_ns']
        digest, content, store = look['digest'], look['content'], self._transfers.store
        writer = Writer(path, None if content is not None else look['token'])
        try:
            room = room_for(writer.path)
            if self._max_bytes is None and room is not None:
                self._max_bytes = room + writer.offset
                self._disk = writer.path
            self._admit(look['size'])

            def finish(digest):
                writer.finish(digest, wanted)
                self._transfers.keep(digest, path)

            if content is not None:
                writer.write(content)
                finish(digest)
            elif digest is not None and store.holds(digest) and writer.fill(lambda fd: store.copy_to(digest, fd)):
                self._require_size(look, writer.offset)
                finish(digest)
            else:
                self._fetch(look, writer, finish, look['token'])
        except ChannelError:
            writer.abandon()  # keeps what has arrived, for a later transfer to resume
            raise
        finally:
            writer.discard()

    def _fetch(self, look, writer, finish, token):
        """Have the file sent to `writer`; it may have changed since `look`."""
        place = FilePlace(writer, finish)

        def begin(into):
            arguments = {'path': self._path, 'into': into, 'token': token, 'offset': writer.offset}
            answer = call(self._context, self._path, 'begin_fetch', **arguments)
            offset = answer.pop('offset', None) if is_metadata(answer) else None
            if offset not in (0, writer.offset):
                raise malformed(self._context, self._path)
            if offset != writer.offset:
                writer.restart()
            self._admit(answer['size'])
            place.size = answer['size']
            look.update(answer)

        receive(self._context, place, begin, self._path, lambda done: self._report(done, place.size))

    def _report(self, done, total):
        if self._on_progress is not None:
            self._on_progress(done, total)


def _is_look(value):
    """Whether `value` has the other fields that `FileService.look` promises, and the content matches the digest."""
    digest, content = value.get('digest'), value.get('content')
    if type(value.get('token')) is not bytes or type(digest) not in (bytes, type(None)):
        return False
    if content is None:
        return 'content' in value
    return type(content) is bytes and len(content) == value['size'] and hashlib.sha256(content).digest() == digest
