"""Beside: a file that is written under a temporary name beside its place, and gets there whole, by one rename."""

import os

from svcfw.files.disk import descriptors


class Beside(object):
    """A new file; `fd`, its open descriptor, is the file's, -1 once closed. For one thread at a time.

    temporary, name: of the file until `put_in_place`, and from then on; the same where the folder is hidden until it is
    complete. folder: a descriptor that both are relative to, which has to stay open; None: they are paths. mode: of the
    new file, less the umask. fd: of a file that has the temporary name already, or will get it; None: it is created.
    The constructor, `put_in_place` and `close` raise OSError; then, too, the owner calls `abandon`.
    """

    __slots__ = ('_folder', '_name', '_temporary', 'fd')

    def __init__(self, temporary, name, folder=None, mode=0o600, fd=None):
        self._temporary = temporary
        self._name = name
        self._folder = folder
        self.fd = os.open(temporary, descriptors.NEW, mode, dir_fd=folder) if fd is None else fd

    @property
    def temporary(self):
        """The temporary name; None once it is in its place, or removed."""
        return self._temporary

    def put_in_place(self):
        """Rename it, over what is there. All is written and verified; whoever writes has given it owner and mode."""
        if self._temporary != self._name:
            os.rename(self._temporary, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._temporary = None

    def close(self):
        """Idempotent, also where it fails, as with a quota."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def abandon(self):
        """Remove it, unless it is in its place, and close it. Idempotent; raises nothing."""
        temporary, self._temporary = self._temporary, None
        if temporary is not None:
            descriptors.unlink(temporary, self._folder)
        try:
            self.close()
        except OSError:
            pass  # it is abandoned after another error
