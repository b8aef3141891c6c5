"""Puts: files written here, from the wire, from memory, or from an earlier file. Modes: svcfw.files.disk.upload."""

import contextlib
import os

from svcfw.agent import ops
from svcfw.agent.contents import Contents, Kept
from svcfw.agent.files import Failure
from svcfw.agent.jobs.job import Job
from svcfw.files.disk.upload import Upload

#: Bytes copied in one turn of the loop, so that nothing else waits for long.
_TURN_BYTES = 1024 * 1024


class Puts(object):
    """Performs ops.PUT and the like; one file at a time for each session. Loop thread only."""

    def __init__(self, loop):
        self.contents = Contents()
        self.kept = Kept()
        self._loop = loop
        self._uploads = {}

    def put(self, session_id, part):
        """Write a part of a large file (requests.Put). Raises Failure."""
        path, flags, digest = part.path, part.flags, part.digest
        if flags & ops.PUT_ABANDON:
            self.abandon(session_id)
            return
        if flags & ops.PUT_FIRST:
            self.abandon(session_id)
            with _writing(path):
                self._uploads[session_id] = Upload(path, part.mode)
        if session_id not in self._uploads:
            raise Failure(path, "cannot write '%s'" % path, 'its beginning is missing')
        upload = self._uploads[session_id]
        try:
            with _writing(path):
                upload.write(part.data)
                if flags & ops.PUT_LAST:
                    upload.close(digest)
            if flags & ops.PUT_LAST:
                self.kept.add(digest, path)
        except Failure:
            del self._uploads[session_id]
            raise
        if flags & ops.PUT_LAST:
            del self._uploads[session_id]

    def put_held(self, file):
        """Write a file whose content was sent before (requests.PutHeld). Raises Failure."""
        path = file.path
        content = self.contents.get(file.digest)
        if content is None:
            raise Failure(path, "cannot write '%s'" % path, 'checksum mismatch')
        with _writing(path):
            upload = Upload(path, file.mode)
            upload.write(content)
            upload.close(file.digest)

    def abandon(self, session_id):
        """The session sends no more of its file."""
        upload = self._uploads.pop(session_id, None)
        if upload is not None:
            upload.abandon()


@contextlib.contextmanager
def _writing(path):
    """What goes wrong while `path` is written is a Failure."""
    try:
        yield
    except (OSError, ValueError) as e:
        raise Failure(path, "cannot write '%s'" % path, e)


class CopyJob(Job):
    """Copies a large file from an earlier one. Answers `message`, a requests.PutKept.

    begin() raises Failure. on_over(copy) is called at the end, on_failed(Failure) after a failure.
    """

    def __init__(self, loop, message, session, puts, file, on_over, on_failed):
        self.key = message.frame.reply_to
        self.session = session
        self._loop = loop
        self._message = message
        self._puts = puts
        self._path, self._mode, self._digest = file.path, file.mode, file.digest
        self._on_over = on_over
        self._on_failed = on_failed
        self._fd = -1
        self._upload = None
        self._offset = 0

    def begin(self):
        fd = self._puts.kept.open(self._digest)
        if fd is None:
            self._end(False)
            return
        try:
            with _writing(self._path):
                self._upload = Upload(self._path, self._mode)
        except Failure:
            os.close(fd)
            raise
        self._fd = fd
        self._step()

    def kill(self):
        self._close()
        self._on_over(self)

    def _step(self):
        if self._fd < 0:
            return
        try:
            data = os.pread(self._fd, _TURN_BYTES, self._offset)
            if data:
                with _writing(self._path):
                    self._upload.write(data)
                self._offset += len(data)
                self._loop.call_soon(self._step)
                return
            if not self._upload.is_whole(self._digest):
                self._end(False)  # modified in a way that its metadata does not show
                return
            with _writing(self._path):
                self._upload.close(self._digest)
        except (OSError, Failure) as e:
            self._close()
            self._on_over(self)
            self._on_failed(e if isinstance(e, Failure) else Failure(self._path, "cannot read '%s'" % self._path, e))
            return
        self._upload = None
        self._puts.kept.add(self._digest, self._path)
        self._end(True)

    def _end(self, is_done):
        self._close()
        self._on_over(self)
        self._message.reply(is_done)

    def _close(self):
        if self._upload is not None:
            self._upload.abandon()
            self._upload = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
