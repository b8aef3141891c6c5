"""Spools: all contents relayed by one context, within bounds of memory and disk."""

import _thread
import os

from svcfw.files.disk import descriptors
from svcfw.files.relay.spool import Pack, Spool, SpoolReader

#: How long a complete one without readers stays on disk, for receivers that come later.
KEPT_S = 60.0
#: Spools take at most this fraction (1/n) of a disk's free space.
FREE_PART = 2
_NOWHERE = object()


class Spools(object):
    """Spools by digest. memory_bytes: bound of those in memory; others are on disk. Any thread."""

    def __init__(self, loop, memory_bytes):
        self._loop = loop
        self._memory_bytes = memory_bytes
        self._lock = _thread.allocate_lock()
        self._spools = {}
        self._on_disk = []  # with those that are read although they have failed; the last used last

    def begin(self, digest, size):
        """(Spool, whether it is new); None where there is no room.

        The caller fills a new one, and calls `filled` when that is done or has failed.
        """
        with self._lock:
            spool = self._spools.get(digest)
            if spool is not None:
                return spool, False
            fd = self._place(size, size)
            return None if fd is _NOWHERE else (self._add(Spool(digest, size, fd)), True)

    def begin_pack(self, most):
        """A new Pack of at most `most` bytes; None where there is no room. As for `begin`."""
        with self._lock:
            fd = self._place(most, 0)
            return None if fd is _NOWHERE else self._add(Pack(most, fd))

    def grow(self, pack, n):
        """Reserve room for `n` bytes more in a Pack; returns whether there is."""
        with self._lock:
            if (
                not pack.is_filling
                or pack.failure is not None
                or (pack.fd is not None and not self._has_room(pack.fd, n))
            ):
                return False
            pack.size += n
            return True

    def filled(self, spool, failure=None):
        """The filling of a new one has ended; failure: why it failed (str), or None."""
        with self._lock:
            spool.is_filling = False  # no more will be requested into it
        if failure is not None:
            spool.fail(failure)
        with self._lock:
            self._settle(spool)

    def open(self, digest):
        """A SpoolReader; None if there is no such content."""
        with self._lock:
            spool = self._spools.get(digest)
            if spool is None:
                return None
            spool.readers += 1
        return SpoolReader(spool, lambda: self._leave(spool))

    def _leave(self, spool):
        """A reader has closed its source."""
        with self._lock:
            spool.readers -= 1
            is_deserted = not spool.readers
        if is_deserted:
            spool.fail('no receiver is left')
        with self._lock:
            self._settle(spool)

    # -- under the lock

    def _add(self, spool):
        self._spools[spool.digest] = spool
        if spool.fd is not None:
            self._on_disk.append(spool)
        return spool

    def _place(self, size, now):
        """None: memory, if that has room for `size` bytes; a descriptor; _NOWHERE if no disk has room for `now`."""
        if size <= self._memory_bytes - sum(spool.memory_bytes for spool in self._spools.values()):
            return None
        fd = self._make_file(now)
        return _NOWHERE if fd is None else fd

    def _settle(self, spool):
        """Remove a failed one; free an unused one: a Pack, or one on disk, after a delay."""
        has_failed = spool.failure is not None and not spool.is_kept
        if has_failed and self._spools.get(spool.digest) is spool:
            del self._spools[spool.digest]
        if spool.readers or spool.is_filling:
            return
        if has_failed or (spool.fd is None and not spool.is_kept):
            self._drop(spool)
        else:
            spool.used_at = used_at = self._loop.clock()
            self._loop.call_later(KEPT_S, lambda: self._expire(spool, used_at))

    def _drop(self, spool):
        if self._spools.get(spool.digest) is spool:
            del self._spools[spool.digest]
        if spool in self._on_disk:
            self._on_disk.remove(spool)
        spool.close()

    def _expire(self, spool, used_at):
        """Loop thread."""
        with self._lock:
            if self._is_idle(spool) and spool.used_at == used_at:
                self._drop(spool)

    def _is_idle(self, spool):
        return self._spools.get(spool.digest) is spool and not spool.readers and not spool.is_filling

    def _make_file(self, size):
        """A descriptor of a new file if the disk has room for `size` bytes, else None."""
        idle = sorted(filter(self._is_idle, self._on_disk), key=lambda spool: spool.used_at)
        while True:
            for folder in folders():
                fd = unnamed_file(folder)
                if fd is not None and self._has_room(fd, size):
                    return fd
                if fd is not None:
                    os.close(fd)
            if not idle:
                return None
            self._drop(idle.pop(0))

    def _has_room(self, fd, size):
        disk = os.fstatvfs(fd)
        to_come = sum(spool.size - spool.offset for spool in self._on_disk)
        return (size + to_come) * FREE_PART <= disk.f_bavail * disk.f_frsize


def folders():
    """Folders for temporary files; /tmp last, which may be in memory."""
    return filter(None, (os.environ.get('TMPDIR'), '/var/tmp', '/tmp'))


def unnamed_file(folder):
    """A descriptor of a new unnamed file, which no other process can open; None where that is not supported."""
    path = os.path.join(folder, '.svcfw-' + os.urandom(8).hex())
    try:
        fd = os.open(path, descriptors.NEW, 0o600)
    except OSError:
        return None
    os.unlink(path)
    return fd
