"""Stream: frames over a pair of descriptors: a link connected to the loop, with a bounded write queue.

Writes from the driving thread are collected and go out at the end of its turn, many frames in one system call. Writes
from other threads go out at once where the descriptor takes them, but for bursts of short frames: each write wakes the
reader, and ssh and sshd on the way to it.
"""

import _thread
import fcntl
import os
import select
from _collections import deque
from itertools import islice

from svcfw.core.waiter import Waiter
from svcfw.core.wire import limits
from svcfw.core.wire.errors import ChannelError, Error
from svcfw.core.wire.frames import Frame
from svcfw.core.wire.link import Closed, Goodbye

#: Above this a writer on another thread waits, and the router stops reading from the source (backpressure).
HIGH_WATER_BYTES = 4 * 1024 * 1024
LOW_WATER_BYTES = 1024 * 1024
#: Frames that a thread sends at intervals below this are written together: those of a millisecond, up to this many
#: bytes.
BURST_S = 0.00004
MAX_BURST_S = 0.001
BURST_BYTES = 16 * 1024
#: A payload up to this size is copied behind its header: cheaper than a buffer of its own.
SMALL_BYTES = 4096
#: How long the frames of one link are handled before others get their turn. Time bounds decoding, bytes and numbers
#: of frames have in common; 0.25 ms is more than all but the rare frame takes, and little beside a call's round trip.
TURN_S = 0.00025
#: How long the last messages of a peer that does not read any more are read, in steps.
LAST_WORDS_S, LAST_STEPS = 0.01, 100
#: fcntl.F_SETPIPE_SZ of Python 3.10.
_SET_PIPE_SIZE = 1031
#: Buffers for one writev(); IOV_MAX is 1024, POSIX promises 16.
MAX_BUFFERS = 16

HAS_SHUT_DOWN = 'the peer has shut down'
#: Events after which none follows, and the reasons.
_ENDS = {Goodbye: HAS_SHUT_DOWN, Closed: 'the connection was lost'}
bytes(limits.KEPT_BYTES)


class Stream(object):
    """One link over non-blocking descriptors, which it owns from now on; they may be one and the same.

    on_event(stream, event) and on_closed(stream, reason) are called on the driving thread; events are those of
    `Link.receive_data`, and nothing follows `on_closed`, which comes exactly once.
    """

    def __init__(self, loop, link, read_fd, write_fd, name, on_event, on_closed):
        self.name = name
        self.closed = False
        self._loop = loop
        self._link = link
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._on_event = on_event
        self._on_closed = on_closed
        self._lock = _thread.allocate_lock()
        self._queue = deque()
        self.queued_bytes = 0
        self._flush_due = False
        self._lingers = False
        self._written_at = self._sent_at = 0.0
        self._sent_by = None
        self._wants_write = False
        self._paused = 0
        self._is_broken = False
        self._read_bytes = limits.READ_BYTES
        self._is_wide = False
        self._events = deque()
        self._delivery_due = False
        self._on_room = []
        self._on_end = []
        for fd in (read_fd, write_fd):
            os.set_blocking(fd, False)
        self._watch()

    def __repr__(self):
        return '<Stream %s%s>' % (self.name, ' closed' if self.closed else '')

    # -- sending; any thread

    def send(self, frame):
        """Queue a frame. Raises ChannelError once closed.

        A thread that does not drive the loop blocks while the queue is full, until the peer reads or is lost
        (backpressure). The driving thread never blocks; it asks `is_full()`.
        """
        while self.queued_bytes > HIGH_WATER_BYTES and not self._loop.is_driving() and not self.closed:
            waiter = Waiter(self._loop)
            self.when_room(waiter.set)
            self._loop.wait(waiter)
        with self._lock:
            if self.closed or self._is_broken:
                raise ChannelError('%s: the connection is closed' % self.name)
            header, payload = self._link.frame_header(frame), frame.payload
            if len(payload) < SMALL_BYTES:
                self._append_small(header, payload)
            else:
                self._append(header)
                self._append(payload)
            self._schedule()

    def say_goodbye(self):
        """Tell the peer that no frame follows."""
        with self._lock:
            if not self.closed:
                try:
                    self._append(self._link.goodbye())
                except ChannelError:
                    return  # sent before, or the peer has left
                self._schedule()

    def write_ahead(self, data):
        """Queue raw bytes before any frame: the program that will read the frames."""
        with self._lock:
            if not self.closed:
                self._append(data)
                self._schedule()

    def drain(self, timeout):
        """Write what is queued, for at most `timeout` seconds: the last act of a process."""
        deadline = self._loop.clock() + timeout
        poller = select.poll()
        poller.register(self._write_fd, select.POLLOUT)
        while self._queue and not self.closed and self._loop.clock() < deadline:
            poller.poll(1000 * timeout)
            self._on_writable()

    def is_full(self):
        return self.queued_bytes > HIGH_WATER_BYTES

    def when_room(self, callback):
        """Call `callback()` once the queue is short, or the stream is closed: at once, or on the driving thread."""
        with self._lock:
            if not self.closed and self.queued_bytes > LOW_WATER_BYTES:
                self._on_room.append(callback)
                return
        callback()

    def when_closed(self, callback):
        """Call `callback()` once the stream is closed; at once if it is."""
        with self._lock:
            if not self.closed:
                self._on_end.append(callback)
                return
        callback()

    def pause_reading(self):
        """Leave the peer's bytes in the kernel until as many calls of `resume_reading()`. Driving thread."""
        self._pause(1)

    def resume_reading(self):
        self._pause(-1)

    def _pause(self, change):
        with self._lock:
            self._paused += change
            self._watch()
        if self._events and not self._paused:  # what was read at once with that for which there was no room
            self._loop.call_soon(self._deliver)

    # -- the write queue; with the lock held

    def _append(self, data):
        if not data:
            return  # writev() would report no progress for ever
        self._queue.append(data)
        self.queued_bytes += len(data)

    def _append_small(self, header, payload):
        """The same for what goes into one buffer with others."""
        queue = self._queue
        if not queue or type(queue[-1]) is not bytearray or len(queue[-1]) > BURST_BYTES:
            queue.append(bytearray())
        queue[-1] += header
        queue[-1] += payload
        self.queued_bytes += len(header) + len(payload)

    def _schedule(self):
        if self._wants_write:
            return
        if self._loop.is_driving():
            if not self._flush_due:
                self._flush_due = True
                self._loop.flush_later(self._flush)
        elif self.queued_bytes >= BURST_BYTES or not (self._is_burst() or self._loop.gathers()) or not self._linger():
            self._written_at = self._loop.clock()
            self._write()

    def _is_burst(self):
        """Whether the calling thread sends one frame after the other, so that others will follow this one."""
        now, me = self._loop.clock(), _thread.get_ident()
        is_quick = now - self._sent_at < BURST_S and me == self._sent_by
        self._sent_at, self._sent_by = now, me
        return is_quick and now - self._written_at < MAX_BURST_S

    def _linger(self):
        """Have what is queued written moments later; whether it will be."""
        self._lingers = self._lingers or self._loop.linger(self._flush)
        return self._lingers

    def _flush(self):
        with self._lock:  # another thread may be about to note that it lingers
            self._flush_due = self._lingers = False
            if not self.closed and not self._wants_write:
                self._written_at = self._loop.clock()
                self._write()
            callbacks = self._take_room_callbacks()
        for callback in callbacks:
            callback()

    def _write(self):
        """Write what the descriptor takes."""
        try:
            while self._queue:
                if len(self._queue) == 1:
                    n = os.write(self._write_fd, self._queue[0])
                else:
                    n = os.writev(self._write_fd, list(islice(self._queue, MAX_BUFFERS)))
                self.queued_bytes -= n
                if self.queued_bytes:
                    self._drop(n)
                else:
                    self._queue.clear()
        except BlockingIOError:
            self._wants_write = True
            self._watch()
        except OSError as e:
            reason = e.strerror
            self._is_broken = True
            self._queue.clear()
            self._loop.call_soon(lambda: self._on_broken(reason))

    def _drop(self, n):
        """The first `n` bytes of the queue were written."""
        while n:
            head = self._queue.popleft()
            if len(head) > n:
                self._queue.appendleft(memoryview(head)[n:])
                return
            n -= len(head)

    def _on_writable(self):
        with self._lock:
            self._wants_write = False
            if not self.closed:
                self._write()
                if not self._wants_write:
                    self._watch()
            callbacks = self._take_room_callbacks()
        for callback in callbacks:
            callback()

    def _take_room_callbacks(self):
        if self.queued_bytes > LOW_WATER_BYTES:
            return []
        callbacks, self._on_room = self._on_room, []
        return callbacks

    def _watch(self):
        readable = None if self._paused else self._on_readable
        writable = self._on_writable if self._wants_write else None
        if self.closed:
            return
        if self._read_fd == self._write_fd:
            self._loop.watch(self._read_fd, readable, writable)
        else:
            self._loop.watch(self._read_fd, readable)
            self._loop.watch(self._write_fd, None, writable)

    # -- receiving; driving thread

    def _on_readable(self):
        """Read once, unless earlier frames wait for their turn. Returns whether there was data."""
        if self._events:
            return True
        try:
            data = os.read(self._read_fd, self._read_bytes)
            self._read_bytes = limits.READ_BYTES
            if len(data) >= limits.READ_BYTES:
                self._read_bytes = limits.BULK_READ_BYTES
                if not self._is_wide:
                    self._is_wide = True
                    widen(self._read_fd)
            self._events.extend(self._link.receive_data(data) if data else [self._link.receive_eof()])
            if len(self._events) * limits.SMALL_FRAME_BYTES > len(data):
                self._read_bytes = limits.SHORT_READ_BYTES
        except BlockingIOError:
            return False
        except OSError as e:
            self._end(e.strerror)
        except Error as e:
            self._end(e)
        self._deliver()
        return True

    def _deliver(self):
        """Process what has arrived, for one turn's time, up to a pause.

        The loop processes the rest in its next turn, also if a callback waits or fails.
        """
        events, clock, end = self._events, self._loop.clock, None
        while events and not self.closed and (not self._paused or self._is_broken):
            event = events.popleft()
            if events:
                if end is None:
                    end = clock() + TURN_S
                if not self._delivery_due:
                    self._delivery_due = True
                    self._loop.call_soon(self._deliver_rest)
            try:
                self._on_event(self, event)
            finally:
                if type(event) is not Frame and type(event) in _ENDS:
                    self._end(_ENDS[type(event)])
            if events and clock() >= end:
                return

    def _deliver_rest(self):
        self._delivery_due = False
        self._deliver()

    def _on_broken(self, reason, steps=LAST_STEPS):
        """The peer does not read any more; its last messages may still be there, and are read for a bounded time."""
        if self.closed:
            return
        if steps and self._on_readable():
            self._deliver()  # what was read while it was paused
            self._loop.call_later(LAST_WORDS_S, lambda: self._on_broken(reason, steps - 1))
        else:
            self._end(reason)

    def _end(self, reason):
        self.close('%s: %s' % (self.name, reason))

    def close(self, reason):
        """Stop at once and close the descriptors; drops what is queued. Driving thread; idempotent."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            self._queue.clear()
            self.queued_bytes = 0
            callbacks = self._take_room_callbacks()
        for fd in {self._read_fd, self._write_fd}:
            self._loop.watch(fd)
            os.close(fd)
        for callback in callbacks + self._on_end:
            self._loop.call_soon(callback)
        self._on_closed(self, reason)

    def abandon(self):
        """In a fork: close this process's copies of the descriptors; the link is the original's."""
        self._lock = _thread.allocate_lock()
        if not self.closed:
            self.closed = True
            self._queue.clear()
            for fd in {self._read_fd, self._write_fd}:
                os.close(fd)


def widen(fd):
    """Enlarge a pipe to the size of one read; its default is a quarter. Anything but a pipe is unchanged."""
    try:
        fcntl.fcntl(fd, _SET_PIPE_SIZE, limits.BULK_READ_BYTES)
    except OSError:
        pass  # not Linux, no pipe, or the account's limit is reached
