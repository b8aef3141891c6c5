"""Messages between an agent and its template, over a stream socket that also passes descriptors.

This is not the wire: both ends are one program and one account's, so a job may be marshalled, in the form that every
version reads; the way back, which a module could try to forge, is fixed structs only. An interpreter that was started
for it says READY before anything else, and then what it goes by: paths, as many bytes as the value says. A message is a
header (body length, kind) and the body; the descriptors of a job travel with the first byte of its header.
"""

import array
import collections
import marshal
import os
import socket
import struct

from svcfw.agent.warm import job as jobs

HEADER = struct.Struct('>IB')
#: kind, job id, pid or wait status
EVENT = struct.Struct('>BIi')

ADD, RUN, KILL, PREPARE = 1, 2, 3, 4
#: SPENT: jobs go the cold way from now on, since what was imported for them is no longer what there is.
#: RAN: which run of its process it was, and 65,536 times why that was a new one (a place in kinds.KINDS).
STARTED, EXITED, READY, SPENT, RAN = 1, 2, 3, 4, 5
#: Of a worker: a run (its number) has ended with status 0, its process is compared; and then (RAN) the place in
#: kinds.KINDS of why no other follows (int, 0 if one may), and more about it (str).
OVER = 6
#: Characters of what a worker says.
MAX_TEXT = 16 * 1024
_MARSHAL_VERSION = 2

_FD_BYTES = array.array('i').itemsize
_MAX_FDS = 16
_READ_BYTES = 256 * 1024


def pack_job(job_id, job, has_members=True):
    """A RUN message's body (bytes) for a WarmJob; a str subclass among its values, as a secret is, becomes a plain str.

    has_members: False where the receiver has the list of its members by name.
    """
    values = tuple([_plain(value) for value in job.values()])
    members = job.members if has_members else None
    return marshal.dumps((job_id, values, job.member_list, members, job.has_link), _MARSHAL_VERSION)


def unpack_job(body):
    """(job_id, WarmJob), inverse of `pack_job`; its members are None where the message does not have them."""
    job_id, values, member_list, members, has_link = marshal.loads(body)
    job = jobs.decoded(values)
    job.member_list, job.members, job.has_link = member_list, members, has_link
    return job_id, job


def pack(*values):
    """The body of a PREPARE message (as of `Prepared.add`), and of RAN and ADD between the template and its workers."""
    return marshal.dumps(values, _MARSHAL_VERSION)


def unpack(body):
    """The values (tuple) given to `pack`."""
    return marshal.loads(body)


def message(kind, body):
    """The whole message (bytes)."""
    return HEADER.pack(len(body), kind) + body


def _plain(value):
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value


class PipeWriter(object):
    """Queues messages for a non-blocking socket and writes what it takes."""

    def __init__(self, sock):
        self._socket = sock
        self._queue = collections.deque()
        self.queued_bytes = 0

    def put(self, kind, body, fds=()):
        """Queue a message. The descriptors are duplicated: the caller may close its own at once."""
        copies = [os.dup(fd) for fd in fds]
        self._push(HEADER.pack(len(body), kind), copies)
        if body:
            self._push(body, [])

    def put_raw(self, data):
        """Queue bytes that are no message."""
        self._push(data, [])

    def _push(self, data, fds):
        self._queue.append((memoryview(data), fds))
        self.queued_bytes += len(data)

    def flush(self):
        """Write until the socket is full or nothing is left. False if the peer is gone."""
        queue = self._queue
        while queue:
            data, fds = queue[0]
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
            try:
                sent = self._socket.sendmsg([data], ancillary)
            except (BlockingIOError, InterruptedError):
                return True
            except OSError:
                return False
            _close(fds)
            self.queued_bytes -= sent
            queue.popleft()
            if sent < len(data):
                queue.appendleft((data[sent:], []))
        return True

    def drop(self):
        """Drop what is queued and close its descriptors."""
        while self._queue:
            _close(self._queue.popleft()[1])
        self.queued_bytes = 0


class PipeReader(object):
    """Reads messages and descriptors from a non-blocking socket."""

    def __init__(self, sock):
        self._socket = sock
        self._buffer = bytearray()
        self._fds = collections.deque()
        self.ended = False

    def read(self):
        """Read once; returns the complete messages, as a list of (kind, body). Sets `ended` at the end."""
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_READ_BYTES, socket.CMSG_SPACE(_MAX_FDS * _FD_BYTES))
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:
            data, ancillary = b'', []
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._fds.extend(array.array('i', payload[: len(payload) // _FD_BYTES * _FD_BYTES]))
        if not data:
            self.ended = True
        self._buffer += data
        return self._messages()

    def other_fds(self):
        """Descriptors that arrived for later messages (list)."""
        return list(self._fds)

    def take_fds(self, count):
        """The next `count` descriptors that arrived, owned by the caller."""
        return [self._fds.popleft() for _ in range(count)]

    def _messages(self):
        buffer, start, messages = self._buffer, 0, []
        while len(buffer) - start >= HEADER.size:
            length, kind = HEADER.unpack_from(buffer, start)
            end = start + HEADER.size + length
            if end > len(buffer):
                break
            messages.append((kind, bytes(buffer[start + HEADER.size : end])))
            start = end
        del buffer[:start]
        if not buffer:
            self._buffer = bytearray()  # the old one would keep what was in it
        return messages


def _close(fds):
    for fd in fds:
        os.close(fd)
    del fds[:]
