"""Files that are put here: their content from the wire, from memory, or from a file that came before."""

import contextlib
import os

from svcfw.agent import ops
from svcfw.agent.contents import Contents, Kept
from svcfw.agent.files import Failure
from svcfw.files.disk.upload import Upload

#: Copied in one turn of the loop, so that nothing else waits for long.
_TURN_BYTES = 1024 * 1024


class Puts(object):
    """What an agent does about ops.PUT and its like; one file at a time for each session. Loop thread only."""

    def __init__(self, loop):
        self.contents = Contents()
        self.kept = Kept()
        self._loop = loop
        self._uploads = {}

    def put(self, session_id, path, mode, data, flags, digest):
        """A part of a large file. Failure."""
        if flags & ops.PUT_ABANDON:
            self.abandon(session_id)
            return
        if flags & ops.PUT_FIRST:
            self.abandon(session_id)
            with _writing(path):
                self._uploads[session_id] = Upload(path, mode)
        if session_id not in self._uploads:
            raise Failure(path, "cannot write '%s'" % path, 'its beginning is missing')
        upload = self._uploads[session_id]
        try:
            with _writing(path):
                upload.write(data)
                if flags & ops.PUT_LAST:
                    upload.close(digest)
            if flags & ops.PUT_LAST:
                self.kept.add(digest, path)
        except Failure:
            del self._uploads[session_id]
            raise
        if flags & ops.PUT_LAST:
            del self._uploads[session_id]

    def put_held(self, path, mode, digest):
        """A file whose content was given before. Failure."""
        content = self.contents.get(digest)
        if content is None:
            raise Failure(path, "cannot write '%s'" % path, 'its content did not arrive as it was sent')
        with _writing(path):
            upload = Upload(path, mode)
            upload.write(content)
            upload.close(digest)

    def abandon(self, session_id):
        """The rest of what this session was sending will not come."""
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


class Copy(object):
    """A large file put from one that came before, with the face of a Job: the answer to `message`, ops.PUT_KEPT.

    begin(): Failure. on_over(copy) is called once it is over, on_failed(Failure) when it broke off.
    """

    def __init__(self, loop, message, session, puts, arguments, on_over, on_failed):
        self.key = message.frame.reply_to
        self.session = session
        self._loop = loop
        self._message = message
        self._puts = puts
        self._path, self._mode, self._digest = arguments
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

    def grant(self, credit):
        """Nothing is sent that takes credit."""

    def kill(self):
        """Nobody waits for it any more."""
        self._close()
        self._on_over(self)

    def doom(self):
        """Nothing is left to be done: a copy does not outlive `kill`."""

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
                self._end(False)  # it was changed in a way that does not show
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
